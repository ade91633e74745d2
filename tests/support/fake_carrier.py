"""A carrier that does as it is told and writes down what reached it. The ledger is the judge."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float = field(default_factory=time.monotonic)


Script = Callable[["Wire"], None]


@dataclass
class Wire:
    """The carrier's end of a connection, with a request read from it (or about to be)."""

    socket: socket.socket
    closing: threading.Event
    request: Request | None = None
    over: bool = False

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def dribble(self, data: bytes, every: float) -> None:
        for byte in data:
            if self.closing.wait(every):
                return
            self.raw(bytes([byte]))

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.over = True

    def hang(self) -> None:
        self.closing.wait(30)


def answers(status: int, body: bytes = b"{}", **headers: str) -> Script:
    return lambda wire: wire.answer(status, body, **headers)


def late(seconds: float, script: Script) -> Script:
    """After a while."""

    def play(wire: Wire) -> None:
        wire.closing.wait(seconds)
        script(wire)

    return play


class Carrier:
    """Plays its scripts in turn, one a request; the last one goes on. `ledger` holds every request that was read."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.scripts: list[Script] = [answers(200)]
        self.unread: list[Script] = []  # played on connections before anything is read, one a connection
        self.ledger: list[Request] = []
        self.connections = 0
        self.names: list[str | None] = []  # asked for by TLS
        self.closing = threading.Event()
        self.open: set[socket.socket] = set()
        self.tls = tls
        if tls:
            tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def plays(self, *scripts: Script) -> None:
        self.scripts = list(scripts)

    def close(self) -> None:
        if self.closing.is_set():
            return
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            with suppress(OSError):  # ended meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(15)
        try:
            if self.unread:
                return self.unread.pop(0)(Wire(connection, self.closing))
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.open.add(connection)
            self._talk(connection)
        except OSError:
            return None
        finally:
            self.open.discard(connection)
            connection.close()

    def _talk(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None and not self.closing.is_set():
                with self.lock:
                    self.ledger.append(request)
                    script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                wire = Wire(connection, self.closing, request)
                script(wire)
                if wire.over:
                    return


def _read(stream: BinaryIO) -> Request | None:
    head = stream.readline().decode("latin-1").split()
    if len(head) != 3:
        return None
    headers = {}
    while line := stream.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = stream.read(length)
    if len(body) < length:  # whoever sent it died over it
        return None
    return Request(head[0], head[1], headers, body)


@contextmanager
def running(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Carrier]:
    carrier = Carrier(tls, host)
    try:
        yield carrier
    finally:
        carrier.close()
