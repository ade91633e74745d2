"""Which message a carrier's receipt is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.engine import Connection

from dashboard.db import core_table
from dashboard.models.delivery import MessagePart
from dashboard.models.messages import Message
from dashboard.providers.base import Receipt
from dashboard.vocabulary import SANDBOX, Status

LOST_WITHIN = timedelta(minutes=10)  # a text whose reference died with its worker is looked for by number
_MESSAGES, _PARTS = core_table(Message), core_table(MessagePart)


@dataclass
class Match:
    """A receipt and the message that it is about. `is_guess`: found by number and time, not by a reference."""

    receipt: Receipt
    message_id: int | None = None
    is_guess: bool = False
    is_applied: bool = False


def find(connection: Connection, carrier: str, receipts: Sequence[Receipt], *, may_guess: bool) -> list[Match]:
    """By our own id, by the carrier's reference for the text or a part of it, and last by number and time."""
    matches = [Match(receipt) for receipt in receipts]
    own = _by_own_id(connection, matches)
    named = _by_reference(connection, carrier, matches)
    for match in matches:
        receipt = match.receipt
        match.message_id = own.get(receipt.message_id or "")
        if match.message_id is None:
            candidates = [message for reference in receipt.references for message in named.get(reference, [])]
            # A carrier counts its references anew now and then: the number must fit, where it is said.
            ids = [
                message_id
                for message_id, phone in candidates
                if receipt.phone == phone or (not receipt.phone and not receipt.is_unmarked)
            ]
            match.message_id = ids[0] if ids else None
        if match.message_id is None and may_guess and receipt.phone and not receipt.is_unmarked:
            match.message_id = _by_number(connection, carrier, receipt)
            match.is_guess = match.message_id is not None
    return matches


def _by_own_id(connection: Connection, matches: Sequence[Match]) -> dict[str, int]:
    ids = {match.receipt.message_id for match in matches if match.receipt.message_id}
    if not ids:
        return {}
    query = select(_MESSAGES.c.uuid, _MESSAGES.c.id).where(_MESSAGES.c.uuid.in_(ids))
    return {row.uuid: row.id for row in connection.execute(query)}


def _by_reference(connection: Connection, carrier: str, matches: Sequence[Match]) -> dict[str, list[tuple[int, str]]]:
    """Messages (id, phone) by reference, the newest first."""
    references = {reference for match in matches for reference in match.receipt.references}
    if not references:
        return {}
    whole = select(_MESSAGES.c.carrier_ref.label("reference"), _MESSAGES.c.id, _MESSAGES.c.phone).where(
        _MESSAGES.c.carrier == carrier, _MESSAGES.c.carrier != SANDBOX, _MESSAGES.c.carrier_ref.in_(references)
    )
    part = (
        select(_PARTS.c.reference, _MESSAGES.c.id, _MESSAGES.c.phone)
        .join(_MESSAGES, _MESSAGES.c.id == _PARTS.c.message_id)
        .where(_PARTS.c.carrier == carrier, _PARTS.c.reference.in_(references))
    )
    messages: dict[str, list[tuple[int, str]]] = {}
    rows = [*connection.execute(whole), *connection.execute(part)]
    for row in sorted(rows, key=lambda row: row.id, reverse=True):
        messages.setdefault(row.reference, []).append((row.id, row.phone))
    return messages


def _by_number(connection: Connection, carrier: str, receipt: Receipt) -> int | None:
    """The one text to this number that has no reference of this carrier: in flight, in doubt, or of a worker that died.

    A carrier that names nothing leaves our own id as the reference. None when several could be meant.
    """
    query = (
        select(_MESSAGES.c.id)
        .where(
            _MESSAGES.c.phone == receipt.phone,
            or_(
                and_(_MESSAGES.c.status == Status.SENDING, _MESSAGES.c.carrier_ref.is_(None)),
                and_(
                    _MESSAGES.c.status == Status.SENT,
                    _MESSAGES.c.carrier == carrier,
                    _MESSAGES.c.carrier_ref == _MESSAGES.c.uuid,
                ),
            ),
            _MESSAGES.c.sending_at > receipt.at - LOST_WITHIN,
            _MESSAGES.c.sending_at <= receipt.at + timedelta(seconds=1),
        )
        .limit(2)
    )
    rows = connection.execute(query).all()
    return rows[0].id if len(rows) == 1 else None
