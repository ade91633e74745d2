"""What is not HTTP, or not an honest client's: answered in the shape, never with a 500, and the server goes on."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tests.fuzz import raw_bytes
from tests.support.stack import Stack


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # the one that refuses more, such as NUL
def test_raw_bytes_are_answered_in_the_shape_and_never_with_a_500(stack: Stack) -> None:
    report = raw_bytes.fuzz(stack, 600, seed=int(time.time()))
    assert report.faults == []
    assert sum(report.statuses.values()) >= 600
    assert {"200", "400"} <= set(report.statuses)


SECRET = b"cq_live_unmistakable"


@pytest.mark.parametrize(
    "raw",
    [
        b"X-API-Key " + SECRET + b"\r\n\r\n",
        b"GET /me?" + SECRET + b"\r\n\r\n",
        b"GET /me HTTP/1.1\r\nX-API-Key " + SECRET + b"\r\n\r\n",
        b"GET /me HTTP/1.1\r\nX-API-Key: " + SECRET + b"\r\n folded\r\n\r\n",
        b"GET /" + SECRET + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /me HTTP/1.1\r\nX-API-Key: " + SECRET * 1_000 + b"\r\n\r\n",
        b"POST /otp/send HTTP/1.1\r\nContent-Length: " + SECRET + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so_in_the_shape_and_reaches_no_log(stack: Stack, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", stack.port), 10) as wire:
        wire.sendall(raw)
        answer = b"".join(iter(lambda: wire.recv(65_536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"X-Request-Id: " in head
    told = json.loads(body)
    assert (told["success"], told["errors"], set(told)) == (False, [], {"success", "message", "errors"})
    assert SECRET not in answer
    assert SECRET.decode() not in stack.printed()
