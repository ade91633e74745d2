"""SQLite is locked by another: callers wait a little or get the documented error. (PostgreSQL locks rows.)"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.support.outages import is_documented, send
from tests.support.stack import Client, Stack

CALLERS = 6


@contextmanager
def locked(stack: Stack) -> Iterator[None]:
    """Someone else holds SQLite's write lock."""
    other = sqlite3.connect(stack.home / "chinqit.db", isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


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
