"""The relay makes up for lost rings and sweeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rq import Queue
from sqlalchemy import select, update

from dashboard import redis
from dashboard.db import Sessions, utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.models.accounts import SignInFailure
from dashboard.models.messages import Message
from dashboard.wakeup import Wakeup
from jobs import relay


def rings(url: str, lane: str) -> int:
    return len(Queue(lane, connection=redis.connect(url), serializer="json"))


def write_down(sessions: Sessions, count: int, lane: str = "sms") -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("app"))
        session.flush()
        for _ in range(count):
            caller = authentication.Caller.from_row(key)
            outbox.submit(session, caller, Draft.text("+22238089336", "a", lane))


def tick(sessions: Sessions, url: str, *, sweep: bool = False) -> None:
    relay.tick(sessions, Wakeup(url), utcnow(), sweep=sweep)


def test_where_nothing_waits_nothing_rings(sessions: Sessions, empty_valkey: str) -> None:
    tick(sessions, empty_valkey)
    assert rings(empty_valkey, "sms") == rings(empty_valkey, "whatsapp") == 0


@pytest.mark.parametrize(("waiting", "expected"), [(1, 1), (3, 3), (50, 4)])
def test_each_lane_that_waits_is_rung_and_never_more_than_its_workers_need(
    sessions: Sessions, empty_valkey: str, waiting: int, expected: int
) -> None:
    write_down(sessions, waiting)
    for _ in range(8):
        tick(sessions, empty_valkey)
    assert rings(empty_valkey, "sms") == expected
    assert rings(empty_valkey, "whatsapp") == 0


def test_a_row_under_a_lease_is_left_alone_until_it_ends(sessions: Sessions, empty_valkey: str) -> None:
    write_down(sessions, 1)
    with sessions() as session:
        outbox.claim(session, "sms", 10)
    tick(sessions, empty_valkey)
    assert rings(empty_valkey, "sms") == 0
    with sessions.begin() as session:
        session.execute(update(Message).values(due_at=utcnow()))
    tick(sessions, empty_valkey)
    assert rings(empty_valkey, "sms") == 1


def test_a_sweep_closes_what_is_stale_and_forgets_old_tries(sessions: Sessions, empty_valkey: str) -> None:
    write_down(sessions, 1)
    with sessions.begin() as session:
        session.execute(update(Message).values(valid_until=utcnow() - timedelta(seconds=1)))
        session.add(SignInFailure(subject="x" * 64, at=utcnow() - timedelta(hours=1)))
    tick(sessions, empty_valkey)
    with sessions() as session:
        assert session.scalars(select(Message.status)).one() == "queued"
    tick(sessions, empty_valkey, sweep=True)
    with sessions() as session:
        assert session.scalars(select(Message.status)).one() == "expired"
        assert session.scalars(select(SignInFailure)).all() == []


def test_the_relay_gives_a_sign_of_life_even_without_valkey(sessions: Sessions) -> None:
    tick(sessions, "unix:///nonexistent/valkey.sock")
    with sessions() as session:
        assert workers.alive(session) == {"relay": 1}
