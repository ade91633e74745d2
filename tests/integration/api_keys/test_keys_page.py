"""The keys page: a secret is shown in one answer and never again."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.models.api_keys import ApiKey, KeySecret
from tests.support.dashboard_client import PARTIAL, Browser, World

ID = "6f3f2dba-9bb8-4b31-9a8e-5c37af1f0e11"
FORM = {"id": ID, "name": "Shop, Android", "mode": "live", "scopes": ["send", "otp", "read"]}
SECRET = re.compile(r"cq_(?:live|test)_[0-9A-Za-z]{38}")


def secrets_in(page: str) -> set[str]:
    return set(SECRET.findall(page))


def create(browser: Browser, **more: Any) -> str:
    answer = browser.post("/dashboard/keys/new", {**FORM, **more})
    assert answer.status_code == 200, answer.text
    (secret,) = secrets_in(answer.text)
    return secret


def works(services: Services, secret: str) -> bool:
    with services.sessions() as session:
        try:
            authentication.authenticate(session, secret)
        except UnknownKey:
            return False
        return True


def stored(services: Services) -> ApiKey:
    with services.sessions() as session:
        key = session.scalars(select(ApiKey)).one()
        key.secrets  # noqa: B018  loaded before the session closes
        session.expunge_all()
    return key


def test_first_use_says_what_to_do(owner: Browser, viewer: Browser) -> None:
    assert "No key yet" in owner.get("/dashboard/keys/").text
    assert "Create a key" in owner.get("/dashboard/keys/").text
    assert "Create a key" not in viewer.get("/dashboard/keys/").text


def test_a_new_key_is_shown_with_a_sample_that_is_ready_to_run(owner: Browser, services: Services) -> None:
    page = owner.post("/dashboard/keys/new", FORM).text
    (secret,) = secrets_in(page)
    assert works(services, secret)
    assert "You will not see it again" in page
    assert "curl http://gateway.test/otp/send" in page
    assert f"X-API-Key: {secret}" in page
    assert "language&#34;:&#34;en" in page


def test_no_other_page_shows_the_secret(owner: Browser) -> None:
    create(owner)
    for url in (
        "/dashboard/keys/",
        "/dashboard/keys/new",
        f"/dashboard/keys/{ID}/rotate",
        f"/dashboard/keys/{ID}/revoke",
    ):
        assert not secrets_in(owner.get(url).text)


def test_a_reload_makes_no_second_key_and_shows_nothing(owner: Browser, services: Services) -> None:
    create(owner)
    again = owner.post("/dashboard/keys/new", FORM)
    assert again.status_code == 303
    page = owner.get("/dashboard/keys/").text
    assert "A new secret was created already" in page
    assert not secrets_in(again.text + page)
    assert stored(services).id == ID


def test_htmx_gets_the_secret_in_the_dialog_and_the_list_behind_it(owner: Browser) -> None:
    answer = owner.post("/dashboard/keys/new", FORM, headers=PARTIAL)
    assert "<html" not in answer.text
    assert '<hx-partial hx-target="#keys"' in answer.text
    assert len(secrets_in(answer.text)) == 1


def test_all_fields_arrive(owner: Browser, services: Services) -> None:
    until = (utcnow() + timedelta(days=30)).date()
    more = {"mode": "test", "scopes": ["otp"], "networks": "41.138.0.0/16\n 2001:db8::1, 41.138.0.0/16"}
    secret = create(owner, **more, otp_cap="5 000", message_cap="", expires=until.isoformat())
    key = stored(services)
    assert secret.startswith("cq_test_")
    assert (key.mode, key.scopes, key.otp_cap, key.message_cap) == ("test", ["otp"], 5000, None)
    assert key.networks == ["41.138.0.0/16", "2001:db8::1/128"]
    assert key.expires_at and key.expires_at.date() == until and key.expires_at.hour == 23
    assert key.created_by == "owner@example.org"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("name", "  ", "Give it a name"),
        ("name", "x" * 81, "on one line: 80"),
        ("name", "a\x01b", "on one line: 80"),
        ("scopes", [], "Choose at least one"),
        ("scopes", ["admin"], "Choose at least one"),
        ("networks", "41.138.0.0/99", "“41.138.0.0/99” is not an IP address"),
        ("networks", " ".join(f"10.0.0.{n}" for n in range(21)), "Most networks: 20"),
        ("otp_cap", "0", "from 1 to 1,000,000"),
        ("otp_cap", "1000001", "from 1 to 1,000,000"),
        ("message_cap", "٣", "from 1 to 1,000,000"),
        ("message_cap", "9" * 5000, "from 1 to 1,000,000"),
        ("expires", "tomorrow", "Enter a date"),
        ("expires", "2020-01-01", "Choose a day from today on"),
        ("expires", "9999-12-31", "Choose a day from today on"),
    ],
)
def test_a_wrong_field_is_told_and_the_rest_kept(
    owner: Browser, services: Services, name: str, value: object, told: str
) -> None:
    answer = owner.post("/dashboard/keys/new", {**FORM, name: value}, headers=PARTIAL)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'href="#f-{name}"' in answer.text
    assert f'id="f-{name}-e"' in answer.text
    assert name == "name" or 'value="Shop, Android"' in answer.text
    assert f'value="{ID}"' in answer.text
    assert 'id="key-form"' in answer.text
    with services.sessions() as session:
        assert session.scalar(select(ApiKey)) is None


def test_two_living_keys_do_not_share_a_name(owner: Browser, world: World) -> None:
    world.key("Shop, Android")
    answer = owner.post("/dashboard/keys/new", FORM)
    assert answer.status_code == 422
    assert "A key has this name already" in answer.text


def test_a_name_is_text_and_never_markup(owner: Browser, world: World) -> None:
    world.key("<img src=x onerror=alert(1)>")
    assert "<img" not in owner.get("/dashboard/keys/").text


def test_rotation_shows_the_new_secret_and_the_old_one_s_end(owner: Browser, services: Services) -> None:
    old = create(owner)
    newest = stored(services).secrets[-1].id
    page = owner.post(f"/dashboard/keys/{ID}/rotate", {"grace": "1h", "newest": newest}).text
    (new,) = secrets_in(page)
    assert works(services, old) and works(services, new)
    assert "in 1 hr" in page
    listed = owner.get("/dashboard/keys/").text
    assert f"cq_live_…{old[-4:]}" in listed and f"cq_live_…{new[-4:]}" in listed


def test_rotation_without_grace_ends_the_old_secret_at_once(owner: Browser, services: Services) -> None:
    old = create(owner)
    owner.post(f"/dashboard/keys/{ID}/rotate", {"grace": "now", "newest": stored(services).secrets[-1].id})
    assert not works(services, old)


def test_a_reload_makes_no_third_secret(owner: Browser, services: Services) -> None:
    create(owner)
    form = {"grace": "24h", "newest": stored(services).secrets[-1].id}
    owner.post(f"/dashboard/keys/{ID}/rotate", form)
    assert owner.post(f"/dashboard/keys/{ID}/rotate", form).status_code == 303
    assert len(stored(services).secrets) == 2


@pytest.mark.parametrize("form", [{"grace": "1y"}, {"grace": "\x00"}])
def test_an_unknown_grace_is_refused(owner: Browser, form: dict[str, str]) -> None:
    create(owner)
    assert owner.post(f"/dashboard/keys/{ID}/rotate", form).status_code == 400


def test_revoking_asks_first_and_then_holds(owner: Browser, services: Services) -> None:
    secret = create(owner)
    question = owner.get(f"/dashboard/keys/{ID}/revoke", headers=PARTIAL)
    assert "Revoke this key?" in question.text and "<html" not in question.text
    assert works(services, secret)
    assert owner.post(f"/dashboard/keys/{ID}/revoke").status_code == 303
    assert not works(services, secret)
    assert "Key Shop, Android revoked" in owner.get("/dashboard/keys/").text


def test_a_key_in_use_asks_for_its_name(owner: Browser, services: Services) -> None:
    secret = create(owner)
    with services.sessions.begin() as session:
        session.execute(update(ApiKey).values(last_used_at=utcnow() - timedelta(hours=23)))
    asked = owner.get(f"/dashboard/keys/{ID}/revoke", headers=PARTIAL).text
    assert "Type the key’s name" in asked
    assert re.findall(r"<(\w+)[^>]* autofocus", asked) == ["input"], "one types at once"
    refused = owner.post(f"/dashboard/keys/{ID}/revoke", {"name": "Shop"}, headers=PARTIAL)
    assert refused.status_code == 422
    assert 'value="Shop"' in refused.text
    assert works(services, secret)
    done = owner.post(f"/dashboard/keys/{ID}/revoke", {"name": "Shop, Android"}, headers=PARTIAL)
    assert done.headers["HX-Trigger"] == "close-dialog"
    assert 'hx-target="#toasts"' in done.text and 'hx-target="#keys"' in done.text
    assert not works(services, secret)


def test_a_key_unused_for_a_day_asks_for_no_name(owner: Browser, services: Services) -> None:
    create(owner)
    with services.sessions.begin() as session:
        session.execute(update(ApiKey).values(last_used_at=utcnow() - timedelta(hours=25)))
    assert "Type the key’s name" not in owner.get(f"/dashboard/keys/{ID}/revoke").text


def test_a_revoked_key_can_be_neither_rotated_nor_revoked(owner: Browser, services: Services) -> None:
    create(owner)
    owner.post(f"/dashboard/keys/{ID}/revoke")
    assert owner.get(f"/dashboard/keys/{ID}/rotate").status_code == 404
    assert owner.post(f"/dashboard/keys/{ID}/rotate").status_code == 404
    with services.sessions() as session:
        assert len(session.scalars(select(KeySecret)).all()) == 1


def test_readers_see_the_list_and_a_key_without_its_buttons(viewer: Browser, operator: Browser, world: World) -> None:
    key = world.key("Shop")
    for browser in (viewer, operator):
        for url in ("/dashboard/keys/", f"/dashboard/keys/{key.id}"):
            page = browser.get(url).text
            assert "Shop" in page
            assert not re.search(rf"/dashboard/keys/{key.id}/", page)


def test_the_first_key_is_one_for_tests_unless_chosen_otherwise(owner: Browser, world: World) -> None:
    chosen = re.compile(r'value="(\w+)"[^>]* checked')
    assert chosen.findall(owner.get("/dashboard/keys/new").text)[0] == "test"
    world.key()
    assert chosen.findall(owner.get("/dashboard/keys/new").text)[0] == "live"


@pytest.mark.parametrize("typed", ['Guichet - réel "été"', " guichet –  RÉEL “été” "])
def test_a_name_is_confirmed_however_its_dashes_and_quotes_are_typed(
    owner: Browser, world: World, services: Services, typed: str
) -> None:
    key = world.key("Guichet – réel “été”")
    with services.sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=utcnow()))
    assert owner.post(f"/dashboard/keys/{key.id}/revoke", {"name": "Guichet"}).status_code == 422
    assert owner.post(f"/dashboard/keys/{key.id}/revoke", {"name": typed}).status_code == 303
    with services.sessions() as session:
        assert session.get_one(ApiKey, key.id).revoked_at


def test_the_form_offers_the_caps_of_the_settings_folded_away(owner: Browser, world: World) -> None:
    with world.services.sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), new_key_codes=700))
    page = owner.get("/dashboard/keys/new").text
    assert 'value="700"' in page and 'value="20000"' in page and '<details class="more-fields">' in page


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["whatsapp", "30", "sms", "60", "email"], "whatsapp:30,sms:60,email"),
        (["whatsapp", " 30", "", "", "sms"], "whatsapp:30,sms"),
        (["", "", "", "", ""], None),
    ],
)
def test_the_order_of_channels_is_chosen_in_rows(
    owner: Browser, services: Services, typed: list[str], kept: str | None
) -> None:
    create(owner, channel_order=typed)
    assert stored(services).channel_order == kept
    page = owner.get(f"/dashboard/keys/{ID}").text
    assert ("WhatsApp, for 30 s" in page) == (kept is not None)
    drawn = owner.get(f"/dashboard/keys/{ID}/edit").text
    assert drawn.count('name="channel_order"') == 5
    assert ('<option value="whatsapp" selected>' in drawn) == (kept is not None)


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        (["whatsapp", "30", "", "", ""], "Choose two or three channels"),
        (["fax", "30", "sms", "", ""], "Choose two or three channels"),
        (["sms", "30", "sms", "", ""], "Choose each channel once"),
        (["sms", "", "whatsapp", "", ""], "Enter 10 to 300 seconds"),
        (["sms", "300", "whatsapp", "300", "email"], "within 540 seconds"),
    ],
)
def test_an_order_that_breaks_a_rule_is_told_and_shown_again(owner: Browser, typed: list[str], fault: str) -> None:
    answer = owner.post("/dashboard/keys/new", {**FORM, "channel_order": typed})
    assert answer.status_code == 422
    assert fault in answer.text
    assert f'value="{typed[1]}"' in answer.text
