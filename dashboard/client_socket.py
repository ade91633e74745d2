"""A client's connection, as the web server's main thread reads it and sends on it without waiting."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import Any

PIECE = 256 * 1024  # bytes that are received at a time
UNSENT = 1024 * 1024  # bytes of an answer that are held for a client who reads slowly; a thread waits with the rest
STALLED_SECONDS = 30  # for a client to read anything of its answer


class ClientSocket(socket.socket):
    """A connection that holds what its client does not read yet, for the main thread to send.

    It blocks, and whoever must not wait says so at each call: that saves three system calls a request.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        super().setblocking(True)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STALLED_SECONDS, 0))
        self.unsent = bytearray()
        self.stalled_at = 0.0
        self.is_watched = False  # by the poller, for what its client sends
        self.is_gathering = False  # the answer comes in pieces, and is to be sent as one

    def setblocking(self, flag: bool, /) -> None:
        """Leave it as it is, whatever gunicorn wants."""

    def receive(self) -> bytes:
        """The next piece, empty at the end; raise BlockingIOError when there is none yet."""
        return self.recv(PIECE, socket.MSG_DONTWAIT)

    def send_now(self, data: bytes) -> None:
        """Send as much of it as the system takes now; whoever has gone needs no word."""
        with suppress(OSError):
            self.send(data, socket.MSG_DONTWAIT)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what can be sent, and hold the rest; wait only with more than UNSENT bytes of it."""
        self.unsent += data
        if not self.is_gathering:
            self.send_on()
        if len(self.unsent) > UNSENT:
            super().sendall(self.unsent, flags)
            self.unsent.clear()

    def send_on(self) -> None:
        """Send what is held, as much as the system takes now; raise OSError when the client has gone."""
        with suppress(BlockingIOError):
            while self.unsent:
                del self.unsent[: self.send(self.unsent, socket.MSG_DONTWAIT)]
        self.stalled_at = time.monotonic() + STALLED_SECONDS
