"""The wording of codes: rules, versions, which one a code keeps, and what the page shows of it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard.cache import TimedCache
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.otp import template_rules, templates
from dashboard.models.otp import Otp, OtpTemplate
from tests.support.dashboard_client import PARTIAL, Browser, World

PAGE = "/dashboard/texts/"
BODY = "Boutique: {code}, valable {minutes} minutes."


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions of another connection are seen at once, not after a second."""
    monkeypatch.setattr(templates, "NEWEST_VERSION", TimedCache(0.0, weak_keys=True))


def texts_on(world: World, phone: str = "+22238089336") -> list[str]:
    services = world.services
    worker.drain(WorkerContext.open(services.sessions, services.settings), "sms", lambda: True)
    return [received.text for received in services.sandbox_inbox.inbox(phone)]


@pytest.mark.parametrize(
    ("body", "brand", "fault"),
    [
        ("", "", "blank"),
        ("Bonjour", "", "no_code"),
        ("{code} {code}", "", "two_codes"),
        ("{code}\n@shop.example.mr #{code}\n.", "", "two_codes"),
        ("{code} {code}\n@shop.example.mr #{code}", "", "two_codes"),
        ("Bonjour\n@shop.example.mr #{code}", "", "no_code"),
        ("{code}\n@https://shop.example.mr #{code}", "", "bad_host"),
        ("{code}\n@Shop.example.mr #{code}", "", "bad_host"),
        ("{code}\n@localhost #{code}", "", "bad_host"),
        ("{code}\n@{brand} #{code}", "", "bad_host"),
        ("{code} " + "a" * 130 + "\n@shop.example.mr #{code}", "", "two_segments"),
        ("{code} {name}", "", "unknown_variable"),
        ("{code} {0.__class__}", "", "unknown_variable"),
        ("{code} }", "", "unknown_variable"),
        ("{code} {brand}", "", "no_brand"),
        ("{code} {brand}", "{code}", "brand_with_braces"),
        ("{code}\x07", "", "control_characters"),
        ("{code}\u202e", "", "control_characters"),
        ("{code} " + "a" * 160, "", "two_segments"),
        ("{code} " + "ê" * 64, "", "two_segments"),
        ("{code} " + "a" * 122, "", "too_many_bytes"),
        ("{code} " + "ê" * 58, "", "two_segments_with_hash"),
        ("a{code}", "", "code_not_findable"),
        ("{code}9", "", "code_not_findable"),
        ("Appelez le 4525 : {code}", "", "code_not_findable"),
        ("x" * 500 + "{code}", "", "too_long"),
    ],
)
def test_a_text_that_breaks_the_contract_is_not_saved(
    operator: Browser, world: World, body: str, brand: str, fault: str
) -> None:
    assert fault in template_rules.faults(body, brand)
    answer = operator.post(PAGE, {"key": "", "language": "fr", "body": body, "brand": brand})
    assert answer.status_code == 422 and "This text cannot be saved" in answer.text
    with world.services.sessions() as session:
        assert session.scalars(select(OtpTemplate)).all() == []


@pytest.mark.parametrize("language", ["fr", "en", "ar"])
def test_the_built_in_texts_break_no_rule(language: str) -> None:
    assert template_rules.faults(template_rules.TEXTS[language], "") == []


def test_a_saved_text_is_what_the_phone_gets(operator: Browser, world: World) -> None:
    answer = operator.post(PAGE, {"key": "", "language": "fr", "body": "{brand}: {code}", "brand": "Chez Nadia"})
    assert answer.status_code == 303
    world.code(world.key())
    (text,) = texts_on(world)
    assert text.startswith("Chez Nadia: ") and text[-6:].isdigit()


