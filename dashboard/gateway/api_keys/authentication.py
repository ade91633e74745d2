"""Who calls: the key behind the secret that a request presents."""

from __future__ import annotations

import hashlib
import ipaddress
import string
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from dashboard.db import LOCK_CONDITION, Executor, UtcDateTime, utcnow
from dashboard.driver import ListStatement
from dashboard.models.api_keys import ApiKey, KeySecret
from dashboard.vocabulary import KeyMode, Kind

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
    sender: str | None = None
    channel_order: str | None = None
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
        return self.message_cap if kind == Kind.MESSAGE else self.otp_cap

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
CALLER_COLUMNS = tuple(each.name for each in fields(Caller) if each.name != "digest")
_IS_LIVE = (
    or_(KeySecret.expires_at.is_(None), KeySecret.expires_at > _NOW),
    ApiKey.revoked_at.is_(None),
    or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > _NOW),
)
LIVE_KEY = (  # columns, not objects: this is asked for every request
    select(*(getattr(ApiKey, name) for name in CALLER_COLUMNS))
    .join(KeySecret)
    .where(KeySecret.digest == bindparam("digest"), *_IS_LIVE)
)
LIVE_BY_ID = (
    select(*(getattr(ApiKey, name) for name in CALLER_COLUMNS), KeySecret.digest)
    .join(KeySecret)
    .where(ApiKey.id == bindparam("key"), *_IS_LIVE)
    .order_by(KeySecret.id.desc())
    .limit(1)
)
_LIVE_DIGESTS = (
    select(KeySecret.digest).join(ApiKey).where(KeySecret.digest.in_(bindparam("digests", expanding=True)), *_IS_LIVE)
)
LIVE_DIGESTS = ListStatement(_LIVE_DIGESTS)
LIVE_DIGESTS_AND_LOCK = ListStatement(_LIVE_DIGESTS.where(LOCK_CONDITION))  # PostgreSQL


def authenticate(session: Executor, secret: str) -> Caller:
    """The key behind a secret; raise UnknownKey."""
    if not is_well_formed(secret):
        raise UnknownKey
    presented = digest(secret)
    row = session.execute(LIVE_KEY, {"digest": presented, "now": utcnow()}).one_or_none()
    if row is None:
        raise UnknownKey
    return Caller.from_row(row, presented)


def of_key(session: Executor, key_id: str) -> Caller:
    """The key with this id, by its newest secret; raise UnknownKey where it is not live."""
    row = session.execute(LIVE_BY_ID, {"key": key_id, "now": utcnow()}).first()
    if row is None:
        raise UnknownKey
    return Caller.from_row(row, row.digest)


def live_digests(session: Session, callers: Iterable[Caller], lock_names: Collection[str] = ()) -> set[str]:
    """Of the secrets that led to these callers, the digests of those that are accepted in this very transaction.

    Unless there are none, `lock_names` are held from here on, as by `db.lock`; it saves a round trip.
    """
    params: dict[str, Any] = {"digests": list({caller.digest for caller in callers}), "now": utcnow()}
    statement = LIVE_DIGESTS
    if lock_names and session.get_bind().dialect.name == "postgresql":
        statement = LIVE_DIGESTS_AND_LOCK
        params["lock_names"] = list(lock_names)
    return {row.digest for row in statement.run(session.connection(), params)}


def needs_touch(caller: Caller) -> bool:
    """Whether its last use was written down more than a minute ago."""
    return caller.last_used_at is None or caller.last_used_at <= utcnow() - SEEN_EVERY


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_well_formed(secret: str) -> bool:
    """Whether prefix, length and check characters fit."""
    for mode in KeyMode:
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
