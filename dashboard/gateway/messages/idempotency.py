"""Idempotency-Key: a call that comes again is answered as it was, and does nothing.

The answer is written down in the transaction that does the work. There is no state in between: a process that dies
leaves both or neither. Concurrent calls with one key take turns by `lock`: the second finds the first one's row.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, execute_dml, lock, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.models.idempotency import IdempotencyRecord
from dashboard.settings import Settings

LIFETIME = timedelta(hours=24)
NAME = re.compile(r"[\x20-\x7e]{1,255}")
MAX_SWEPT = 10_000  # rows in a transaction, so that no sweep holds the write lock for long


class InvalidName(ValueError):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""


class Mismatch(Exception):
    """The Idempotency-Key came before with another body."""


@dataclass(frozen=True)
class IdempotentCall:
    """A call that may come again: which one it is, and what it asks for."""

    token: str
    request: str


@dataclass(frozen=True)
class StoredAnswer:
    """What was answered. `status` is None while the message itself must be asked how it went."""

    answer: str
    status: int | None
    message_uuid: str | None


_KEPT = core_table(IdempotencyRecord)
_COLUMNS = _KEPT.c
_SINCE = bindparam("since", type_=UtcDateTime)
FIND = select(_KEPT).where(_COLUMNS.token == bindparam("call"), _COLUMNS.created_at > _SINCE)
CLEAR = delete(_KEPT).where(_COLUMNS.token == bindparam("call"))
INSERT = insert(_KEPT)


def call(settings: Settings, caller: Caller, path: str, name: str, body: dict[str, Any]) -> IdempotentCall:
    """Tell a call by API key, path and Idempotency-Key; raise InvalidName.

    Two bodies are the same when they are the same JSON: order and blanks do not matter. Only a keyed hash is kept of
    the body, since whoever has the database could guess a phone number or a short text from a plain one.
    """
    if not NAME.fullmatch(name):
        raise InvalidName
    secret = hashlib.sha256(b"idempotency" + settings.data_secret.encode()).digest()
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return IdempotentCall(_mac(secret, json.dumps([caller.id, path, name])), _mac(secret, canonical))


def find(session: Session, call: IdempotentCall) -> StoredAnswer | None:
    """What was answered to this call in the last 24 hours, if it came before; raise Mismatch.

    The caller does the work and keeps its answer in this same transaction; others with this call wait till its end.
    """
    lock(session, f"idempotency:{call.token}")
    row = session.connection().execute(FIND, {"call": call.token, "since": utcnow() - LIFETIME}).one_or_none()
    if row is None:
        return None
    if not hmac.compare_digest(row.request, call.request):
        raise Mismatch
    return StoredAnswer(row.answer, row.status, row.message_uuid)


def keep(session: Session, call: IdempotentCall, kept: StoredAnswer) -> None:
    """Write the answer down."""
    connection = session.connection()
    connection.execute(CLEAR, {"call": call.token})  # one that is past its day and not swept yet
    connection.execute(INSERT, {**vars(call), **vars(kept), "created_at": utcnow()})


def settle(session: Session, call: IdempotentCall, kept: StoredAnswer) -> StoredAnswer:
    """The wait for a message is over: this is its answer, unless another who waited has given one; return that."""
    mine = (IdempotencyRecord.token == call.token, IdempotencyRecord.message_uuid == kept.message_uuid)
    answered = (
        update(IdempotencyRecord)
        .where(*mine, IdempotencyRecord.status.is_(None))
        .values(status=kept.status, answer=kept.answer)
    )
    if execute_dml(session, answered):
        return kept
    row = session.execute(select(_KEPT).where(*mine)).one_or_none()
    return kept if row is None or row.status is None else StoredAnswer(row.answer, row.status, row.message_uuid)


def forget(session: Session, call: IdempotentCall, message_uuid: str) -> None:
    """Nothing came of the call: when it comes again, it is tried anew."""
    mine = (IdempotencyRecord.token == call.token, IdempotencyRecord.message_uuid == message_uuid)
    session.execute(delete(IdempotencyRecord).where(*mine, IdempotencyRecord.status.is_(None)))


def sweep(session: Session) -> int:
    """Delete answers that are past their day, some at a time; return how many."""
    old = select(IdempotencyRecord.token).where(IdempotencyRecord.created_at <= utcnow() - LIFETIME).limit(MAX_SWEPT)
    return execute_dml(session, delete(IdempotencyRecord).where(IdempotencyRecord.token.in_(old.scalar_subquery())))


def _mac(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode(), "sha256").hexdigest()
