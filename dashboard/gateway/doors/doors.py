"""Doors: an API key takes calls that were written for another service, once somebody opens the door for it.

What comes through a door is sent as by the key itself, with its limits, caps and budgets.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

from cryptography.fernet import InvalidToken
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway import encryption
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.gateway.webhooks import signing
from dashboard.models.api_keys import ApiKey
from dashboard.models.doors import Door
from dashboard.settings import Settings
from dashboard.vocabulary import Dialect

ADDRESSES = {Dialect.SUPABASE: "/doors/supabase/{id}", Dialect.CHINGUISOFT: "/api/sms/validation/{id}"}
REFERENCE = re.compile(r"[0-9a-f-]{36}")
SIGNED = frozenset({Dialect.SUPABASE})  # their calls bear a signature; those of the others bear the key


class AlreadyOpen(Exception):
    """The key takes this dialect already."""


def cipher(settings: Settings) -> Cipher:
    """Encrypts the secrets at rest."""
    return encryption.cipher(settings, Purpose.DOOR_SECRETS)


def address(door: Door) -> str:
    """The path that calls go to."""
    return ADDRESSES[Dialect(door.dialect)].format(id=door.reference)


def open_door(
    session: Session, cipher: Cipher, key: ApiKey, dialect: Dialect, by: str | None = None
) -> tuple[Door, str | None]:
    """Let a key take a dialect; return the door with the secret that its calls are signed with, which is shown once.

    Without a secret, calls bear the key. Raise AlreadyOpen. The caller commits.
    """
    lock(session, f"doors:{key.id}")
    if any(door.dialect == dialect for door in of_key(session, key)):
        raise AlreadyOpen
    secret = signing.new_secret() if dialect in SIGNED else None
    sealed = cipher.encrypt(secret.encode()) if secret else None
    door = Door(reference=str(uuid.uuid4()), key_id=key.id, dialect=dialect, sealed=sealed, opened_by=by)
    session.add(door)
    session.flush()
    return door, f"v1,{secret}" if secret else None


def close(session: Session, key: ApiKey, dialect: Dialect, by: str | None = None) -> bool:
    """Take a dialect no more, from the next call on, and forget its secret; return whether the door was open."""
    lock(session, f"doors:{key.id}")
    for door in of_key(session, key):
        if door.dialect == dialect:
            door.closed_at, door.closed_by, door.sealed = utcnow(), by, None
            session.flush()
            return True
    return False


def of_key(session: Session, key: ApiKey) -> list[Door]:
    """The open doors of a key."""
    is_open = (Door.key_id == key.id, Door.closed_at.is_(None))
    return list(session.scalars(select(Door).where(*is_open).order_by(Door.dialect)))


def find(session: Session, reference: str, dialect: Dialect) -> Door | None:
    """An open door by what stands in its address."""
    if not REFERENCE.fullmatch(reference):  # PostgreSQL would not even take a NUL
        return None
    wanted = (Door.reference == reference, Door.dialect == dialect, Door.closed_at.is_(None))
    return session.scalars(select(Door).where(*wanted)).one_or_none()


def is_signed(cipher: Cipher, door: Door, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a call was signed with the door's secret, within the last five minutes."""
    if door.sealed is None:
        return False
    try:
        secret = cipher.decrypt(door.sealed).decode()
    except InvalidToken:  # encrypted with another DATA_SECRET
        return False
    return signing.is_genuine(secret, headers, body, utcnow())
