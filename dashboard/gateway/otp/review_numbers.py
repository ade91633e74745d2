"""Review numbers: whoever reviews an app for a store signs in with a number and a code that the owner chose.

A live key has at most five at a time, each with an end. Their codes are written down, counted and judged like others,
but they wait for the sandbox and reach no carrier. The code is stored encrypted; the row of a sent one has only what is
to be added to the derived code, which tells nothing without the secret.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, lock, utcnow
from dashboard.driver import ListStatement
from dashboard.gateway.encryption import Cipher
from dashboard.gateway.otp import codes
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.api_keys import ApiKey
from dashboard.models.otp import ReviewNumber
from dashboard.vocabulary import KeyMode

MOST = 5  # of a key, at a time
LONGEST = timedelta(days=366)
CODE = re.compile(rf"[0-9]{{{codes.DIGITS}}}")
GUESSED_FIRST = frozenset({"123456", "654321", *(digit * codes.DIGITS for digit in "0123456789")})

_ROWS = core_table(ReviewNumber)
IN_FORCE = ListStatement(
    select(_ROWS.c.key_id, _ROWS.c.phone, _ROWS.c.sealed).where(
        _ROWS.c.key_id.in_(bindparam("keys", expanding=True)),
        _ROWS.c.phone.in_(bindparam("phones", expanding=True)),
        _ROWS.c.removed_at.is_(None),
        _ROWS.c.ends_at > bindparam("now", type_=UtcDateTime),
    )
)


class BadReviewNumber(ValueError):
    """It cannot be one. `field` says what is at fault: key, phone, code or ends_at; `code` says why."""

    def __init__(self, field: str, code: str) -> None:
        super().__init__(code)
        self.field, self.code = field, code


@dataclass(frozen=True)
class NewReviewNumber:
    """A number and its code, as the owner gives them."""

    phone: str
    code: str
    ends_at: datetime


def fault_of_code(code: str) -> str | None:
    """`six_digits`, or `guessable` for a code that anybody tries first; None for one that will do."""
    if not CODE.fullmatch(code):
        return "six_digits"
    return "guessable" if code in GUESSED_FIRST else None


def add(session: Session, keyring: Keyring, key: ApiKey, new: NewReviewNumber, by: str | None = None) -> None:
    """Give a live key a review number, with who did it; raise BadReviewNumber."""
    now = utcnow()
    if key.mode != KeyMode.LIVE or key.revoked_at is not None:
        raise BadReviewNumber("key", "live_keys_only")
    fault = fault_of_code(new.code)
    if fault:
        raise BadReviewNumber("code", fault)
    if not now < new.ends_at <= now + LONGEST:
        raise BadReviewNumber("ends_at", "out_of_range")
    lock(session, f"review numbers:{key.id}")
    there = _not_removed(session, key)
    in_force = [row for row in there if row.ends_at > now]
    if any(row.phone == new.phone for row in in_force):
        raise BadReviewNumber("phone", "there_already")
    if len(in_force) >= MOST:
        raise BadReviewNumber("phone", "too_many")
    for row in there:
        if row.phone == new.phone:  # one that has ended makes room: of a number one row at most is not removed
            row.removed_at = row.ends_at
    session.flush()
    sealed = _cipher(keyring).encrypt(new.code.encode())
    session.add(ReviewNumber(key_id=key.id, phone=new.phone, sealed=sealed, ends_at=new.ends_at, created_by=by))
    session.flush()


def remove(session: Session, key: ApiKey, phone: str, by: str | None = None) -> bool:
    """End a review number now; the row stays and says who did. Return whether it was in force."""
    now = utcnow()
    rows = [row for row in _not_removed(session, key) if row.phone == phone and row.ends_at > now]
    for row in rows:
        row.removed_at, row.removed_by = now, by
    session.flush()
    return bool(rows)


def put_back(session: Session, key: ApiKey, row_id: int) -> ReviewNumber | None:
    """Let a number count again that was removed; None where it has ended, or where the key has no room for it."""
    lock(session, f"review numbers:{key.id}")
    now, rows = utcnow(), listed(session, key)
    in_force = [row for row in rows if is_in_force(row, now)]
    row = next((row for row in rows if row.id == row_id and row.removed_by and row.ends_at > now), None)
    if row is None or len(in_force) >= MOST or any(other.phone == row.phone for other in in_force):
        return None
    row.removed_at = row.removed_by = None
    session.flush()
    return row


def listed(session: Session, key: ApiKey) -> list[ReviewNumber]:
    """All that a key has and had, the newest first."""
    rows = select(ReviewNumber).where(ReviewNumber.key_id == key.id).order_by(ReviewNumber.id.desc())
    return list(session.scalars(rows))


def is_in_force(row: ReviewNumber, now: datetime | None = None) -> bool:
    return row.removed_at is None and row.ends_at > (now or utcnow())


def fixed_codes(session: Session, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Of these pairs of key and number, those that are review numbers now, with their code, encrypted."""
    params = {"keys": list({key for key, _ in pairs}), "phones": list({phone for _, phone in pairs}), "now": utcnow()}
    return {(row.key_id, row.phone): row.sealed for row in IN_FORCE.run(session.connection(), params)}


def offset(keyring: Keyring, otp: Mapping[str, Any], message_uuid: str, sealed: bytes | None) -> int | None:
    """What turns the code of a row to be, given by its columns, into the fixed one.

    None for other numbers. 0 when the fixed code cannot be read: nothing is sent all the same, and no code is right
    that anybody knows.
    """
    if sealed is None:
        return None
    fixed = _decrypt(keyring, sealed)
    return 0 if fixed is None else codes.offset(keyring, otp, message_uuid, fixed)


def _not_removed(session: Session, key: ApiKey) -> list[ReviewNumber]:
    return [row for row in listed(session, key) if row.removed_at is None]


def _cipher(keyring: Keyring) -> Cipher:
    if keyring.fixed is None:
        raise LookupError("this keyring has no cipher for fixed codes")
    return keyring.fixed


def _decrypt(keyring: Keyring, sealed: bytes) -> str | None:
    try:
        return _cipher(keyring).decrypt(sealed).decode()
    except InvalidToken:
        return None
