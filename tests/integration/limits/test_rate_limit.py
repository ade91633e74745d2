"""Limits, where a clock misbehaves and where rules meet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import Sessions
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.limits import overrides, rate_limit
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.otp import send as otp
from dashboard.gateway.otp import voiding
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.limits import UNLIMITED
from dashboard.models.otp import Otp
from dashboard.vocabulary import Window
from tests.support.present import present

PHONE = "+22238089336"
RING = Keyring({"a": b"s" * 32})


def send(sessions: Sessions, caller: Caller) -> bool:
    """Whether one more code was allowed."""
    try:
        with sessions.begin() as session:
            otp.send(session, RING, caller, otp.Order(PHONE))
    except RateLimited:
        return False
    return True


def shift(sessions: Sessions, delta: timedelta) -> None:
    with sessions.begin() as session:
        for row in session.scalars(select(Otp)):
            row.created_at += delta


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=1), timedelta(days=30)])
def test_a_clock_set_back_loosens_nothing(sessions: Sessions, caller: Caller, back: timedelta) -> None:
    assert [send(sessions, caller) for _ in range(4)] == [True, True, True, False]
    shift(sessions, back)
    assert not send(sessions, caller)


def test_callers_at_once_share_three(sessions: Sessions, caller: Caller) -> None:
    with ThreadPoolExecutor(16) as pool:
        allowed = list(pool.map(lambda _: send(sessions, caller), range(48)))
    assert allowed.count(True) == 3


def test_a_void_code_gives_its_place_back(sessions: Sessions, caller: Caller) -> None:
    for _ in range(3):
        send(sessions, caller)
    with sessions.begin() as session:
        newest = session.scalars(select(Otp).order_by(Otp.id.desc())).first()
        voiding.void(session.connection(), [present(newest).message])
    assert [send(sessions, caller), send(sessions, caller)] == [True, False]


def test_a_refusal_writes_no_code(sessions: Sessions, caller: Caller) -> None:
    for _ in range(5):
        send(sessions, caller)
    with sessions() as session:
        rows = session.scalars(select(Otp)).all()
    assert len(rows) == 3
    assert [row.superseded_at is None for row in rows].count(True) == 1


def test_looking_takes_nothing(sessions: Sessions, caller: Caller) -> None:
    for _ in range(3):
        with sessions() as session:
            assert [standing.left for standing in rate_limit.look(session, caller.id, PHONE)] == [3, 10, 20]
    send(sessions, caller)
    with sessions() as session:
        assert [standing.left for standing in rate_limit.look(session, caller.id, PHONE)] == [2, 9, 19]


def test_the_refusal_names_the_window_that_waits_longest(sessions: Sessions, caller: Caller) -> None:
    with sessions.begin() as session:
        overrides.save(session, NewOverride(caller.id, PHONE, minute=1, hour=1))
    assert send(sessions, caller)
    with sessions.begin() as session:
        (refused,) = rate_limit.take(session, [(caller.id, PHONE)])
    assert isinstance(refused, RateLimited)
    assert refused.standing.window == "hour"


def test_the_tightest_window_is_the_one_that_refuses_first() -> None:
    standings = [
        WindowState(Window.MINUTE, 3, 1, 50),
        WindowState(Window.HOUR, 10, 1, 3_000),
        WindowState(Window.DAY, 20, 5, 80_000),
    ]
    assert rate_limit.tightest(standings).window == "hour"


def test_a_lowered_limit_counts_what_was_sent_before(sessions: Sessions, caller: Caller) -> None:
    send(sessions, caller)
    send(sessions, caller)
    with sessions.begin() as session:
        overrides.save(session, NewOverride(None, PHONE, minute=1))
    assert not send(sessions, caller)
    with sessions() as session:
        minute = rate_limit.look(session, caller.id, PHONE)[0]
    assert (minute.quota, minute.left) == (1, 0)


def test_when_the_limit_was_lowered_the_wait_is_for_the_newest(sessions: Sessions, caller: Caller) -> None:
    """Two inside, one allowed: it is not enough that the older leaves."""
    send(sessions, caller)
    shift(sessions, -timedelta(seconds=50))
    send(sessions, caller)
    with sessions.begin() as session:
        overrides.save(session, NewOverride(None, PHONE, minute=1))
    with sessions() as session:
        assert rate_limit.look(session, caller.id, PHONE)[0].reset > 50


def test_clear_removes_exactly_its_subject(sessions: Sessions, caller: Caller) -> None:
    subjects = ((caller.id, PHONE), (None, PHONE), (caller.id, None))
    with sessions.begin() as session:
        for key_id, phone in subjects:
            overrides.save(session, NewOverride(key_id, phone, minute=UNLIMITED))
    for left, (key_id, phone) in zip((2, 1, 0), subjects, strict=True):
        with sessions.begin() as session:
            assert overrides.clear(session, key_id, phone) == 1
            assert overrides.clear(session, key_id, phone) == 0
            assert len(overrides.listed(session)) == left


def test_codes_older_than_a_day_do_not_count(sessions: Sessions, caller: Caller) -> None:
    for _ in range(3):
        send(sessions, caller)
    with sessions.begin() as session:
        session.execute(update(Otp).values(created_at=Otp.created_at))
    shift(sessions, -timedelta(days=1, seconds=1))
    with sessions() as session:
        assert [standing.left for standing in rate_limit.look(session, caller.id, PHONE)] == [3, 10, 20]
