"""The other end of a session as raw octets: for what no well-behaved SMSC would say."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.stack import until

BIND, SUBMIT, DELIVER, UNBIND, ENQUIRE, NACK, ANSWER = 0x09, 0x04, 0x05, 0x06, 0x15, 0x80000000, 0x80000000


def packet(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def deliver(sequence: int, text: bytes, esm_class: int = 4, tlvs: bytes = b"", source: bytes = b"22238089336") -> bytes:
    """A deliver_sm."""
    addresses = b"\1\1" + source + b"\0" + b"\5\0Chinqit\0"
    rest = bytes((esm_class, 0, 0, 0, 0, 0, 0, 0, 0, len(text)))
    return packet(DELIVER, sequence, b"\0" + addresses + rest + text + tlvs)


class Wire:
    """Takes every bind, answers unbinds, keeps what comes. `got` is (command, status, sequence, body)."""

    def __init__(self) -> None:
        self.got: list[tuple[int, int, int, bytes]] = []
        self.binds = 0
        self.connection: socket.socket | None = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def send(self, data: bytes) -> None:
        until(lambda: self.connection is not None, 10)
        assert self.connection is not None
        self.connection.sendall(data)

    def heard(self, command: int, seconds: float = 10) -> tuple[int, int, int, bytes]:
        """The first packet of that command, waited for."""
        until(lambda: any(item[0] == command for item in list(self.got)), seconds)
        return next(item for item in self.got if item[0] == command)

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.connection is not None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        self.thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._talk(connection)
            self.connection = None

    def _talk(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        with stream:
            while len(head := stream.read(16)) == 16:
                length, command, status, sequence = struct.unpack(">IIII", head)
                self.got.append((command, status, sequence, stream.read(length - 16)))
                if command in (BIND, UNBIND):
                    connection.sendall(packet(command | ANSWER, sequence, b"WIRE\0" if command == BIND else b""))
                if command == BIND:
                    self.binds += 1
                    self.connection = connection


@contextmanager
def running() -> Iterator[Wire]:
    wire = Wire()
    try:
        yield wire
    finally:
        wire.close()