def test_a_web_page_reads_the_code_by_the_last_line_unless_an_app_does(operator: Browser, world: World) -> None:
    form = {"key": "", "language": "fr", "body": BODY, "host": "shop.example.mr"}
    assert "@shop.example.mr #" in operator.post(f"{PAGE}preview", form).text
    assert operator.post(PAGE, form).status_code == 303
    key = world.key()
    world.code(key)
    world.code(key, "+22238089337", app_hash="FA+9qCX9VSu")
    (text,) = texts_on(world)
    body, last = text.split("\n")
    assert last == f"@shop.example.mr #{body.split()[1].strip(',')}"
    (hashed,) = texts_on(world, "+22238089337")
    assert "@" not in hashed and hashed.endswith("\nFA+9qCX9VSu")
    page = operator.get(PAGE).text
    assert 'value="shop.example.mr"' in page
    assert "#{code}" not in page.split("</textarea>")[0], "the line of the host is not in the text that is edited"


def test_a_code_keeps_the_text_it_was_asked_for_with(operator: Browser, world: World) -> None:
    key = world.key()
    operator.post(PAGE, {"key": key.id, "language": "fr", "body": BODY})
    world.code(key, app_hash="FA+9qCX9VSu")
    operator.post(PAGE, {"key": key.id, "language": "fr", "body": "Nouveau {code}"})
    world.code(key, channel="whatsapp")
    (text,) = texts_on(world)
    assert text.startswith("Boutique: ") and text.endswith("minutes.\nFA+9qCX9VSu")
    with world.services.sessions() as session:
        first, second = session.scalars(select(Otp).order_by(Otp.id)).all()
        assert first.wording_id != second.wording_id
    log = operator.get("/dashboard/messages/").text
    assert "Boutique: ••••••" in log and "Nouveau ••••••" in log


def test_the_key_s_own_text_goes_before_that_for_all_keys_and_gives_way_again(operator: Browser, world: World) -> None:
    key, other = world.key(), world.key("Other")
    operator.post(PAGE, {"key": "", "language": "fr", "body": "Tous {code}"})
    operator.post(PAGE, {"key": key.id, "language": "fr", "body": "Propre {code}"})
    with world.services.sessions() as session:
        assert templates.current(session, key.id, "fr").body == "Propre {code}"
        assert templates.current(session, other.id, "fr").body == "Tous {code}"
        assert templates.current(session, key.id, "ar").id is None
    operator.post(f"{PAGE}reset", {"key": key.id, "language": "fr"})
    with world.services.sessions() as session:
        assert templates.current(session, key.id, "fr").body == "Tous {code}"


def test_an_old_version_is_restored_as_a_new_one(operator: Browser, world: World) -> None:
    for body in ("Un {code}", "Deux {code}"):
        operator.post(PAGE, {"key": "", "language": "fr", "body": body})
    with world.services.sessions() as session:
        first = templates.history(session, None, "fr")[-1].id
    assert operator.post(f"{PAGE}{first}/restore").status_code == 303
    with world.services.sessions() as session:
        assert [row.body for row in templates.history(session, None, "fr")] == ["Un {code}", "Deux {code}", "Un {code}"]


def test_the_preview_measures_and_lights_up_what_flips_the_encoding(operator: Browser) -> None:
    form = {"key": "", "language": "fr", "body": "Même code : {code}"}
    shown = operator.post(f"{PAGE}preview", form, headers=PARTIAL).text
    assert "<mark>ê</mark>" in shown and "LATIN SMALL LETTER E WITH CIRCUMFLEX" in shown and "UCS-2" in shown
    assert shown.lstrip().startswith("<section") or '<section id="preview"' in shown
    plain = operator.post(f"{PAGE}preview", {**form, "body": "Code {code}"}, headers=PARTIAL).text
    assert "<mark>" not in plain and "GSM-7" in plain and "23 bytes of 140" in plain


def test_the_hot_path_reads_no_wording_from_the_database(
    monkeypatch: pytest.MonkeyPatch, operator: Browser, world: World
) -> None:
    monkeypatch.setattr(templates, "NEWEST_VERSION", TimedCache(60.0, weak_keys=True))
    key = world.key()
    with world.services.sessions() as session:
        first = templates.current(session, key.id, "fr")
        asked: list[str] = []
        connection = session.connection()
        monkeypatch.setattr(connection, "execute", lambda *told: asked.append(str(told)))
        assert templates.current(session, key.id, "fr") is first
        assert asked == []
