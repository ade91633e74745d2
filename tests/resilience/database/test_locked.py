"""SQLite is locked by another: callers wait a little or get the documented error. (PostgreSQL locks rows.)"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.outages import is_documented, locked, send
from tests.support.stack import Client, Stack

CALLERS = 6


@pytest.fixture
def lockable(sqlite_stack: Stack) -> Client:
    return sqlite_stack.client()


def test_a_database_that_is_locked_for_three_seconds_fails_nobody(lockable: Client) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        with locked(lockable.stack):
            sending = [pool.submit(send, lockable) for _ in range(CALLERS)]
            time.sleep(3)
        told = [done.result() for done in sending]
    assert [answer.status_code for _, answer, _ in told] == [200] * CALLERS
    for phone, answer, _ in told:
        lockable.stack.arrived(phone, answer.json()["messageId"])


def test_a_database_that_stays_locked_is_a_documented_error_within_six_seconds(lockable: Client) -> None:
    with locked(lockable.stack), ThreadPoolExecutor(CALLERS) as pool:
        told = [done.result() for done in [pool.submit(send, lockable) for _ in range(CALLERS)]]
    for phone, answer, seconds in told:
        assert is_documented(answer), answer.text
        assert seconds < 6
        assert lockable.stack.inbox(phone) == []
    phone, answer, _ = send(lockable)
    lockable.stack.arrived(phone, answer.json()["messageId"])
