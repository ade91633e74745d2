"""Who may call."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.models.api_keys import ApiKey
from tests.support.error_shape import failure, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.phones import new_phone
from tests.support.present import present
from tests.support.stack import Client, Stack

T = TypeVar("T")
PATHS = ("/messages/send", "/otp/send", "/otp/verify")
OFFERED = {
    "broken": b"{",
    "empty": b"{}",
    "40 KiB": b"[" + b" " * 40_000 + b"]",
    "valid": b'{"phoneNumber":"38089336","message":"Bonjour","otp":"123456","messages":[]}',
}
MISSING = {"success": False, "message": "API key is required"}
WRONG = {"success": False, "message": "Invalid API key"}
BODIES = {
    "none": b"",
    "not JSON": b"{",
    "40 KiB": b'{"a":"' + b"x" * 40_000 + b'"}',
    "10 MB": b" " * 10_000_000,
}


def change(client: Client, how: Callable[[Session, ApiKey], T]) -> T:
    """Do something to the client's key, as the dashboard would; return what it returns."""
    key_id = client.key_id
    with client.stack.sessions.begin() as session:
        return how(session, session.get_one(ApiKey, key_id))


@on_sqlite
@pytest.mark.parametrize("path", PATHS)
def test_without_a_key_nothing_goes(stack: Stack, path: str) -> None:
    answer = stack.call("POST", path, json={})
    assert (answer.status_code, answer.json()) == (401, MISSING)


@on_sqlite
@pytest.mark.parametrize("given", ["", "   "])
def test_an_empty_key_is_no_key(stack: Stack, given: str) -> None:
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as raw:  # httpx sends no blank header
        raw.sendall(f"POST /otp/send HTTP/1.1\r\nHost: x\r\nX-API-Key:{given}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = raw.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 401 ")
    assert json.loads(body) == MISSING


@on_sqlite
def test_a_key_in_the_query_is_no_key(stack: Stack, client: Client) -> None:
    answer = stack.call("POST", f"/otp/send?X-API-Key={client.key}&api_key={client.key}", json={})
    assert (answer.status_code, answer.json()) == (401, MISSING)


@on_sqlite
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_the_key_is_looked_at_before_the_body(stack: Stack, path: str, body: bytes) -> None:
    unknown = stack.call("POST", path, key="nonsense", data=body)
    assert (unknown.status_code, unknown.json()) == (403, WRONG)
    missing = stack.call("POST", path, data=body)
    assert (missing.status_code, missing.json()) == (401, MISSING)


def typo(secret: str) -> str:
    return secret[:20] + ("A" if secret[20] != "A" else "B") + secret[21:]


def unknown(_secret: str) -> str:
    body = "cq_live_" + "0" * authentication.RANDOM_LENGTH
    return body + authentication._check(body)


@on_sqlite
@pytest.mark.parametrize(
    "bend",
    [
        typo,
        unknown,
        str.swapcase,
        lambda secret: secret[:-1],
        lambda secret: secret + "0",
        lambda secret: secret.replace("live", "test"),
        lambda secret: f"{secret},{secret}",
        lambda secret: f"Bearer {secret}",
        lambda secret: secret.replace("cq_live_", "cq_live_é"),
        lambda secret: secret[:-1] + "\xb2",
        lambda secret: "x" * 4000,
    ],
)
def test_what_is_not_a_key_is_invalid(client: Client, bend: Callable[[str], str]) -> None:
    secret = bend(client.key).encode("latin-1").decode("latin-1")
    answer = client.stack.http.post("/otp/send", json={}, headers={b"X-API-Key": secret.encode("latin-1")})
    assert (answer.status_code, answer.json()) == (403, WRONG)


def test_a_revoked_key_is_invalid_from_the_next_request_on(client: Client, phone: str) -> None:
    assert client.send(phone).status_code == 200
    change(client, keys.revoke)
    for _ in range(4):  # both web processes
        answer = client.send(phone)
        assert (answer.status_code, answer.json()) == (403, WRONG)


@on_sqlite  # what a process remembers is the same whatever the database
@pytest.mark.parametrize("path", [*PATHS, "/messages/batch", "/api/v2/notify"])
@pytest.mark.parametrize("body", OFFERED.values(), ids=OFFERED)
def test_a_key_in_full_use_is_invalid_from_the_moment_it_is_revoked(
    client: Client, phone: str, path: str, body: bytes
) -> None:
    """Whatever comes with it: nothing that a process remembers of a busy key says otherwise."""
    for _ in range(8):  # so that every web process has seen it
        assert client.send(phone).status_code == 200
    change(client, keys.revoke)
    answers = [client.raw(path, body) for _ in range(4)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(403, WRONG)] * 4


