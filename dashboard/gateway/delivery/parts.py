"""Parts of long texts, under the carrier's own references, and what the receipts of parts mean for the text."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from dashboard.db import core_table, utcnow
from dashboard.models.delivery import MessagePart
from dashboard.providers.base import Receipt
from dashboard.vocabulary import ReceiptState, Status

MEANS = {
    ReceiptState.PENDING: Status.SENT,
    ReceiptState.SENT: Status.SENT,
    ReceiptState.DELIVERED: Status.DELIVERED,
    ReceiptState.READ: Status.DELIVERED,
    ReceiptState.FAILED: Status.FAILED,
    ReceiptState.EXPIRED: Status.FAILED,  # the carrier gave up; our own `expired` means that it never left
}

_PARTS = core_table(MessagePart)
INSERT = insert(_PARTS)
UPDATE = (
    update(_PARTS)
    .where(
        _PARTS.c.message_id == bindparam("of_message"),
        _PARTS.c.carrier == bindparam("by_carrier"),
        _PARTS.c.reference == bindparam("named"),
    )
    .values(state=bindparam("new_state"), delivered_at=bindparam("new_delivered_at", type_=_PARTS.c.delivered_at.type))
)


def states(connection: Connection, carrier: str, ids: Collection[int]) -> dict[int, dict[str, str | None]]:
    """States of parts by reference, by message; of those that a carrier took in several parts."""
    query = select(_PARTS.c.message_id, _PARTS.c.reference, _PARTS.c.state).where(
        _PARTS.c.carrier == carrier, _PARTS.c.message_id.in_(ids)
    )
    by_message: dict[int, dict[str, str | None]] = {}
    for row in connection.execute(query):
        by_message.setdefault(row.message_id, {})[row.reference] = row.state
    return by_message


def note(connection: Connection, carrier: str, message: Any, states: dict[str, str | None], receipt: Receipt) -> Status:
    """Note what a receipt says of a part; return what all parts' receipts mean for the text."""
    status = MEANS[ReceiptState(receipt.state)]
    reference = next((reference for reference in receipt.references if reference in states), None)
    if reference and status in (Status.DELIVERED, Status.FAILED) and states[reference] != Status.DELIVERED:
        states[reference] = status
        params = {
            "of_message": message.id,
            "by_carrier": carrier,
            "named": reference,
            "new_state": status,
            "new_delivered_at": utcnow() if status == Status.DELIVERED else None,
        }
        connection.execute(UPDATE, params)
    if any(state == Status.FAILED for state in states.values()):
        forget_waiting(connection, message.id)
        return Status.FAILED
    if all(state == Status.DELIVERED for state in states.values()):
        forget_waiting(connection, message.id)
        return Status.DELIVERED
    return Status.SENT


def forget_waiting(connection: Connection, message_id: int) -> None:
    """No further receipts are waited for."""
    connection.execute(update(_PARTS).where(_PARTS.c.message_id == message_id).values(delivered_at=None))


def with_one_receipt(connection: Connection, before: datetime, most: int) -> list[int]:
    """Messages of whose parts some were delivered, the last of them before then, and none failed."""
    quiet = (
        select(_PARTS.c.message_id)
        .where(_PARTS.c.delivered_at.is_not(None))
        .group_by(_PARTS.c.message_id)
        .having(func.max(_PARTS.c.delivered_at) < before)
        .limit(most)
    )
    return [row.message_id for row in connection.execute(quiet)]
