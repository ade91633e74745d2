"""API keys: make, recognise, rotate, revoke."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, selectinload

from dashboard.db import lock, utcnow
from dashboard.gateway.api_keys.authentication import ALPHABET, RANDOM_LENGTH, _check, digest
from dashboard.models.api_keys import ApiKey, KeySecret

SCOPES = ("send", "otp", "read", "webhooks")
USUAL_SCOPES = ("send", "otp", "read")  # whoever may say where events go, reads them: that is asked for
GRACES = {"now": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
LATELY = timedelta(hours=24)
OWN_ID = "00000000-0000-0000-0000-000000000000"  # the gateway's own key, for trials; it has no secret and is not listed


class KeyNotFound(LookupError):
    """No key has this id or name."""


class AlreadyDone(Exception):
    """The same order came before, as when a form is sent twice; its secret was shown then."""


class KeyEnded(Exception):
    """The key is revoked or expired: it gets no new secret."""


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


def _add_secret(key: ApiKey) -> str:
    prefix = f"cq_{key.mode}_"
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    secret = body + _check(body)
    key.secrets.append(KeySecret(digest=digest(secret), hint=f"{prefix}…{secret[-4:]}"))
    return secret
