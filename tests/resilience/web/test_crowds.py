"""More calls at once than a web process has threads: they wait for their commit, and hold up nobody else."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import httpx

from tests.support.outages import locked
from tests.support.stack import Stack

THREADS = 2 * 64  # two web processes
CROWD = THREADS + 40
PIPELINED = 300


def post(key: str, body: bytes) -> bytes:
    head = f"POST /messages/send HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_a_crowd_that_waits_for_the_database_holds_up_nobody(sqlite_stack: Stack) -> None:
    call = post(sqlite_stack.key(), b'{"phoneNumber":"20000001","message":"Bonjour"}')
    with ExitStack() as held:
        with locked(sqlite_stack):
            crowd = []
            for _ in range(CROWD):
                crowd.append(held.enter_context(socket.create_connection(("127.0.0.1", sqlite_stack.port), timeout=20)))
                crowd[-1].sendall(call)
            healthy = httpx.get(f"http://127.0.0.1:{sqlite_stack.port}/healthz", timeout=3)
            assert healthy.status_code == 200
        answers = [connection.recv(4_096) for connection in crowd]
    assert [answer.partition(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * CROWD


def test_calls_that_come_in_one_piece_are_answered_one_by_one_in_their_order(sqlite_stack: Stack) -> None:
    bodies = [b'{"phoneNumber":"%d","message":"Bonjour"}' % (20_000_000 + number) for number in range(PIPELINED)]
    keys = [sqlite_stack.key(), "cq_live_nobody"]
    calls = b"".join(post(keys[number % 2], body) for number, body in enumerate(bodies))
    received = b""
    with socket.create_connection(("127.0.0.1", sqlite_stack.port), timeout=20) as connection:
        connection.sendall(calls)
        while received.count(b"HTTP/1.1 ") < PIPELINED:
            received += connection.recv(65_536)
    statuses = [answer[:3] for answer in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"403"] * (PIPELINED // 2)
