"""The page of a key: what it sends, who uses it, and changing it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.api_keys import keys, usage
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.api_keys.usage import KeyUse
from dashboard.gateway.statistics import rollup
from dashboard.models.api_keys import ApiKey, KeySecret
from tests.support.dashboard_client import PARTIAL, Browser, World

KEYS = "/dashboard/keys/"
FORM = {"name": "Shop", "scopes": ["otp"], "brand": "", "expires": "", "networks": "", "message_cap": "", "otp_cap": ""}


def stored(world: World, key: ApiKey) -> ApiKey:
    with world.services.sessions() as session:
        row = session.get_one(ApiKey, key.id)
        session.expunge(row)
    return row


def test_it_tells_what_the_key_sent_and_its_cap(viewer: Browser, world: World) -> None:
    key, other = world.key(otp_cap=500), world.key("Other")
    first = world.code(key, **world.sent())
    world.code(key, "+22222000001", **world.sent())
    world.guess_right(key, first)
    world.text(other)
    rollup.fold_for(world.services.sessions, 5)
    page = viewer.get(KEYS + key.id).text
    assert "<dt>Codes</dt><dd><b>2</b>" in page and "<dt>Codes verified</dt><dd><b>50%</b>" in page
    assert "<dt>Messages</dt><dd><b>0</b>" in page
    assert '<bdi dir="ltr">2 / 500</bdi>' in page
    assert page.count('<tr><th scope="row">') == 7  # the table of the chart: a day a row
    assert "data-chart" in viewer.partial(f"{KEYS}{key.id}?period=24h", "div#key").text


def test_a_call_is_seen_on_it_with_its_agent_and_address(operator: Browser, viewer: Browser, world: World) -> None:
    with world.services.sessions.begin() as session:
        key, secret = keys.create(session, NewKey("Shop"))
        key_id = key.id
    assert "No call yet" in operator.get(KEYS + key_id).text
    agent = {"X-API-Key": secret, "User-Agent": "Dart/3.4 <b>", "X-Forwarded-For": "10.1.1.1"}
    assert [operator.client.get("/me", headers=agent).status_code for _ in range(3)] == [200, 200, 200]
    page = operator.get(KEYS + key_id).text
    assert "Dart/3.4 &lt;b&gt;" in page and "app or browser" in page and "127.0.0.1" in page
    assert "10.1.1.1" not in page, "no proxy is trusted here"
    assert "127.0.0.1" not in viewer.get(KEYS + key_id).text


def test_a_key_built_into_an_app_is_told_where_one_looks(owner: Browser, world: World) -> None:
    key = world.key("Loyalty")
    world.text(key)
    with world.services.sessions.begin() as session:
        for n in range(usage.MANY):
            usage.record(session, KeyUse.of(key.id, f"41.138.0.{n}", "okhttp/4.12.0"))
    assert "The key “Loyalty” seems to be built into an app" in owner.get("/dashboard/").text
    assert "seems built into an app" in owner.get(KEYS).text
    assert "from 10 addresses" in owner.get(KEYS + key.id).text
    owner.post(f"{KEYS}{key.id}/edit", {**FORM, "name": "Loyalty", "networks": "41.138.0.0/16"})
    assert "built into an app" not in owner.get("/dashboard/").text


@pytest.mark.parametrize(("made", "used", "says"), [(91, 91, 1), (91, 89, 0), (91, None, 1), (89, None, 0)])
def test_keys_that_nothing_uses_are_pointed_out(
    owner: Browser, world: World, made: int, used: int | None, says: int
) -> None:
    key, now = world.key("Caisse"), utcnow()
    with world.services.sessions.begin() as session:
        last = now - timedelta(days=used) if used is not None else None
        session.execute(update(ApiKey).values(created_at=now - timedelta(days=made), last_used_at=last))
    assert owner.get(KEYS).text.count("not used for 90 days") == says
    assert owner.get(KEYS + key.id).text.count("Nothing has used this key for 90 days") == says


@pytest.mark.parametrize(("days", "says"), [(364, 0), (366, 1)])
def test_a_secret_of_last_year_is_to_be_rotated(owner: Browser, world: World, days: int, says: int) -> None:
    key = world.key("Caisse")
    with world.services.sessions.begin() as session:
        session.execute(update(KeySecret).values(created_at=utcnow() - timedelta(days=days)))
    assert owner.get(KEYS).text.count("secret older than a year") == says
    assert owner.get(KEYS + key.id).text.count("Rotate it once a year") == says
    owner.post(f"{KEYS}{key.id}/revoke")
    assert "secret older than a year" not in owner.get(KEYS).text, "nobody rotates what has ended"


def test_all_of_a_key_but_mode_and_secret_is_changed(owner: Browser, world: World) -> None:
    key = world.key(mode="test", scopes=("send",), message_cap=10)
    form = owner.get(f"{KEYS}{key.id}/edit").text
    assert 'value="Shop"' in form and 'value="10"' in form and 'name="mode"' not in form
    until = (utcnow() + timedelta(days=9)).date().isoformat()
    told = {"name": "Shop 2", "scopes": ["otp", "read"], "brand": "Chez Nadia", "expires": until}
    told |= {"networks": "10.0.0.0/8", "message_cap": "", "otp_cap": "20", "mode": "live"}
    answer = owner.post(f"{KEYS}{key.id}/edit", told)
    assert (answer.status_code, answer.location) == (303, KEYS + key.id)
    now = stored(world, key)
    assert (now.name, now.mode, now.scopes, now.brand) == ("Shop 2", "test", ["otp", "read"], "Chez Nadia")
    assert (now.networks, now.message_cap, now.otp_cap) == (["10.0.0.0/8"], None, 20)
    assert now.expires_at and now.expires_at.date().isoformat() == until
    page = owner.get(KEYS + key.id).text
    assert "Key changed" in page and "Chez Nadia" in page and "10.0.0.0/8" in page


def test_the_end_stays_to_the_second_when_its_day_is_not_changed(owner: Browser, world: World) -> None:
    end = utcnow() + timedelta(days=5, minutes=3)
    key = world.key(expires_at=end)
    owner.post(f"{KEYS}{key.id}/edit", {**FORM, "expires": end.date().isoformat()})
    assert stored(world, key).expires_at == end


def test_a_key_that_ended_can_be_given_more_time(owner: Browser, world: World) -> None:
    key = world.key(expires_at=utcnow() + timedelta(days=1))
    with world.services.sessions.begin() as session:
        session.execute(update(ApiKey).values(expires_at=utcnow() - timedelta(hours=1)))
    assert "The key expired" in owner.get(KEYS + key.id).text
    owner.post(f"{KEYS}{key.id}/edit", FORM)
    assert "The key expired" not in owner.get(KEYS + key.id).text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "Other"}, "A key has this name already"),
        ({"name": ""}, "Give it a name"),
        ({"scopes": []}, "Choose at least one"),
        ({"brand": "x" * 41}, "on one line: 40"),
        ({"brand": "{code}"}, "no braces"),
        ({"otp_cap": "-1"}, "from 1 to 1,000,000"),
    ],
)
def test_a_wrong_change_is_told_and_changes_nothing(
    owner: Browser, world: World, change: dict[str, Any], told: str
) -> None:
    key = world.key()
    world.key("Other")
    answer = owner.post(f"{KEYS}{key.id}/edit", {**FORM, **change}, headers=PARTIAL)
    assert answer.status_code == 422 and told in answer.text and f"{KEYS}{key.id}/edit" in answer.text
    now = stored(world, key)
    assert (now.name, now.scopes, now.brand) == ("Shop", ["send", "otp", "read"], None)


def test_what_is_behind_the_dialog_follows(owner: Browser, world: World) -> None:
    key = world.key()
    here = {**PARTIAL, "HX-Current-URL": f"http://gateway.test{KEYS}{key.id}"}
    answer = owner.post(f"{KEYS}{key.id}/edit", {**FORM, "name": "Renamed"}, headers=here)
    assert answer.headers["HX-Trigger"] == "close-dialog"
    assert '<hx-partial hx-target="#key"' in answer.text and "Renamed" in answer.text
    elsewhere = {**PARTIAL, "HX-Current-URL": f"http://gateway.test{KEYS}"}
    assert '<hx-partial hx-target="#keys"' in owner.post(f"{KEYS}{key.id}/revoke", headers=elsewhere).text


def test_a_revoked_key_has_its_page_and_no_acts(owner: Browser, world: World) -> None:
    key = world.key()
    owner.post(f"{KEYS}{key.id}/revoke")
    page = owner.get(KEYS + key.id).text
    assert "Every request with it is refused" in page and f"{KEYS}{key.id}/" not in page
    assert owner.get(f"{KEYS}{key.id}/edit").status_code == 404
    assert owner.post(f"{KEYS}{key.id}/edit", FORM).status_code == 404
    assert owner.get(KEYS + str(uuid.uuid4())).status_code == 404


def test_the_brand_of_a_key_stands_in_the_text_for_all_keys(owner: Browser, world: World) -> None:
    texts = "/dashboard/texts/"
    branded, plain, own = world.key("A", brand="Chez Nadia"), world.key("B"), world.key("C", brand="Taxi")
    owner.post(texts, {"key": "", "language": "fr", "body": "{brand}: {code}", "brand": "Nous"})
    owner.post(texts, {"key": own.id, "language": "fr", "body": "{brand} dit {code}", "brand": "Course"})
    codes = [world.code(key, f"+2223808930{n}") for n, key in enumerate((branded, plain, own))]
    shown = [owner.get(f"/dashboard/messages/{code.uuid}").text for code in codes]
    for page, start in zip(shown, ("Chez Nadia: ••••••", "Nous: ••••••", "Course dit ••••••"), strict=True):
        assert start in page
    owner.post(f"{KEYS}{branded.id}/edit", {**FORM, "name": "A", "brand": "Nadia & Fils"})
    assert "Chez Nadia: ••••••" in owner.get(f"/dashboard/messages/{codes[0].uuid}").text, "a code keeps its text"


def test_neither_a_brand_nor_a_text_may_break_the_other(owner: Browser, world: World) -> None:
    texts, key = "/dashboard/texts/", world.key()
    body = "{brand}: " + "x" * 95 + " {code}"
    assert owner.post(texts, {"key": "", "language": "fr", "body": body, "brand": "Nous"}).status_code == 303
    refused = owner.post(f"{KEYS}{key.id}/edit", {**FORM, "brand": "B" * 40})
    assert refused.status_code == 422 and "With this brand, the text of codes no longer fits" in refused.text
    assert owner.post(f"{KEYS}{key.id}/edit", {**FORM, "brand": "B" * 12}).status_code == 303
    longer = owner.post(texts, {"key": "", "language": "fr", "body": body.replace("x", "x" * 15, 1), "brand": "Nous"})
    assert longer.status_code == 422 and "With the brand of these keys the text no longer fits: Shop" in longer.text
