"""How much of a request has come: what the web server has to know before one of its threads may take it.

It follows the framing of RFC 9112 (HTTP/1.1) and judges nothing: what is no HTTP counts as whole, so that gunicorn's
parser gets to refuse it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

SECONDS = 10.0  # for head and body to come
HURRIED_SECONDS = 2.0  # the same, while others wait for the place that this one takes
BYTES_A_SECOND = 16 * 1024  # a body that keeps coming this fast may take longer
LONGEST_HEAD = 64 * 1024
SHORT_BODY = 64 * 1024  # is held whatever else is held
PIECE = 1024 * 1024  # longer than what is ever received at a time
LONGEST_BODY = 4 * 1024 * 1024  # a longer one is refused by its length or its first bytes, but for those of
BULK_BYTES = 24 * 1024 * 1024  # which 50,000 texts of 70 Arabic letters fit into, each letter written as \\u0000
TABLE_BYTES = 12 * 1024 * 1024  # of a form with a file of 50,000 rows, or an operator's bill
LONG_BODIES = {
    b"POST /api/v2/bulk/send": BULK_BYTES,
    b"POST /dashboard/campaigns/new": TABLE_BYTES,
    b"POST /dashboard/contacts/import": TABLE_BYTES,
    b"POST /dashboard/usage/bill": TABLE_BYTES,
}

HEAD_END = b"\r\n\r\n"
REQUEST_LINE = re.compile(rb"(?:\r\n)?([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [^ \r\n]{1,8192}) HTTP/1\.[01]\r\n")
START = re.compile(rb"(?:\r|\r\n)?(?:[!#$%&'*+.^_`|~0-9A-Za-z-][^\n]{0,8300})?")
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECTS_CONTINUE = re.compile(rb"(?is) HTTP/1\.1\r\n(?:.*\r\n)?expect:[ \t]*100-continue[ \t]*\r\n")
CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,12}")
LONGEST_LINE = 8190  # of a chunk's size with its extensions, as gunicorn has it


class Arrival:
    """A request that comes in piece by piece."""

    def __init__(self) -> None:
        self.began_at = time.monotonic()
        self.data = bytearray()
        self.is_whole = False
        self.is_too_long = False  # a head without an end
        self.is_cut = False  # a body too long to be held: what follows is left unread
        self.expects_continue = self.was_told = False
        self.room = 0  # bytes of the worker's that are held for it
        self.length: int | None = 0  # of the body; None where chunks tell its end
        self.operation = b""  # method and address, such as `POST /otp/send`, once the head is whole
        self._body_at = 0  # where the body begins; 0 as long as the head is not whole
        self._chunk_at = 0  # where the next chunk's size stands
        self._in_trailers = False

    def add(self, data: bytes) -> None:
        """Take what has come next."""
        searched = max(0, len(self.data) - len(HEAD_END) + 1)
        self.data += data
        if not self._body_at:
            self._look_for_head(searched)
        if self._body_at and not self.is_whole:
            self.is_whole = self._chunks_end() if self.length is None else self._received() >= self.length
            self.is_cut = not self.is_whole and max(self.length or 0, self._received()) > self._longest
            self.is_whole |= self.is_cut

    def pieces(self) -> Iterator[bytes]:
        """All that has come, a piece at a time; what was given is let go, so that a long body is never there twice.

        The last piece holds the end of the body, and with it all that came after.
        """
        while len(self.data) > 2 * PIECE:
            piece = bytes(self.data[:PIECE])
            del self.data[:PIECE]
            yield piece
        last = bytes(self.data)
        self.data.clear()
        yield last

    def wanted_room(self) -> int:
        """How many bytes have to be held for the whole body; 0 for a short one."""
        if max(self.length or 0, self._received()) <= SHORT_BODY:
            return 0
        return self._longest if self.length is None else self.length

    def is_late(self, now: float, *, hurried: bool) -> bool:
        seconds = HURRIED_SECONDS if hurried else SECONDS
        return now >= self.began_at + seconds + self._received() / BYTES_A_SECOND

    @property
    def _longest(self) -> int:
        """How many bytes its body may have."""
        return LONG_BODIES.get(self.operation.partition(b"?")[0].rstrip(b"/"), LONGEST_BODY)

    def _received(self) -> int:
        """How many bytes of the body are there."""
        return len(self.data) - self._body_at if self._body_at else 0

    def _look_for_head(self, searched: int) -> None:
        end = self.data.find(HEAD_END, searched)
        if end <= 0:
            is_http = REQUEST_LINE.match(self.data) or START.fullmatch(self.data)
            self.is_too_long = bool(is_http) and len(self.data) > LONGEST_HEAD
            self.is_whole = not is_http or self.is_too_long
            return
        head = bytes(self.data[: end + 2])
        request_line = REQUEST_LINE.match(head)
        if not request_line:
            self.is_whole = True
            return
        self.operation = request_line[1]
        self._body_at = end + len(HEAD_END)
        self.expects_continue = EXPECTS_CONTINUE.search(head) is not None
        length = CONTENT_LENGTH.search(head)
        if CHUNKED.search(head):
            self.length, self._chunk_at = None, self._body_at
        elif length:
            self.length = int(length[1])

    def _chunks_end(self) -> bool:
        """Whether the last chunk and the trailers are there, or something that is neither (RFC 9112, 7.1)."""
        at = self._chunk_at
        while not self._in_trailers and at <= len(self.data):
            if at > self._body_at and self.data[at - 2 : at] != b"\r\n":
                return True
            end = self.data.find(b"\r\n", at)
            if end < 0:
                return len(self.data) - at > LONGEST_LINE
            size = CHUNK_SIZE.fullmatch(bytes(self.data[at:end]).partition(b";")[0].rstrip(b" \t"))
            if not size:
                return True
            octets = int(size[0], 16)
            self._in_trailers = octets == 0
            at = self._chunk_at = end + 2 + (octets + 2 if octets else 0)
        if not self._in_trailers:
            return False
        trailers = self.data[at:]
        return trailers.startswith(b"\r\n") or HEAD_END in trailers or len(trailers) > LONGEST_HEAD
