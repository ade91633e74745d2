"""Clients that trickle their request, or read their answer slowly, hold nobody else up, and are cut off."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import pytest

from tests.support.stack import Stack

USUAL, CHAOS = 150, 500  # more than there are threads; `make chaos` takes the latter
PROBES = 5
HEAD = b"POST /messages/send HTTP/1.1\r\nHost: gateway\r\nX-API-Key: cq_live_nobody\r\n"
SLOW = {
    "nothing": b"",
    "half a head": HEAD[:30],
    "a head without its body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "a long body": HEAD + b"Content-Length: 900000\r\n\r\n{",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "no reading": b"GET /openapi.json HTTP/1.1\r\nHost: gateway\r\n\r\n" * 3,
}


@contextmanager
def slow_clients(stack: Stack, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as opened:
        slow = []
        for _ in range(count):
            client = opened.enter_context(socket.socket())
            client.settimeout(30)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            client.connect(("127.0.0.1", stack.port))
            client.sendall(sent)
            slow.append(client)
        yield slow


@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_slow_clients_leave_the_threads_to_others(
    sqlite_stack: Stack, phone: str, sent: bytes, pytestconfig: pytest.Config
) -> None:
    """One that held a thread would hold it longer than a probe has time, and there are more of them than threads."""
    count = CHAOS if pytestconfig.getoption("markexpr") == "" else USUAL
    client, began = sqlite_stack.client(), time.monotonic()
    with slow_clients(sqlite_stack, sent, count):
        for _ in range(PROBES):
            assert sqlite_stack.http.get("/healthz").status_code == HTTPStatus.OK
            assert client.send(phone).status_code == HTTPStatus.OK
        assert time.monotonic() - began < 10, "cut off before they were tested, or they held the others up"


def test_requests_that_do_not_come_in_time_are_answered_and_closed(sqlite_stack: Stack) -> None:
    unfinished = [sent for name, sent in SLOW.items() if name != "no reading"]
    with ExitStack() as opened:
        clients = [opened.enter_context(slow_clients(sqlite_stack, sent, 1))[0] for sent in unfinished]
        for sent, client in zip(unfinished, clients, strict=True):
            answer = b"".join(iter(lambda client=client: client.recv(65_536), b""))  # type: ignore[misc]
            assert answer.startswith(b"HTTP/1.1 408 ") if sent else answer == b""
            assert b'{"success":false,"message":"The request did not arrive in time","errors":[]}' in answer or not sent


def test_a_body_in_pieces_is_taken_and_one_that_asks_first_is_told_to_go_on_once(
    sqlite_stack: Stack, phone: str
) -> None:
    client = sqlite_stack.client()
    body = b'{"phoneNumber": "%s", "message": "Bonjour"}' % phone.encode()
    head = HEAD.replace(b"cq_live_nobody", client.key.encode())
    head += b"Connection: close\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", sqlite_stack.port), timeout=30) as slow:
        slow.sendall(head)
        assert slow.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for at in range(0, len(body), 7):
            slow.sendall(body[at : at + 7])
        answer = b"".join(iter(lambda: slow.recv(65_536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK") and b'"queued":true' in answer


def test_requests_that_come_together_are_answered_in_order(sqlite_stack: Stack) -> None:
    asked = [b"/healthz", b"/nowhere", b"/healthz"]
    sent = b"".join(b"GET %s HTTP/1.1\r\nHost: gateway\r\n\r\n" % path for path in asked)
    with socket.create_connection(("127.0.0.1", sqlite_stack.port), timeout=30) as wire:
        wire.sendall(sent + b"GET /healthz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: wire.recv(65_536), b""))
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200", b"404", b"200", b"200"]


def test_what_is_read_slowly_comes_whole(sqlite_stack: Stack) -> None:
    sent = SLOW["no reading"].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with slow_clients(sqlite_stack, sent, 1) as found:
        answer = b"".join(iter(lambda: found[0].recv(65_536), b""))
    _head, _, body = answer.partition(b"\r\n\r\n")
    assert body == sqlite_stack.http.get("/openapi.json").content
