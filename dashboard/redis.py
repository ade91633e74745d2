"""Connections to Redis (or Valkey), which only wakes workers and shares rates: nothing is lost with it."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

TIMEOUT_SECONDS = 0.25  # the client's defaults hold a caller for seconds when the port is closed, longer when hung


def error_reason(error: BaseException) -> str:
    """In the server's or the client's own words, on one line; of errors of another kind, the name."""
    words = " ".join(str(error).split()).rstrip(".") if isinstance(error, RedisError) else ""
    return words or type(error).__name__


def connect(redis_url: str) -> Redis:
    """A client that fails fast and does not try again."""
    return Redis.from_url(
        redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
