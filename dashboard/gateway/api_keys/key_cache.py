"""Keys that were presented a moment ago, so that a busy one is not looked up for every request.

What is remembered is up to a second old. It will do where the work itself calls `keys.confirm`: then a revoked key is
refused from the next request on all the same. Everybody else looks the key up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import Caller

REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 10_000
TURN_SECONDS = 0.05  # that callers wait for one of them to look; then each looks by himself


class KeyCache:
    """The keys that one process saw lately, by the digest of their secret."""

    def __init__(self, reader: Engine) -> None:
        self.reader = reader
        self._seen: dict[str, tuple[float, Caller]] = {}
        self._looking = threading.Lock()

    def find(self, secret: str, *, fresh: bool = True) -> Caller:
        """The key behind a secret; one that is not `fresh` may be a second old. Raise UnknownKey."""
        if fresh:
            return self._look(secret)
        digest = authentication.digest(secret)
        found = self._remembered(digest)
        if found is None:
            with self._turn():  # or all callers of a busy key would look at once, each time a second is over
                found = self._remembered(digest) or self._look(secret)
        return found

    def _remembered(self, digest: str) -> Caller | None:
        at, caller = self._seen.get(digest, (0.0, None))
        return caller if time.monotonic() - at < REMEMBERED_SECONDS else None

    def _look(self, secret: str) -> Caller:
        with self.reader.connect() as connection:
            found = authentication.authenticate(connection, secret)
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen[found.digest] = (time.monotonic(), found)
        return found

    @contextmanager
    def _turn(self) -> Iterator[None]:
        held = self._looking.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if held:
                self._looking.release()

    def forget(self, caller: Caller) -> None:
        """Something about it has changed: look it up the next time."""
        self._seen.pop(caller.digest, None)
