"""Idempotency-Key: a call that comes again is answered as it was, and does nothing.

The result is written down in the transaction that does the work. There is no state in between: a process that dies
leaves both or neither. Concurrent calls with one key take turns by `lock`: the second finds the first one's row.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, execute_dml, lock, utcnow
from dashboard.driver import ListStatement
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


class AnsweredBefore(Exception):
    """The call came before, and a version that kept whole bodies answered it: `body` is that answer."""

    def __init__(self, stored: StoredResult) -> None:
        super().__init__(stored.status)
        self.status = stored.status or 200
        self.body = stored.answer


@dataclass(frozen=True)
class IdempotentCall:
    """A call that may come again: which one it is, and what it asks for."""

    token: str
    request: str
    others: tuple[tuple[str, str], ...] = ()  # token and request as they are, or were, with another DATA_SECRET

    @property
    def tokens(self) -> list[str]:
        """Every token that the call may have been kept under."""
        return [self.token, *(token for token, _ in self.others)]


@dataclass(frozen=True)
class StoredResult:
    """What came of a call, as JSON. `status` is None while the message itself must be asked how it went."""

    answer: str
    status: int | None = 200
    message_uuid: str | None = None

    @classmethod
    def of(cls, result: dict[str, Any], status: int | None = 200, message_uuid: str | None = None) -> StoredResult:
        """From a result in plain values."""
        return cls(json.dumps(result, separators=(",", ":")), status, message_uuid)

    @property
    def result(self) -> dict[str, Any]:
        """The result in plain values; raise AnsweredBefore."""
        values: dict[str, Any] = json.loads(self.answer)
        if "success" in values and self.status is not None:
            raise AnsweredBefore(self)
        return values


@dataclass(frozen=True)
class Settlement:
    """How the message of a call went. Without a status nothing came of it: when it comes again, it is tried anew."""

    call: IdempotentCall
    message_uuid: str
    status: int | None


_KEPT = core_table(IdempotencyRecord)
_COLUMNS = _KEPT.c
_SINCE = bindparam("since", type_=UtcDateTime)
FIND = ListStatement(
    select(_KEPT).where(_COLUMNS.token.in_(bindparam("tokens", expanding=True)), _COLUMNS.created_at > _SINCE)
)
CLEAR = delete(_KEPT).where(_COLUMNS.token == bindparam("call"), _COLUMNS.created_at <= _SINCE)
INSERT = insert(_KEPT)


def call(settings: Settings, caller: Caller, path: str, name: str, body: dict[str, Any]) -> IdempotentCall:
    """Tell a call by API key, path and Idempotency-Key; raise InvalidName.

    Two bodies are the same when they are the same JSON: order and blanks do not matter. Only a keyed hash is kept of
    the body, since whoever has the database could guess a phone number or a short text from a plain one.
    """
    if not NAME.fullmatch(name):
        raise InvalidName
    which = json.dumps([caller.id, path, name])
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    secrets = (
        hashlib.sha256(b"idempotency" + data.encode()).digest() for data in settings.usable_secrets("DATA_SECRET")
    )
    (token, request), *others = [(_mac(secret, which), _mac(secret, canonical)) for secret in secrets]
    return IdempotentCall(token, request, tuple(others))


def find_all(session: Session, calls: Iterable[IdempotentCall | None]) -> dict[str, StoredResult | Mismatch]:
    """What came of these calls in the last 24 hours, by token, for those that came before.

    The caller does the work and keeps its results in this same transaction; others with these calls wait till its end.
    """
    asked = {
        token: (call, request)
        for call in calls
        if call is not None
        for token, request in ((call.token, call.request), *call.others)
    }
    if not asked:
        return {}
    lock(session, *(f"idempotency:{token}" for token in asked))
    found: dict[str, StoredResult | Mismatch] = {}
    for row in FIND.run(session.connection(), {"tokens": list(asked), "since": utcnow() - LIFETIME}):
        call, request = asked[row.token]
        is_same = hmac.compare_digest(row.request, request)
        found[call.token] = StoredResult(row.answer, row.status, row.message_uuid) if is_same else Mismatch()
    return found


def keep(session: Session, call: IdempotentCall, stored: StoredResult) -> None:
    """Write the result of a call down."""
    connection, now = session.connection(), utcnow()
    connection.execute(CLEAR, {"call": call.token, "since": now - LIFETIME})  # past its day and not swept yet
    connection.execute(INSERT, {"token": call.token, "request": call.request, **vars(stored), "created_at": now})


def settle(session: Session, settlements: list[Settlement]) -> list[int | None]:
    """The waits for messages are over: write their statuses down, unless another who waited has written one.

    Return the status that stands, for each.
    """
    return [_settle_one(session, settlement) for settlement in settlements]


def _settle_one(session: Session, settlement: Settlement) -> int | None:
    mine = (_COLUMNS.token == settlement.call.token, _COLUMNS.message_uuid == settlement.message_uuid)
    waits = (*mine, _COLUMNS.status.is_(None))
    if settlement.status is None:
        session.execute(delete(_KEPT).where(*waits))
        return None
    if execute_dml(session, update(_KEPT).where(*waits).values(status=settlement.status)):
        return settlement.status
    return session.scalar(select(_COLUMNS.status).where(*mine)) or settlement.status


def sweep(session: Session) -> int:
    """Delete answers that are past their day, some at a time; return how many."""
    old = select(IdempotencyRecord.token).where(IdempotencyRecord.created_at <= utcnow() - LIFETIME).limit(MAX_SWEPT)
    return execute_dml(session, delete(IdempotencyRecord).where(IdempotencyRecord.token.in_(old.scalar_subquery())))


def _mac(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode(), "sha256").hexdigest()
