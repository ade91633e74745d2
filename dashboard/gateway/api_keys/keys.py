"""API keys: make, recognise, rotate, revoke."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, selectinload

from dashboard.db import core_table, insert, lock, utcnow
from dashboard.gateway.api_keys.authentication import ALPHABET, RANDOM_LENGTH, _check, digest
from dashboard.models.api_keys import ApiKey, KeySecret
from dashboard.vocabulary import KeyMode, KeyState, Scope

USUAL_SCOPES = (Scope.SEND, Scope.OTP, Scope.READ)  # whoever may say where events go, reads them: that is asked for
GRACES = {"now": timedelta(0), "1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
LATELY = timedelta(hours=24)
UNUSED_AFTER = timedelta(days=90)  # no app seems to need it
ROTATED_AFTER = timedelta(days=365)  # a secret has been in files and heads long enough
OWN_ID = "00000000-0000-0000-0000-000000000000"  # the gateway's own key; it has no secret and is not listed
OWN = {"id": OWN_ID, "name": "Chinqit Gateway", "mode": KeyMode.LIVE, "scopes": [], "networks": []}


class KeyNotFound(LookupError):
    """No key has this id or name."""


class AlreadyDone(Exception):
    """The same order came before, as when a form is sent twice; its secret was shown then."""


class KeyEnded(Exception):
    """The key is revoked or expired: it gets no new secret."""


@dataclass(frozen=True)
class KeyFields:
    """What an owner decides of a key and may change later. Each field is the column of ApiKey that has its name."""

    name: str
    scopes: tuple[str, ...] = USUAL_SCOPES
    networks: tuple[str, ...] = ()
    message_cap: int | None = None
    otp_cap: int | None = None
    brand: str | None = None
    sender: str | None = None
    expires_at: datetime | None = None
    sms_fallback: bool = False
    channel_order: str | None = None  # as `otp.channel_order` writes it

    def columns(self) -> dict[str, Any]:
        """The fields as ApiKey stores them: JSON has lists, no tuples."""
        values = {item.name: getattr(self, item.name) for item in fields(KeyFields)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class NewKey(KeyFields):
    """A key to be made. Whoever chooses the id can send the same order twice and make one key."""

    mode: str = field(default=KeyMode.LIVE, kw_only=True)
    id: str = field(default_factory=lambda: str(uuid.uuid4()), kw_only=True)


def create(session: Session, new: NewKey, created_by: str | None = None) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is shown once and never again. Raise AlreadyDone."""
    lock(session, f"key:{new.id}")
    if session.get(ApiKey, new.id) is not None:
        raise AlreadyDone
    key = ApiKey(id=new.id, mode=new.mode, created_by=created_by, **new.columns())
    session.add(key)
    return key, _add_secret(key)


def alter(session: Session, key: ApiKey, wanted: KeyFields) -> None:
    """Change all of a key but its mode and its secrets; it holds from the next request on."""
    for name, value in wanted.columns().items():
        setattr(key, name, value)
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


def own(session: Session) -> ApiKey:
    """The gateway's own key, for trials and for answers to texts that answer no key; made when it is first needed."""
    made = insert(session, core_table(ApiKey)).values(**OWN, created_at=utcnow()).on_conflict_do_nothing()
    session.execute(made)
    return session.get_one(ApiKey, OWN_ID)


def listed(session: Session, *, with_secrets: bool = False) -> list[ApiKey]:
    """All keys, those that are not revoked first, newest first; with their secrets where the caller shows them."""
    order = (ApiKey.revoked_at.is_not(None), ApiKey.created_at.desc())
    options = [selectinload(ApiKey.secrets)] if with_secrets else []
    return list(session.scalars(select(ApiKey).options(*options).where(ApiKey.id != OWN_ID).order_by(*order)))


def name_taken(session: Session, name: str, but: str = "") -> bool:
    """Whether a key that is not revoked has this name; `but` is the id of one that may have it."""
    taken = (
        select(ApiKey.id)
        .where(ApiKey.name == name, ApiKey.revoked_at.is_(None), ApiKey.id.not_in((but, OWN_ID)))
        .limit(1)
    )
    return session.scalar(taken) is not None


def rotate(session: Session, key: ApiKey, grace: str = "24h", newest: int | None = None) -> str:
    """Give the key a new secret; older ones live on for the grace (a name of GRACES). Return the new one.

    `newest` is the id of the newest secret that the one who asks has seen: raise AlreadyDone when there is a newer
    one. Raise KeyEnded for a key that is revoked or expired.
    """
    lock(session, f"key:{key.id}")
    session.flush()
    session.refresh(key)
    if state(key) is not KeyState.ACTIVE:
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


def is_unused(key: ApiKey, now: datetime) -> bool:
    """Whether nothing has presented it for UNUSED_AFTER, although it would be accepted."""
    return state(key, now) is KeyState.ACTIVE and (key.last_used_at or key.created_at) < now - UNUSED_AFTER


def is_due_for_rotation(key: ApiKey, now: datetime) -> bool:
    """Whether its newest secret is older than ROTATED_AFTER and accepted."""
    return state(key, now) is KeyState.ACTIVE and newest_secret(key).created_at < now - ROTATED_AFTER


def used_lately(key: ApiKey, now: datetime | None = None) -> bool:
    """Whether it was used in the last 24 hours."""
    return key.last_used_at is not None and key.last_used_at > (now or utcnow()) - LATELY


def state(key: ApiKey, now: datetime | None = None) -> KeyState:
    """How a key stands; one that is revoked stays so after its end."""
    if key.revoked_at is not None:
        return KeyState.REVOKED
    expired = key.expires_at is not None and key.expires_at <= (now or utcnow())
    return KeyState.EXPIRED if expired else KeyState.ACTIVE


def _add_secret(key: ApiKey) -> str:
    prefix = f"cq_{key.mode}_"
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    secret = body + _check(body)
    key.secrets.append(KeySecret(digest=digest(secret), hint=f"{prefix}…{secret[-4:]}"))
    return secret
