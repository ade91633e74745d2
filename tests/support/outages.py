"""What a caller sees while the database is away."""

from __future__ import annotations

import time

import httpx

from tests.support.phones import new_phone
from tests.support.stack import Client


def send(client: Client) -> tuple[str, httpx.Response, float]:
    """A message; the phone, the answer, and how long it took."""
    phone, began = new_phone(), time.monotonic()
    answer = client.send(phone)
    return phone, answer, time.monotonic() - began


def is_documented(answer: httpx.Response) -> bool:
    """Whether it is what the documentation says of a database that does not answer."""
    codes = [error["code"] for error in answer.json()["errors"]]
    return (answer.status_code, codes, answer.headers["Retry-After"]) == (500, ["database_unavailable"], "5")
