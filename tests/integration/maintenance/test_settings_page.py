"""Settings of owners, and the deletion that they ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.cache import TimedCache
from dashboard.db import utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.maintenance import retention
from dashboard.models.limits import LimitRejection
from dashboard.models.maintenance import RetentionProgress
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.sandbox import SandboxMessage
from jobs import relay
from jobs.relay import tidy
from tests.support.dashboard_client import Browser, World

PAGE = "/dashboard/settings/"
FORM = {
    "organisation": "Poste",
    "timezone": "Europe/Paris",
    "otp_language": "ar",
    "texts_days": "3",
    "numbers_days": "30",
    "sandbox_days": "1",
    "pumping_numbers": "40",
    "new_key_codes": "500",
    "new_key_messages": "",
    "quiet_from": "21:00",
    "quiet_until": "07:30",
    "holidays": "2026-11-28\r\n2026-01-01",
    "approval_from": "500",
}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_settings, "REMEMBERED", TimedCache(0.0, weak_keys=True))


def age(world: World, message: Message, days: float) -> None:
    with world.services.sessions.begin() as session:
        at = utcnow() - timedelta(days=days)
        session.execute(update(Message).where(Message.id == message.id).values(created_at=at))


def test_settings_are_kept_and_hold(owner: Browser, world: World) -> None:
    assert owner.post(PAGE, FORM).status_code == 303
    with world.services.sessions() as session:
        wanted = site_settings.Preferences(
            *("Poste", "Europe/Paris", "ar", 3, 30, 1),
            pumping_numbers=40,
            pumping_stops=False,
            new_key_codes=500,
            new_key_messages=None,
            quiet_from="21:00",
            quiet_until="07:30",
            rests_on_friday=False,
            holidays="2026-01-01 2026-11-28",
            approval_from=500,
            consent_required=False,
        )
        assert site_settings.read(session) == wanted
    page = owner.get(PAGE).text
    assert '<span class="env" dir="auto">Poste</span>' in page and 'value="Europe/Paris"' in page


@pytest.mark.parametrize(
    "change",
    [
        {"texts_days": "1"},
        {"texts_days": "x"},
        {"pumping_numbers": "9"},
        {"new_key_codes": "0"},
        {"numbers_days": "7"},
        {"sandbox_days": "0"},
        {"timezone": "Mars/Olympus"},
        {"otp_language": "de"},
        {"organisation": "x" * 61},
        {"quiet_from": "25:00"},
        {"holidays": "tomorrow"},
        {"approval_from": "x"},
    ],
)
def test_a_setting_that_breaks_a_rule_changes_nothing(owner: Browser, world: World, change: dict[str, str]) -> None:
    answer = owner.post(PAGE, {**FORM, **change})
    assert (answer.status_code == 422 and 'aria-invalid="true"' in answer.text) or "otp_language" in change
    with world.services.sessions() as session:
        assert site_settings.read(session) == site_settings.Preferences()


def test_texts_go_after_their_days_and_the_page_says_so(owner: Browser, world: World) -> None:
    key = world.key()
    old, new = world.text(key, **world.sent()), world.text(key, **world.sent())
    age(world, old, 7.1)
    tidy(world.services.sessions)
    assert world.settle(old.id).body is None and world.settle(new.id).body == "Bonjour"
    tidy(world.services.sessions)
    with world.services.sessions() as session:
        row = session.get_one(RetentionProgress, "texts")
        assert (row.total, row.last, row.mark) == (1, 1, old.id)
    assert "Text no longer kept" in owner.get("/dashboard/messages/").text
    assert "Texts of messages" in owner.get(PAGE).text


def test_numbers_are_cut_in_messages_and_codes(owner: Browser, world: World) -> None:
    key = world.key()
    codes = [world.code(key, phone, **world.sent()) for phone in ("+22238089336", "+22238089337")]
    for message in codes:
        age(world, message, 91)
    kept = world.code(key, "+22238089338")
    tidy(world.services.sessions)
    with world.services.sessions() as session:
        assert {row.phone for row in session.scalars(select(Message))} == {"+22238xxxxxx", kept.phone}
        rows = session.scalars(select(Otp).order_by(Otp.id)).all()
        assert [row.phone for row in rows] == ["+22238xxxxxx", "+22238xxxxxx", kept.phone]
        assert rows[0].superseded_at and rows[1].superseded_at and rows[2].superseded_at is None
    assert owner.get("/dashboard/messages/").status_code == 200


def test_more_than_a_batch_goes_and_nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setitem(retention.KINDS, "texts", replace(retention.KINDS["texts"], batch=2))
    key = world.key()
    for _ in range(5):
        age(world, world.text(key, **world.sent()), 8)
    monkeypatch.setattr(relay, "TIDY_SECONDS", 0)  # a batch a turn
    assert [relay.tidy(world.services.sessions) for _ in range(3)] == [True, True, False]
    with world.services.sessions() as session:
        assert session.get_one(RetentionProgress, "texts").total == 5
        assert set(session.scalars(select(Message.body))) == {None}


def test_the_sandbox_phone_and_refusals_are_tidied(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    services, key = world.services, world.key(mode="test")
    world.text(key)
    worker.drain(WorkerContext.open(services.sessions, services.settings), "sms", lambda: True)
    long_ago = utcnow() - timedelta(days=40)
    with services.sessions.begin() as session:
        session.execute(update(SandboxMessage).values(received_at=long_ago))
        for slot in range(4):
            at = long_ago if slot == 0 else utcnow()
            told = {"channel": "sms", "window": "minute", "quota": 3, "times": 1, "at": at, "slot": slot}
            session.add(LimitRejection(key_id=key.id, phone="+22238089336", **told))
    monkeypatch.setattr(retention, "MOST_REFUSALS", 2)
    tidy(services.sessions)
    with services.sessions() as session:
        assert session.scalars(select(SandboxMessage)).all() == []
        assert sorted(session.scalars(select(LimitRejection.slot))) == [2, 3]


def test_codes_without_a_language_take_the_owner_s(owner: Browser, world: World) -> None:
    from dashboard.gateway.api_keys import keys
    from dashboard.gateway.api_keys.keys import NewKey

    owner.post(PAGE, FORM)
    with world.services.sessions.begin() as session:
        _, secret = keys.create(session, NewKey("API"))
    for body, language in (({}, "ar"), ({"language": "fr"}, "fr")):
        told = {"phoneNumber": "38089336", **body}
        answer = owner.client.post("/otp/send", json=told, headers={"X-API-Key": secret})
        assert answer.status_code == 200
        with world.services.sessions() as session:
            assert session.scalars(select(Otp.language).order_by(Otp.id.desc())).first() == language
