"""Who calls: the key behind the secret that a request presents."""

from __future__ import annotations

import hashlib
import ipaddress
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import Executor, UtcDateTime, utcnow
from dashboard.models.api_keys import ApiKey, KeySecret

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


RANDOM_LENGTH = 32


CHECK_LENGTH = 6  # base 62 of a CRC-32, so that a typo is told apart without asking the database


SEEN_EVERY = timedelta(minutes=1)


class UnknownKey(Exception):
    """No live key has this secret: mistyped, never made, expired or revoked, all alike."""


@dataclass(frozen=True)
class Caller:
    """The key that a request presented, free of any database session."""

    id: str
    name: str
    mode: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...] = ()
    message_cap: int | None = None
    otp_cap: int | None = None
    brand: str | None = None
    last_used_at: datetime | None = None
    digest: str = ""  # of the secret that was presented

    @classmethod
    def from_row(cls, row: Any, digest: str = "") -> Caller:
        """From a row that has a key's columns, and the digest of the secret that led to it."""
        values: dict[str, Any] = {name: getattr(row, name) for name in CALLER_COLUMNS}
        values |= {"scopes": tuple(row.scopes), "networks": tuple(row.networks), "digest": digest}
        return cls(**values)

    def allows(self, scope: str) -> bool:
        return scope in self.scopes

    def cap(self, kind: str) -> int | None:
        """Sends of a `message` or an `otp` that are allowed in a day (UTC); None: any number."""
        return self.message_cap if kind == "message" else self.otp_cap

    def admits(self, address: str) -> bool:
        """Whether the key may be used from this IP address."""
        if not self.networks:
            return True
        try:
            caller = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(caller in ipaddress.ip_network(network) for network in self.networks)


_NOW = bindparam("now", type_=UtcDateTime)


CALLER_COLUMNS = tuple(one.name for one in fields(Caller) if one.name != "digest")
LIVE_KEY = (  # columns, not objects: this is asked for every request
    select(*(getattr(ApiKey, name) for name in CALLER_COLUMNS))
    .join(KeySecret)
    .where(
        KeySecret.digest == bindparam("digest"),
        or_(KeySecret.expires_at.is_(None), KeySecret.expires_at > _NOW),
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > _NOW),
    )
)


class HasCaller(Protocol):
    """Whatever came with a key."""

    @property
    def caller(self) -> Caller: ...


T = TypeVar("T")


Presented = TypeVar("Presented", bound=HasCaller)


def authenticate(session: Executor, secret: str) -> Caller:
    """The key behind a secret; raise UnknownKey."""
    if not is_well_formed(secret):
        raise UnknownKey
    presented = digest(secret)
    row = session.execute(LIVE_KEY, {"digest": presented, "now": utcnow()}).one_or_none()
    if row is None:
        raise UnknownKey
    return Caller.from_row(row, presented)


def confirm(session: Session, caller: Caller) -> None:
    """See that the key is live in this very transaction; raise UnknownKey."""
    if not is_live(session, caller):
        raise UnknownKey


def is_live(session: Session, caller: Caller) -> bool:
    """Whether the key is live in this very transaction; looked up once for all who ask in it."""
    live: dict[str, bool] = session.info.setdefault("live_keys", {})
    if caller.digest not in live:
        told = {"digest": caller.digest, "now": utcnow()}
        live[caller.digest] = session.connection().execute(LIVE_KEY, told).one_or_none() is not None
    return live[caller.digest]


def of_live_keys(
    session: Session, items: Sequence[Presented], work: Callable[[list[Presented]], Sequence[T]]
) -> list[T | UnknownKey]:
    """Do the work for those whose key is live in this very transaction; the others are refused."""
    live = [item for item in items if is_live(session, item.caller)]
    done = iter(work(live) if live else [])
    return [next(done) if is_live(session, item.caller) else UnknownKey() for item in items]


def needs_touch(caller: Caller) -> bool:
    """Whether its last use was written down more than a minute ago."""
    return caller.last_used_at is None or caller.last_used_at <= utcnow() - SEEN_EVERY


def touch(session: Session, caller: Caller) -> None:
    """Note that the key is in use."""
    session.execute(update(ApiKey).where(ApiKey.id == caller.id).values(last_used_at=utcnow()))


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_well_formed(secret: str) -> bool:
    """Whether prefix, length and check characters fit."""
    for mode in ("live", "test"):
        prefix = f"cq_{mode}_"
        if secret.startswith(prefix) and len(secret) == len(prefix) + RANDOM_LENGTH + CHECK_LENGTH:
            return secret.isascii() and secret[-CHECK_LENGTH:] == _check(secret[:-CHECK_LENGTH])
    return False


def _check(body: str) -> str:
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        characters = ALPHABET[rest] + characters
    return characters
