"""An outage is found at the next start, kept, checked, told, and shown; a stop that somebody asked for is none."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from dashboard.db import Sessions, utcnow
from dashboard.extensions import Services
from dashboard.gateway import workers
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import judge, outages
from dashboard.models.idempotency import IdempotencyRecord
from dashboard.models.messages import Message
from dashboard.models.monitoring import Outage, Process
from jobs.outages import check
from tests.support.dashboard_client import Browser, World

NOBODY = 4_194_305  # no process id: Linux's largest is 4,194,304


def ran(sessions: Sessions, *roles: str, seconds_ago: float = 90, name: str = "elsewhere") -> None:
    """Processes that gave a last sign of life so long ago."""
    at = utcnow() - timedelta(seconds=seconds_ago)
    with sessions.begin() as session:
        for n, role in enumerate(roles):
            session.add(Process(name=f"{name}:{NOBODY + n}", role=role, started_at=at, beat_at=at))


def start(sessions: Sessions, role: str = "sms") -> Outage | None:
    with sessions.begin() as session:
        outages.note_start(session, role, utcnow())
    with sessions() as session:
        return outages.latest(session)


def test_signs_of_life_that_ended_without_a_goodbye_are_an_outage(sessions: Sessions) -> None:
    ran(sessions, "sms", "relay")
    found = start(sessions)
    assert found is not None and 89 < found.length.total_seconds() < 100
    assert found.clock_off == 0
    again = start(sessions, "relay")
    assert again is not None and again.id == found.id, "the second one to start finds the first one alive"
    with sessions() as session:
        assert [row.role for row in session.scalars(select(Process))] == ["relay"]


@pytest.mark.parametrize("roles", [(), ("sms",), ("webhooks",)], ids=str)
def test_without_a_relay_that_was_cut_off_there_is_none(sessions: Sessions, roles: tuple[str, ...]) -> None:
    ran(sessions, *roles)
    assert start(sessions) is None


def test_while_another_one_lives_there_is_none(sessions: Sessions) -> None:
    ran(sessions, "relay")
    ran(sessions, "sms", seconds_ago=2, name="another")
    assert start(sessions) is None


def test_who_says_goodbye_was_not_cut_off(sessions: Sessions) -> None:
    assert start(sessions, "relay") is None
    with sessions.begin() as session:
        workers.leave(session)
    assert start(sessions, "relay") is None


def test_a_fresh_sign_of_a_process_that_is_not_there_is_an_outage(sessions: Sessions) -> None:
    """Everything was killed, and is started again at once."""
    assert start(sessions, "relay") is None
    with sessions.begin() as session:
        (row,) = session.scalars(select(Process))
        assert row.name == f"{socket.gethostname()}:{os.getpid()}"
        row.name = f"{socket.gethostname()}:{NOBODY}"
    found = start(sessions, "relay")
    assert found is not None and found.length < timedelta(seconds=5)


def test_a_clock_that_is_behind_the_last_sign_of_life_was_wrong_by_that(sessions: Sessions) -> None:
    ran(sessions, "relay", seconds_ago=-3600)
    found = start(sessions)
    assert found is not None and 3590 < found.clock_off < 3601
    assert found.length == timedelta(0)
    with sessions.begin() as session:
        outages.note_clock(session, found.id, 3700.0)
    with sessions() as session:
        put_right = outages.latest(session)
    assert put_right is not None and put_right.clock_off == 3700
    assert 90 < put_right.length.total_seconds() < 110


def test_what_was_in_hand_and_what_expired_is_told_everywhere(
    services: Services, world: World, owner: Browser, viewer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions, key = services.sessions, world.key()
    held = world.text(key, "+22238089301", claim="a" * 32, due_at=utcnow(), status="sending")
    world.text(key, "+22238089302")
    code = world.code(key, "+22238089303")
    ran(sessions, "relay", "sms")
    found = start(sessions, "relay")
    assert found is not None and (found.in_hand, found.in_hand_count, found.waiting) == ([held.id], 1, 3)
    with sessions.begin() as session:
        session.get_one(Message, code.id).valid_until = utcnow() - timedelta(seconds=5)
        outbox.expire_stale(session)
    with sessions() as session:
        assert judge.outage_alerts(session) == [], "nothing is told before the database was checked"
    assert check(sessions) == found.id
    with sessions() as session:
        (alert,) = judge.outage_alerts(session)
        assert (alert.count, alert.tried, alert.reason) == (1, 1, "ok")
        assert not judge.is_wrong(alert)
    page = owner.get(f"/dashboard/alerts/outages/{found.id}").text
    assert code.uuid in page and held.uuid in page and "Whole" in page
    assert "38 08 93 03" in page.replace("\xa0", " ").replace("\u202f", " ")
    assert "38 08 93 03" not in viewer.get(f"/dashboard/alerts/outages/{found.id}").text
    assert f"/dashboard/alerts/outages/{found.id}" in owner.get("/dashboard/alerts/").text
    assert owner.get("/dashboard/alerts/outages/999").status_code == 404


def test_an_answer_whose_message_is_not_there_is_lost(sessions: Sessions) -> None:
    ran(sessions, "relay")
    with sessions.begin() as session:
        record = IdempotencyRecord(token="t", request="r", message_uuid="gone", status=200, answer="{}")
        record.created_at = utcnow() - timedelta(minutes=5)
        session.add(record)
    start(sessions)
    check(sessions)
    with sessions() as session:
        (alert,) = judge.outage_alerts(session)
        assert alert.reason == "1 lost"


def test_a_damaged_database_is_found(services: Services) -> None:
    with services.sessions.begin() as session:
        assert outages.check_database(session) is None
        session.execute(text("PRAGMA writable_schema = ON"))
        session.execute(text("UPDATE sqlite_master SET rootpage = 1 WHERE name = 'ix_messages_phone'"))
    services.sessions.kw["bind"].dispose()
    with services.sessions() as session:
        assert outages.check_database(session)
