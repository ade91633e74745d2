"""Keys that were presented a moment ago, so that a busy one is not looked up for every request.

What is remembered is up to a second old. It will do where the work itself calls `keys.confirm`: then a revoked key is
refused from the next request on all the same. Everybody else looks the key up.
"""

from __future__ import annotations

import time

from sqlalchemy import Engine

from dashboard.gateway import keys
from dashboard.gateway.keys import Caller

REMEMBERED_SECONDS = 1.0
MOST_REMEMBERED = 10_000


class KeyCache:
    """The keys that one process saw lately, by the digest of their secret."""

    def __init__(self, reader: Engine) -> None:
        self.reader = reader
        self._seen: dict[str, tuple[float, Caller]] = {}

    def find(self, secret: str, *, fresh: bool = True) -> Caller:
        """The key behind a secret; one that is not `fresh` may be a second old. Raise UnknownKey."""
        seen = None if fresh else self._seen.get(keys.digest(secret))
        if seen is not None and time.monotonic() - seen[0] < REMEMBERED_SECONDS:
            return seen[1]
        with self.reader.connect() as connection:
            found = keys.authenticate(connection, secret)
        if len(self._seen) >= MOST_REMEMBERED:
            self._seen.clear()
        self._seen[found.digest] = (time.monotonic(), found)
        return found

    def forget(self, caller: Caller) -> None:
        """Something about it has changed: look it up the next time."""
        self._seen.pop(caller.digest, None)
