"""Ask carriers what became of texts, a few a minute, where their callbacks may not get through.

`messages.ask_at` says when a text is asked for next; carriers that may be asked set it with `Outcome.may_ask`. What is
only known to a server stays `sending` until a phone has it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.engine import Connection as DatabaseConnection

from dashboard.db import Sessions, UtcDateTime, core_table, utcnow
from dashboard.gateway.carriers import notices
from dashboard.gateway.delivery import receipts
from dashboard.gateway.delivery.connections import Connection, Connections
from dashboard.gateway.delivery.settle import ASK_AFTER
from dashboard.models.messages import Message
from dashboard.outbound.errors import SendError
from dashboard.providers.base import Receipt
from dashboard.vocabulary import Lane, ReceiptState, Status

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0  # between two turns of a process
MOST = 3  # texts of a carrier in a turn
LONGEST_PAUSE = timedelta(minutes=10)
TIMEOUT_SECONDS = 5.0
OFFLINE = timedelta(minutes=1)  # a text that no phone has fetched for so long shows that the phone is away
LATE = timedelta(minutes=5)  # past its validity a phone does not send a text any more
NO_NEWS = timedelta(hours=1)  # past its validity, until nobody asks any more

_MESSAGES = core_table(Message)
_OPEN = (Status.SENDING, Status.SENT)
_DUE = (
    select(_MESSAGES.c.id)
    .where(_MESSAGES.c.carrier == bindparam("of_carrier"), _MESSAGES.c.ask_at <= bindparam("now", type_=UtcDateTime))
    .order_by(_MESSAGES.c.status, _MESSAGES.c.ask_at)  # `sending` before `sent`
    .limit(MOST)
    .with_for_update(skip_locked=True)
    .cte("due")  # which runs once; a subquery with a limit need not
)
CLAIM = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id.in_(select(_DUE.c.id)))
    .values(ask_at=bindparam("again_at", type_=UtcDateTime))
    .returning(*(_MESSAGES.c[name] for name in ("id", "status", "carrier_ref", "phone", "sending_at", "valid_until")))
)
POSTPONE = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("row_id"), or_(*(_MESSAGES.c.status == status for status in _OPEN)))
    .values(ask_at=bindparam("next_at", type_=UtcDateTime), error_code=bindparam("new_code"))
)


@dataclass(frozen=True)
class Asked:
    """A text that was asked for. `receipt` is None where the carrier did not know it or could not be reached."""

    message: Any  # a row of CLAIM
    receipt: Receipt | None = None

    @property
    def is_pending(self) -> bool:
        return self.receipt is not None and self.receipt.state == ReceiptState.PENDING


def ask_due(sessions: Sessions, connections: Connections) -> set[Lane]:
    """Ask for the texts that are due, of each carrier that this process has open; commits. Returns lanes to wake."""
    lanes: set[Lane] = set()
    for connection in connections.real():
        with sessions.begin() as session:
            rows = _claim(session.connection(), connection.name)
        if rows:
            lanes |= _store(sessions, connection.name, _ask(connection, rows))
    return lanes


def _claim(database: DatabaseConnection, carrier: str) -> Sequence[Any]:
    now = utcnow()
    return database.execute(CLAIM, {"of_carrier": carrier, "now": now, "again_at": now + ASK_AFTER}).all()


def _ask(connection: Connection, rows: Sequence[Any]) -> list[Asked]:
    """Ask for one after the other; once the carrier cannot be reached, the others are not asked for."""
    asked: list[Asked] = []
    is_reachable = True
    for row in rows:
        receipt = None
        if is_reachable:
            try:
                receipt = connection.provider.ask(row.carrier_ref, TIMEOUT_SECONDS)
            except SendError as error:
                log.info("carrier %s cannot be asked: %s", connection.name, error.code)
                is_reachable = False
        asked.append(Asked(row, receipt))
    return asked


def _store(sessions: Sessions, carrier: str, asked: Sequence[Asked]) -> set[Lane]:
    """Apply what was said, or what its absence means by now, and note when to ask again; commits."""
    now = utcnow()
    said = [receipt for one in asked if (receipt := _news(one, now)) is not None]
    lanes = receipts.store_receipts(sessions, carrier, said) if said else set[Lane]()
    with sessions.begin() as session:
        session.connection().execute(POSTPONE, [_postponed(one, now) for one in asked])
    begun, over = notices.of_receipts([one.receipt for one in asked if one.receipt is not None])
    if not over:
        begun |= {one.receipt.code for one in asked if _is_left(one, now) and one.receipt and one.receipt.code}
    notices.change(sessions, carrier, begun=begun, over=over)
    return lanes


def _is_left(asked: Asked, now: datetime) -> bool:
    """Whether it has waited for a phone for so long that the phone seems to be away."""
    return asked.is_pending and now - asked.message.sending_at > OFFLINE


def _news(asked: Asked, now: datetime) -> Receipt | None:
    """What to apply: the carrier's word, or an end where its validity is long past; None: nothing new."""
    message, receipt = asked.message, asked.receipt
    if receipt is not None and not asked.is_pending:
        return receipt
    if asked.is_pending and now > message.valid_until + LATE:
        code = receipt.code if receipt else None
        return Receipt((message.carrier_ref,), message.phone, ReceiptState.EXPIRED, code, now)
    if message.status == Status.SENDING and now > message.valid_until + NO_NEWS:
        return Receipt((message.carrier_ref,), message.phone, ReceiptState.EXPIRED, "no_report", now)
    return None


def _postponed(asked: Asked, now: datetime) -> dict[str, Any]:
    """When it is asked for again: the older it is, the later; None when it is too old."""
    message = asked.message
    pause = min(max(ASK_AFTER, (now - message.sending_at) / 2), LONGEST_PAUSE)
    next_at = now + pause if now < message.valid_until + NO_NEWS else None
    code = asked.receipt.code if asked.receipt is not None and asked.is_pending else None
    return {"row_id": message.id, "next_at": next_at, "new_code": code}
