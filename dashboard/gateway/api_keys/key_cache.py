"""Keys that were presented a moment ago, so that a busy one is not looked up for every request.

What is remembered is up to a second old. It will do where the work itself calls `keys.confirm`: then a revoked key is
refused from the next request on all the same. Everybody else looks the key up.
"""

from __future__ import annotations

from sqlalchemy import Engine

from dashboard.cache import TimedCache
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import Caller

REMEMBERED_SECONDS = 1.0


class KeyCache:
    """The keys that one process saw lately, by the digest of their secret."""

    def __init__(self, reader: Engine) -> None:
        self.reader = reader
        self.remembered = TimedCache[str, Caller](REMEMBERED_SECONDS)

    def find(self, secret: str, *, fresh: bool = True) -> Caller:
        """The key behind a secret; one that is not `fresh` may be a second old. Raise UnknownKey."""
        find = self.remembered.renew if fresh else self.remembered.find
        return find(authentication.digest(secret), lambda: self._look(secret))

    def _look(self, secret: str) -> Caller:
        with self.reader.connect() as connection:
            return authentication.authenticate(connection, secret)

    def forget(self, caller: Caller) -> None:
        """Something about it has changed: look it up the next time."""
        self.remembered.forget(caller.digest)
