"""What is not HTTP, or not an honest client's: answered in the shape, never with a 500, and the server goes on."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from tests.fuzz import raw_bytes
from tests.support.stack import Stack

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # what is no request reaches none


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # the one that refuses more, such as NUL
def test_raw_bytes_are_answered_in_the_shape_and_never_with_a_500(stack: Stack) -> None:
    report = raw_bytes.fuzz(stack, 600, seed=1)
    assert report.faults == []
    assert sum(report.statuses.values()) >= 600
    assert {"200", "400"} <= set(report.statuses)


SECRET = b"cq_live_unmistakable"


@ONE_DATABASE
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


@ONE_DATABASE
@pytest.mark.parametrize("name", [b"SCRIPT_NAME", b"PATH_INFO", b"REMOTE_USER"])
def test_no_client_sets_what_the_server_sets(stack: Stack, name: bytes) -> None:
    """Also not one on this machine, as the reverse proxy is."""
    request = (
        b"GET //evil.test/dashboard/keys/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        + name
        + b": //evil.test\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stack.port), 10) as wire:
        wire.sendall(request)
        answer = b"".join(iter(lambda: wire.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"evil.test" not in answer


def test_a_huge_form_is_refused_and_the_connection_lives_on(stack: Stack) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.port}") as client:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/dashboard/sign-in", content=b"a=1&" * 2_000_000, headers=headers).status_code == 413
        assert client.get("/healthz").status_code == 200
