"""What a caller sees while the database is away."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.support.phones import new_phone
from tests.support.stack import Client, Stack


def send(client: Client) -> tuple[str, httpx.Response, float]:
    """A message; the phone, the answer, and how long it took."""
    phone, began = new_phone(), time.monotonic()
    answer = client.send(phone)
    return phone, answer, time.monotonic() - began


def is_documented(answer: httpx.Response) -> bool:
    """Whether it is what the documentation says of a database that does not answer."""
    codes = [error["code"] for error in answer.json()["errors"]]
    return (answer.status_code, codes, answer.headers["Retry-After"]) == (500, ["database_unavailable"], "5")


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