def test_a_crowd_of_sends_stops_when_its_key_is_revoked(client: Client) -> None:
    """Not one is accepted that was begun after the key had ended."""
    over, late = threading.Event(), []

    def send() -> None:
        while True:
            begun_late = over.is_set()
            status = client.send(new_phone()).status_code
            if begun_late:
                return late.append(status)

    with ThreadPoolExecutor(8) as pool:
        sending = [pool.submit(send) for _ in range(8)]
        time.sleep(0.5)
        change(client, keys.revoke)
        over.set()
    assert [done.result() for done in sending] == [None] * 8
    assert late == [403] * 8


def test_an_expired_key_is_invalid(stack: Stack, phone: str) -> None:
    client = stack.client(expires_at=utcnow() + timedelta(hours=1))
    assert client.send(phone).status_code == 200
    client = stack.client(expires_at=utcnow() - timedelta(seconds=1))
    answer = client.send(phone)
    assert (answer.status_code, answer.json()) == (403, WRONG)


def test_a_rotated_secret_lives_on_for_its_grace(client: Client, phone: str) -> None:
    newer = change(client, lambda session, key: keys.rotate(session, key, "1h"))
    assert client.send(phone).status_code == 200
    assert Client(client.stack, newer).send(phone).status_code == 200
    newest = change(client, lambda session, key: keys.rotate(session, key, "now"))
    for old in (client.key, newer):
        answer = Client(client.stack, old).send(phone)
        assert (answer.status_code, answer.json()) == (403, WRONG)
    assert Client(client.stack, newest).send(phone).status_code == 200


@on_sqlite
def test_a_key_bound_to_networks_works_from_there_alone(stack: Stack, phone: str) -> None:
    assert stack.client(networks=("10.0.0.0/8", "127.0.0.0/8")).send(phone).status_code == 200
    elsewhere = stack.client(networks=("10.0.0.0/8", "fd00::/8"))
    refused(elsewhere.send(phone), 403, "address_not_allowed")


@on_sqlite
def test_a_forwarded_address_is_not_believed_without_a_proxy(stack: Stack) -> None:
    elsewhere = stack.client(networks=("10.0.0.0/8",))
    answer = stack.call("POST", "/messages/send", key=elsewhere.key, headers={"X-Forwarded-For": "10.1.2.3"}, json={})
    refused(answer, 403, "address_not_allowed")


@on_sqlite
def test_a_key_does_only_what_its_scopes_allow(stack: Stack, phone: str) -> None:
    sender = stack.client(scopes=("send",))
    assert sender.send(phone).status_code == 200
    refused(sender.otp(phone), 403, "scope_missing")
    refused(sender.verify(phone, "123456"), 403, "scope_missing")
    refused(stack.client(scopes=("otp", "read")).send(phone), 403, "scope_missing")


@on_sqlite
def test_the_scope_is_looked_at_before_the_body(stack: Stack) -> None:
    refused(stack.client(scopes=("read",)).raw("/otp/send", b"{"), 403, "scope_missing")


def test_a_key_in_use_is_noted(client: Client, phone: str) -> None:
    before = utcnow()
    client.send(phone)
    with client.stack.sessions() as session:
        assert present(session.get_one(ApiKey, client.key_id).last_used_at) >= before


def test_a_daily_cap_on_messages_holds(stack: Stack, phone: str) -> None:
    client = stack.client(message_cap=2)
    assert [client.send(phone).status_code for _ in range(2)] == [200, 200]
    answer = client.send(phone)
    item = refused(answer, 429, "daily_cap")
    assert 1 <= int(answer.headers["Retry-After"]) <= 86_400
    assert item["retryAfter"] == int(answer.headers["Retry-After"])
    assert client.otp(phone).status_code == 200  # codes have a cap of their own


def test_a_daily_cap_on_codes_holds_and_costs_no_rate(stack: Stack, phone: str) -> None:
    client = stack.client(otp_cap=1)
    assert client.otp(phone).headers["RateLimit"].startswith('"minute";r=2;')
    for _ in range(4):
        refused(client.otp(phone), 429, "daily_cap")
    assert client.send(phone).status_code == 200


def test_a_cap_of_nothing_refuses_all(stack: Stack, phone: str) -> None:
    refused(stack.client(message_cap=0).send(phone), 429, "daily_cap")


@on_sqlite
def test_an_invalid_request_costs_no_cap(stack: Stack, phone: str) -> None:
    client = stack.client(message_cap=1)
    failure(client.send("12345678"), 400)
    assert client.send(phone).status_code == 200


@on_sqlite
def test_bearer_is_taken_as_the_key_and_goes_after_its_own_header(client: Client) -> None:
    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.stack.http.get("/me", headers=named).status_code

    assert status(Authorization=f"Bearer {client.key}") == 200
    assert status(authorization=f"bearer  {client.key}") == 200
    assert status(X_API_Key=client.key, Authorization="Bearer wrong") == 200
    assert status(X_API_Key="wrong", Authorization=f"Bearer {client.key}") == 403
    assert status(Authorization="Bearer wrong") == 403
    assert status(Authorization=f"Basic {client.key}") == 401
    assert status(Authorization="Bearer") == 401
