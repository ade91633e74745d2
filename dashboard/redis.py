"""Connections to Redis (or Valkey), which only wakes workers and shares rates: nothing is lost with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel

from dashboard.addresses import SENTINELS

SENTINEL_PORT = 26379
TIMEOUT_SECONDS = 0.25  # the client's defaults hold a caller for seconds when the port is closed, longer when hung


def error_reason(error: BaseException) -> str:
    """In the server's or the client's own words, on one line; of errors of another kind, the name."""
    words = " ".join(str(error).split()).rstrip(".") if isinstance(error, RedisError) else ""
    return words or type(error).__name__


def connect(redis_url: str) -> Redis:
    """A client that fails fast and does not try again."""
    return client(
        redis_url,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def client(redis_url: str, **options: Any) -> Redis:
    """A client of one server, or of whichever is the master of `redis+sentinel://host:26379,other:26379/mymaster/0`.

    Each new connection asks the sentinels; one to a server that is no longer master is given up at its first write.
    """
    found = SENTINELS.fullmatch(redis_url)
    if found is None:
        return Redis.from_url(redis_url, **options)
    hosts = [host.partition(":") for host in found["hosts"].split(",")]
    asked = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    sentinel = Sentinel([(name, int(port or SENTINEL_PORT)) for name, _, port in hosts], sentinel_kwargs=asked)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        found["master"],
        username=unquote(found["user"] or "") or None,
        password=unquote(found["password"] or "") or None,
        db=int(found["number"] or 0),
        **options,
    )
    return master
