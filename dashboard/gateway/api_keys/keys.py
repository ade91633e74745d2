"""API keys: make, recognise, rotate, revoke."""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import string
import uuid
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, selectinload

from dashboard.db import Runs, UtcDateTime, lock, utcnow
from dashboard.models.api_keys import ApiKey, KeyDay, KeySecret

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 32
CHECK_LENGTH = 6  # base 62 of a CRC-32, so that a typo is told apart without asking the database
SCOPES = ("send", "otp", "read", "webhooks")
USUAL_SCOPES = ("send", "otp", "read")  # whoever may say where events go, reads them: that is asked for
GRACES = {"now": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
SEEN_EVERY = timedelta(minutes=1)
LATELY = timedelta(hours=24)
OWN_ID = "00000000-0000-0000-0000-000000000000"  # the gateway's own key, for trials; it has no secret and is not listed
_A_DAY = ("key_id", "day", "kind")


class UnknownKey(Exception):
    """No live key has this secret: mistyped, never made, expired or revoked, all alike."""


class KeyNotFound(LookupError):
    """No key has this id or name."""


class AlreadyDone(Exception):
    """The same order came before, as when a form is sent twice; its secret was shown then."""


class KeyEnded(Exception):
    """The key is revoked or expired: it gets no new secret."""


class CapReached(Exception):
    """The key has sent what it may send in a day (UTC)."""

    def __init__(self, cap: int, retry_after: int) -> None:
        super().__init__(cap)
        self.cap = cap
        self.retry_after = retry_after  # seconds


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
LIVE_KEY = (  # columns, not objects: this is asked for every request
    select(
        ApiKey.id,
        ApiKey.name,
        ApiKey.mode,
        ApiKey.scopes,
        ApiKey.networks,
        ApiKey.message_cap,
        ApiKey.otp_cap,
        ApiKey.brand,
        ApiKey.last_used_at,
    )
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


@dataclass(frozen=True)
class NewKey:
    """What the form of a new key holds. Whoever chooses the id can send the same order twice and make one key."""

    name: str
    mode: str = "live"
    scopes: tuple[str, ...] = USUAL_SCOPES
    networks: tuple[str, ...] = ()
    message_cap: int | None = None
    otp_cap: int | None = None
    brand: str | None = None
    expires_at: datetime | None = None
    sms_fallback: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def create(session: Session, wanted: NewKey, created_by: str | None = None) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is shown once and never again. Raise AlreadyDone."""
    lock(session, f"key:{wanted.id}")
    if session.get(ApiKey, wanted.id) is not None:
        raise AlreadyDone
    key = ApiKey(
        id=wanted.id,
        name=wanted.name,
        mode=wanted.mode,
        scopes=list(wanted.scopes),
        networks=list(wanted.networks),
        message_cap=wanted.message_cap,
        otp_cap=wanted.otp_cap,
        brand=wanted.brand,
        expires_at=wanted.expires_at,
        sms_fallback=wanted.sms_fallback,
        created_by=created_by,
    )
    session.add(key)
    return key, _add_secret(key)


def alter(session: Session, key: ApiKey, wanted: NewKey) -> None:
    """Change all of a key but its mode and its secrets; it holds from the next request on."""
    key.name, key.brand, key.expires_at = wanted.name, wanted.brand, wanted.expires_at
    key.scopes, key.networks = list(wanted.scopes), list(wanted.networks)
    key.message_cap, key.otp_cap, key.sms_fallback = wanted.message_cap, wanted.otp_cap, wanted.sms_fallback
    session.flush()


def authenticate(session: Runs, secret: str) -> Caller:
    """The key behind a secret; raise UnknownKey."""
    if not is_well_formed(secret):
        raise UnknownKey
    presented = digest(secret)
    row = session.execute(LIVE_KEY, {"digest": presented, "now": utcnow()}).one_or_none()
    if row is None:
        raise UnknownKey
    return caller_of(row, presented)


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


def caller_of(key: Any, presented: str = "") -> Caller:
    """From a row that has a key's columns, and the digest of the secret that led to it."""
    return Caller(
        id=key.id,
        name=key.name,
        mode=key.mode,
        scopes=tuple(key.scopes),
        networks=tuple(key.networks),
        message_cap=key.message_cap,
        otp_cap=key.otp_cap,
        brand=key.brand,
        last_used_at=key.last_used_at,
        digest=presented,
    )


def needs_touch(caller: Caller) -> bool:
    """Whether its last use was written down more than a minute ago."""
    return caller.last_used_at is None or caller.last_used_at <= utcnow() - SEEN_EVERY


def touch(session: Session, caller: Caller) -> None:
    """Note that the key is in use."""
    session.execute(update(ApiKey).where(ApiKey.id == caller.id).values(last_used_at=utcnow()))


def spend_cap(session: Session, caller: Caller, kind: str, wanted: int = 1) -> None:
    """Count sends of a `message` or an `otp` against the day's cap, in one statement; raise CapReached."""
    cap = caller.cap(kind)
    if cap is None:
        return
    now = utcnow()
    counted = (
        _insert_day(session, caller, kind, now.date(), wanted)
        .on_conflict_do_update(
            index_elements=_A_DAY, set_={"used": KeyDay.used + wanted}, where=KeyDay.used + wanted <= cap
        )
        .returning(KeyDay.used)
    )
    if wanted > cap or session.scalar(counted) is None:
        raise cap_reached(caller, kind)


def spend_cap_upto(session: Session, caller: Caller, kind: str, wanted: int) -> int:
    """Count as many of the sends as the day's cap still allows; return how many. The row is locked meanwhile."""
    cap, today = caller.cap(kind), utcnow().date()
    if cap is None or wanted == 0:
        return wanted
    session.execute(_insert_day(session, caller, kind, today, 0).on_conflict_do_nothing(index_elements=_A_DAY))
    day = (KeyDay.key_id == caller.id, KeyDay.day == today, KeyDay.kind == kind)
    used = session.execute(select(KeyDay.used).where(*day).with_for_update()).scalar_one()
    allowed = min(wanted, max(cap - used, 0))
    session.execute(update(KeyDay).where(*day).values(used=KeyDay.used + allowed))
    return allowed


def cap_reached(caller: Caller, kind: str) -> CapReached:
    """The refusal of a key whose day is full."""
    return CapReached(caller.cap(kind) or 0, _seconds_left(utcnow()))


def find(session: Session, id_or_name: str) -> ApiKey:
    """A key by its id, or by its name where that names one key; raise KeyNotFound."""
    by_id = session.get(ApiKey, id_or_name) if id_or_name != OWN_ID else None
    if by_id is not None:
        return by_id
    named = session.scalars(
        select(ApiKey).where(ApiKey.name == id_or_name, ApiKey.revoked_at.is_(None), ApiKey.id != OWN_ID)
    ).all()
    if len(named) != 1:
        raise KeyNotFound(id_or_name)
    return named[0]


def listed(session: Session) -> list[ApiKey]:
    """All keys with their secrets, live ones first, newest first."""
    order = (ApiKey.revoked_at.is_not(None), ApiKey.created_at.desc())
    query = select(ApiKey).options(selectinload(ApiKey.secrets)).where(ApiKey.id != OWN_ID)
    return list(session.scalars(query.order_by(*order)))


def name_taken(session: Session, name: str, but: str = "") -> bool:
    """Whether a key that is not revoked has this name; `but` is the id of one that may have it."""
    taken = select(ApiKey.id).where(ApiKey.name == name, ApiKey.revoked_at.is_(None), ApiKey.id != but).limit(1)
    return session.scalar(taken) is not None


def used_today(session: Session, key: ApiKey) -> dict[str, int]:
    """What a capped key sent since midnight UTC, by `message` and `otp`."""
    rows = select(KeyDay.kind, KeyDay.used).where(KeyDay.key_id == key.id, KeyDay.day == utcnow().date())
    return {"message": 0, "otp": 0} | {row.kind: row.used for row in session.execute(rows)}


def rotate(session: Session, key: ApiKey, grace: str = "24h", newest: int | None = None) -> str:
    """Give the key a new secret; older ones live on for the grace (a name of GRACES). Return the new one.

    `newest` is the id of the newest secret that the one who asks has seen: raise AlreadyDone when there is a newer
    one. Raise KeyEnded for a key that is revoked or expired.
    """
    lock(session, f"key:{key.id}")
    session.flush()
    session.refresh(key)
    if state(key) != "active":
        raise KeyEnded
    if newest is not None and newest != newest_secret(key).id:
        raise AlreadyDone
    end = utcnow() + GRACES[grace]
    newer = or_(KeySecret.expires_at.is_(None), KeySecret.expires_at > end)
    session.execute(update(KeySecret).where(KeySecret.key_id == key.id, newer).values(expires_at=end))
    session.expire(key, ["secrets"])
    return _add_secret(key)


def revoke(session: Session, key: ApiKey) -> None:
    """End the key; it holds from the next request on."""
    key.revoked_at = key.revoked_at or utcnow()
    session.flush()


def live_secrets(key: ApiKey, now: datetime | None = None) -> list[KeySecret]:
    """The one or two secrets that are accepted, newest first."""
    now = now or utcnow()
    return [secret for secret in reversed(key.secrets) if secret.expires_at is None or secret.expires_at > now]


def newest_secret(key: ApiKey) -> KeySecret:
    return key.secrets[-1]


def used_lately(key: ApiKey, now: datetime | None = None) -> bool:
    """Whether it was used in the last 24 hours."""
    return key.last_used_at is not None and key.last_used_at > (now or utcnow()) - LATELY


def state(key: ApiKey, now: datetime | None = None) -> str:
    """`revoked`, `expired` or `active`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= (now or utcnow()) else "active"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def is_well_formed(secret: str) -> bool:
    """Whether prefix, length and check characters fit."""
    for mode in ("live", "test"):
        prefix = f"cq_{mode}_"
        if secret.startswith(prefix) and len(secret) == len(prefix) + RANDOM_LENGTH + CHECK_LENGTH:
            return secret.isascii() and secret[-CHECK_LENGTH:] == _check(secret[:-CHECK_LENGTH])
    return False


def _insert_day(session: Session, caller: Caller, kind: str, day: date, used: int) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(KeyDay).values(key_id=caller.id, day=day, kind=kind, used=used)


def _add_secret(key: ApiKey) -> str:
    prefix = f"cq_{key.mode}_"
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    secret = body + _check(body)
    key.secrets.append(KeySecret(digest=digest(secret), hint=f"{prefix}…{secret[-4:]}"))
    return secret


def _check(body: str) -> str:
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        characters = ALPHABET[rest] + characters
    return characters


def _seconds_left(now: datetime) -> int:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return max(1, int((midnight - now).total_seconds()))
