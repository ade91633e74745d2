"""A light HTTP client for measuring: many keep-alive connections and one thread, so that the server has the machine.

It reads no more of an answer than tells where it ends.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

ANSWER_SECONDS = 30.0
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
Ask = Callable[[], bytes | None]
"""Gives the next request, or None when there are no more."""


@dataclass
class Load:
    """What came of a run."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)  # seconds from request to answer
    bodies: list[bytes] = field(default_factory=list)  # when they are kept

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds

    def expect(self, *statuses: int) -> Load:
        """Itself, if nothing else was answered."""
        assert set(self.statuses) <= set(statuses), self.statuses
        return self


@dataclass
class _Connection:
    socket: socket.socket
    asked_at: float = 0.0
    answer: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        self.asked_at = time.perf_counter()
        self.socket.sendall(request)


def post(path: str, key: str, body: bytes) -> bytes:
    """A request."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def run(port: int, clients: int, seconds: float, ask: Ask, *, keep: bool = False) -> Load:
    """So many clients call one after the other until the time is over or `ask` has no more."""
    load, poll = Load(), select.epoll()
    connections = {found.socket.fileno(): found for found in _connect(port, clients)}
    began = time.perf_counter()
    asking = 0
    for number, connection in connections.items():
        request = ask()
        if request is not None:
            connection.ask(request)
            poll.register(number, select.EPOLLIN)
            asking += 1
    while asking:
        events = poll.poll(ANSWER_SECONDS)
        assert events, "no answer"
        for number, _ in events:
            connection = connections[number]
            if not _receive(connection, load, keep):
                continue
            request = ask() if time.perf_counter() - began < seconds else None
            if request is None:
                asking -= 1
            else:
                connection.ask(request)
    load.seconds = time.perf_counter() - began
    poll.close()
    for connection in connections.values():
        connection.socket.close()
    return load


def _connect(port: int, count: int) -> Iterator[_Connection]:
    for _ in range(count):
        made = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield _Connection(made)


def _receive(connection: _Connection, load: Load, keep: bool) -> bool:
    """Take what has come; True when it was the end of an answer."""
    came = connection.socket.recv(262_144)
    assert came, "the server closed the connection"
    answer = connection.answer
    answer += came
    head = answer.find(HEAD_END)
    if head < 0 or len(answer) < head + len(HEAD_END) + _length(answer[:head]):
        return False
    load.times.append(time.perf_counter() - connection.asked_at)
    load.statuses[int(answer[9:12])] += 1
    if keep:
        load.bodies.append(bytes(answer[head + len(HEAD_END) :]))
    answer.clear()
    return True


def _length(head: bytearray) -> int:
    lower = head.lower()
    start = lower.index(LENGTH) + len(LENGTH)
    return int(lower[start:].split(b"\r\n", 1)[0])
