"""The database is locked or falls over: callers wait a little or get the documented error, and nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.phones import new_phone
from tests.support.postgres import Postgres
from tests.support.stack import Client, Stack, run_stack, until

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
def lockable(stack: Stack, database: str) -> Client:
    if database != "sqlite":
        pytest.skip("PostgreSQL locks rows")
    return stack.client()


def send(client: Client) -> tuple[str, httpx.Response, float]:
    """A message; the phone, the answer, and how long it took."""
    phone, began = new_phone(), time.monotonic()
    answer = client.send(phone)
    return phone, answer, time.monotonic() - began


def is_documented(answer: httpx.Response) -> bool:
    codes = [error["code"] for error in answer.json()["errors"]]
    return (answer.status_code, codes, answer.headers["Retry-After"]) == (500, ["database_unavailable"], "5")


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


@pytest.fixture
def fragile(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Stack]]:
    """A PostgreSQL that keeps what it acknowledged, and a gateway on it. (`postgres` skips where there is none.)"""
    server = Postgres(durable=True)
    new_database: Callable[[Path], str] = lambda _home: server.create()  # noqa: E731
    try:
        for stack in run_stack(new_database, tmp_path_factory.mktemp("s") / "home"):
            yield server, stack
    finally:
        server.stop()


def test_a_postgresql_that_crashes_has_lost_nothing_and_is_used_again_at_once(fragile: tuple[Postgres, Stack]) -> None:
    server, stack = fragile
    client = stack.client()
    accepted = [send(client) for _ in range(40)]
    server.crash()
    refused = [answer for _, answer, _ in (send(client) for _ in range(5)) if answer.status_code != 200]
    assert all(is_documented(answer) for answer in refused)
    until(lambda: send(client)[1].status_code == 200, 10)
    for phone, answer, _ in accepted:
        assert answer.status_code == 200
        stack.arrived(phone, answer.json()["messageId"], within=45)  # a lease of 30 s, where it fell over in between
    assert sum(len(stack.inbox(phone)) - 1 for phone, _, _ in accepted) <= 1
