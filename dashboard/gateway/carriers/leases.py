"""What the processes of all machines share about a carrier, in Redis: its binds, and how fast they may send.

Redis is asked about nothing that must not be lost. Without it a process goes on alone: with the bind that it holds,
and with its part of the rate.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from dashboard.gateway.carriers.rate import LATE, SLOW, LocalRateLimiter
from dashboard.providers.base import Tokens

LEASE = 10.0  # seconds that a bind is held without being asked for again
QUIET = 2.0  # seconds that a Redis which failed is left alone: each call may take its client's whole time-out

# Keep or take a bind. KEYS: its places; ARGV: token, milliseconds.
TAKE = """
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then
        redis.call('PEXPIRE', key, ARGV[2])
        return 1
    end
end
for _, key in ipairs(KEYS) do
    if redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
end
return 0
"""
# Give it back. KEYS: its places; ARGV: token.
FREE = """
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""
# GCRA on the server's clock. KEYS: when the next segment is due, whether all go slowly; ARGV: segments a second,
# how many are wanted, microseconds of lateness made up for. Returns how many, and microseconds until the next.
PERMIT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due = tonumber(redis.call('GET', KEYS[1]) or 0)
local step = 1000000 / tonumber(ARGV[1])
if redis.call('EXISTS', KEYS[2]) == 1 then step = step * 2 end
local most = 60 * step + 60000000  -- further ahead nobody can be: the server's clock was set back
if due > now + most then due = now end
if due > now then return {0, math.ceil(due - now)} end
local granted = tonumber(ARGV[2])
due = math.max(due, now - tonumber(ARGV[3])) + granted * step
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
return {granted, math.max(0, math.ceil(due - now))}
"""


class CarrierCoordinator:
    """One process's part in a carrier: the binds and the rate of `base.Host`. Safe to call from several threads."""

    def __init__(self, redis: Redis, carrier: str) -> None:
        """`redis` fails fast: see `connect`. `carrier` is the id that all processes call it by."""
        self._redis = redis
        self._name = f"chinqit:carrier:{{{carrier}}}"  # braces: a cluster keeps these keys together
        self._token = secrets.token_hex(16)
        self._take, self._free, self._permit = (redis.register_script(text) for text in (TAKE, FREE, PERMIT))
        self._most = 1
        self._is_held = False
        self._down_since: float | None = None
        self._quiet_until = 0.0
        self._local, self._local_retries = LocalRateLimiter(), LocalRateLimiter()

    def acquire_bind(self, most: int) -> bool:
        """Take or keep one of `most` binds. Without Redis: keep it, or take one when every lease must be over."""
        self._most = most
        taken = self._ask(lambda: self._take(keys=self._places(), args=[self._token, int(LEASE * 1000)]))
        if taken is None:
            since = self._down_since or time.monotonic()
            self._is_held = self._is_held or time.monotonic() - since > LEASE
        else:
            self._is_held = bool(taken)
        return self._is_held

    def release_bind(self) -> None:
        """Give the bind back."""
        self._is_held = False
        self._ask(lambda: self._free(keys=self._places(), args=[self._token]) or True)

    def acquire_tokens(self, rate: float, wanted: int) -> Tokens:
        """Leave for `wanted` segments or none, at `rate` a second over all processes."""
        return self._acquire("due", self._local, rate, wanted)

    def acquire_retry_tokens(self, rate: float, wanted: int) -> Tokens:
        """As `acquire_tokens`, of a rate of its own: for texts that were not taken through their own fault."""
        return self._acquire("retry-due", self._local_retries, rate, wanted)

    def _acquire(self, key: str, local: LocalRateLimiter, rate: float, wanted: int) -> Tokens:
        keys = [f"{self._name}:{key}", f"{self._name}:slow"]
        reply = self._ask(lambda: self._permit(keys=keys, args=[rate, wanted, int(LATE * 1e6)]))
        if reply is None:
            return local.acquire_tokens(rate / self._most, wanted)
        return Tokens(int(reply[0]), int(reply[1]) / 1e6)

    def slow_down(self) -> None:
        """Half the rate for everybody, for a while."""
        self._local.slow_down()
        self._ask(lambda: self._redis.set(f"{self._name}:slow", 1, px=int(SLOW * 1000)))

    def _places(self) -> list[str]:
        return [f"{self._name}:bind:{number}" for number in range(1, self._most + 1)]

    def _ask(self, question: Callable[[], Any]) -> Any:
        """Its answer; None when Redis is gone, and for a moment after."""
        now = time.monotonic()
        if now < self._quiet_until:
            return None
        try:
            answer = question()
        except RedisError:
            self._quiet_until = time.monotonic() + QUIET
            self._down_since = self._down_since or now
            return None
        self._down_since = None
        return answer
