"""What holds for every answer."""

from __future__ import annotations

import json
import re
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.error_shape import failure
from tests.support.stack import Client, Stack

POSTS = ("/messages/send", "/otp/send", "/otp/verify")
LIMIT = 32 * 1024


@pytest.fixture(scope="module")
def stack(sqlite_stack: Stack) -> Stack:
    """Nothing here depends on the database."""
    return sqlite_stack


@pytest.mark.parametrize("path", ["/nope", "/message", "/otp", "/otp/send/x", "/%00", "/%ff", "/é"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_404_in_the_shape(stack: Stack, method: str, path: str) -> None:
    assert failure(stack.call(method, path), 404, "Not found") == []


@pytest.mark.parametrize("path", ["/otp//send", "/messages//send", "/otp/send//"])
def test_a_crooked_path_is_unknown_and_not_redirected(client: Client, path: str) -> None:
    failure(client.post(path), 404, "Not found")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_405_in_the_shape(stack: Stack, method: str, path: str) -> None:
    answer = stack.call(method, path)
    assert failure(answer, 405, "Method not allowed") == []
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", POSTS)
def test_head_is_405(stack: Stack, path: str) -> None:
    answer = stack.call("HEAD", path)
    assert (answer.status_code, answer.content) == (405, b"")


def padded(phone: str, size: int) -> bytes:
    body = json.dumps({"phoneNumber": phone, "message": "Bonjour", "otp": "123456"}).encode()
    return body + b" " * (size - len(body))


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def test_a_body_of_32_kib_is_taken(client: Client, phone: str) -> None:
    assert client.raw("/messages/send", padded(phone, LIMIT)).status_code == 200
    assert client.raw("/messages/send", chunks(padded(phone, LIMIT))).status_code == 200


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("size", [LIMIT + 1, 100_000, 1_100_000, 10_000_000])
def test_a_larger_body_is_413_in_the_shape(client: Client, phone: str, path: str, size: int) -> None:
    body = padded(phone, size)
    assert failure(client.raw(path, body), 413, "Request body too large") == []
    assert failure(client.raw(path, chunks(body)), 413, "Request body too large") == []


def test_after_a_413_the_connection_or_a_new_one_still_works(client: Client, phone: str) -> None:
    for size in (100_000, 1_000_000, 10_000_000) * 2:
        failure(client.raw("/messages/send", padded(phone, size)), 413)
        assert client.send(phone).status_code == 200
        failure(client.raw("/messages/send", chunks(padded(phone, size))), 413)
        assert client.send(phone).status_code == 200


MALFORMED = {
    "no chunk size": b"zz\r\n{}\r\n0\r\n\r\n",
    "no end of chunk": b"2\r\n{}x0\r\n\r\n",
    "bad trailer": b"2\r\n{}\r\n0\r\nbad trailer\r\n\r\n",
    "negative size": b"-1\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_chunks_are_a_clients_fault(client: Client, body: bytes) -> None:
    with socket.create_connection(("127.0.0.1", client.stack.port), timeout=10) as raw:
        head = (
            f"POST /messages/send HTTP/1.1\r\nHost: x\r\nX-API-Key: {client.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        raw.sendall(head.encode() + body)
        raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 "), answer


def test_a_body_cut_short_is_a_clients_fault(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.stack.port), timeout=10) as raw:
        head = f"POST /messages/send HTTP/1.1\r\nHost: x\r\nX-API-Key: {client.key}\r\nContent-Length: 50\r\n\r\n"
        raw.sendall(head.encode() + b'{"a":1}')
        raw.shutdown(socket.SHUT_WR)
        answer = raw.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 "), answer


def test_a_413_needs_a_key(stack: Stack, phone: str) -> None:
    assert stack.call("POST", "/otp/send", data=padded(phone, 100_000)).status_code == 401


def answers(client: Client, phone: str, headers: dict[str, str]) -> list[httpx.Response]:
    """One answer of every kind that is quickly had."""

    def ask(path: str, **more: Any) -> httpx.Response:
        return client.stack.call("POST", path, headers=headers, **more)

    body = {"phoneNumber": phone, "message": "Bonjour", "otp": "123456"}
    return [
        ask("/messages/send", key=client.key, json=body),
        ask("/messages/send", key=client.key, json={}),
        ask("/messages/send", json={}),
        ask("/messages/send", key="x", json={}),
        ask("/otp/verify", key=client.key, json=body),
        ask("/nope", json=body),
        client.stack.call("GET", "/otp/send", headers=headers),
        ask("/otp/send", key=client.key, data=padded(phone, LIMIT + 1)),
        *(ask("/otp/send", key=client.key, json=body) for _ in range(4)),
        client.stack.call("GET", "/healthz", headers=headers),
        client.stack.call("GET", "/readyz", headers=headers),
    ]


def test_every_answer_bears_a_request_id(client: Client, phone: str) -> None:
    given = answers(client, phone, {})
    assert {answer.status_code for answer in given} == {200, 400, 401, 403, 404, 405, 413, 429}
    ids = [answer.headers["X-Request-Id"] for answer in given]
    assert len(set(ids)) == len(ids)
    assert all(str(uuid.UUID(found)) == found for found in ids)


def test_a_callers_request_id_comes_back(client: Client, phone: str) -> None:
    for answer in answers(client, phone, {"X-Request-Id": "order-42_a.b"}):
        assert answer.headers["X-Request-Id"] == "order-42_a.b"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a;b", "<script>"])
def test_a_strange_request_id_is_replaced(stack: Stack, given: str) -> None:
    found = stack.call("GET", "/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", found)


def test_answers_are_not_kept_by_caches(client: Client, phone: str) -> None:
    assert client.send(phone).headers["Cache-Control"] == "no-store"
    assert client.send("1").headers["Cache-Control"] == "no-store"
