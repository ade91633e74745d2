"""What carriers say of texts that they took. Receipts come late, twice, out of order, and before the answer to a send.

A message's state is ranked and never goes back: sending, sent, failed or expired, delivered. A receipt belongs to a
*part* of a long text: the text is delivered when all its parts are, failed when one is, and while it is being sent a
part's receipt changes nothing. What cannot be applied yet, or cannot be read, is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import Sessions, UtcDateTime, core_table, execute_dml, utcnow
from dashboard.driver import ListStatement
from dashboard.gateway.costs import charges
from dashboard.gateway.delivery import attempts, matching, parts
from dashboard.gateway.delivery.decisions import MarkSent
from dashboard.gateway.delivery.matching import Match
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import channel_order
from dashboard.gateway.webhooks import events
from dashboard.models.api_keys import ApiKey
from dashboard.models.delivery import FailedAttempt, UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.outbound.errors import NotSent
from dashboard.providers.base import Receipt
from dashboard.vocabulary import AttemptOutcome, Channel, Kind, Lane, Proof, ReceiptState, Status

BEFORE = {  # a state, and those that it may follow
    Status.SENT: (Status.QUEUED, Status.SENDING),
    Status.FAILED: (Status.QUEUED, Status.SENDING, Status.SENT),
    Status.DELIVERED: (Status.QUEUED, Status.SENDING, Status.SENT, Status.FAILED, Status.EXPIRED),
}
TRIED_FOR = timedelta(minutes=15)  # to find the message of a receipt that was kept
ONE_FOR_ALL_AFTER = timedelta(minutes=5)  # without a further receipt, that of one part is taken for all
BATCH = 500
KEPT_FOR = timedelta(days=90)
LONGEST_WORDS = 500

_MESSAGES, _KEPT = core_table(Message), core_table(UnmatchedReceipt)
_COLUMNS: tuple[str, ...] = (
    "id",
    "uuid",
    "key_id",
    "kind",
    "channel",
    "lane",
    "carrier_id",
    "phone",
    "segments",
    "status",
    "sent_at",
)
_COLUMNS += ("sending_at", "created_at", "carrier", "carrier_ref", "claim", "due_at", "ask_at", "attempts")
_COLUMNS += ("step", "step_of")
LOCKED = ListStatement(
    select(*(_MESSAGES.c[name] for name in _COLUMNS))
    .where(_MESSAGES.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_MESSAGES.c.id)  # see outbox.CLAIMS
    .with_for_update()
)
INSERT_KEPT = insert(_KEPT)


def _moving(before: Sequence[Status]) -> Any:
    """Lets a message enter a state from one of these; what is None stays as it is. Built once: Meta reports thousands
    of texts in one call.
    """
    moved_at = bindparam("moved_at", type_=UtcDateTime)
    ends = {
        name: func.coalesce(bindparam(f"new_{name}", type_=_MESSAGES.c[name].type), _MESSAGES.c[name])
        for name in ("delivered_at", "failed_at", "confirmed_by")
    }
    return (
        update(_MESSAGES)
        .where(_MESSAGES.c.id == bindparam("row_id"), or_(*(_MESSAGES.c.status == status for status in before)))
        .values(
            status=bindparam("new_status"),
            due_at=None,
            claim=None,
            carrier=bindparam("new_carrier"),
            carrier_ref=func.coalesce(_MESSAGES.c.carrier_ref, bindparam("new_reference")),
            sent_at=func.coalesce(_MESSAGES.c.sent_at, moved_at),
            ask_at=bindparam("new_ask_at", type_=UtcDateTime),
            error_code=bindparam("new_code"),
            **ends,
        )
    )


MOVES = {status: _moving(before) for status, before in BEFORE.items()}


@dataclass
class _Applied:
    """What came of receipts: which of them were applied, and the lanes that have work now."""

    matches: list[Match]
    lanes: set[Lane] = field(default_factory=set)


def store_receipts(sessions: Sessions, carrier: str, receipts: Sequence[Receipt]) -> set[Lane]:
    """Apply receipts, and keep those that cannot be applied; commits, BATCH at a time. Returns the lanes to wake.

    Raises when the database fails: do not acknowledge them then.
    """
    lanes: set[Lane] = set()
    for start in range(0, len(receipts), BATCH):
        lanes |= _store(sessions, carrier, receipts[start : start + BATCH])
    return lanes


def _store(sessions: Sessions, carrier: str, receipts: Sequence[Receipt]) -> set[Lane]:
    with sessions.begin() as session:
        connection = session.connection()
        applied = _apply(connection, carrier, receipts)
        keep = [match for match in applied.matches if not match.is_applied]
        if keep:
            connection.execute(INSERT_KEPT, [_kept_row(carrier, match) for match in keep])
            applied.lanes |= _deliver_whole_guesses(connection, carrier, keep)
    return applied.lanes


def expect(connection: Connection, sent: Sequence[MarkSent]) -> set[Lane]:
    """Note the parts of texts that carriers have taken, and apply the receipts that came before.

    Call it in the transaction that marks them sent. Returns the lanes to wake.
    """
    rows = [
        {"carrier": decision.carrier, "reference": reference, "message_id": decision.message.id}
        for decision in sent
        if len(decision.outcome.parts) > 1
        for reference in dict.fromkeys(decision.outcome.parts)
    ]
    if rows:
        connection.execute(parts.INSERT, rows)
    lanes: set[Lane] = set()
    for carrier in {decision.carrier for decision in sent if not decision.outcome.delivered}:
        phones = {decision.message.phone for decision in sent if decision.carrier == carrier}
        early = and_(_KEPT.c.carrier == carrier, _KEPT.c.phone.in_(phones), _KEPT.c.state != ReceiptState.UNKNOWN)
        lanes |= _apply_kept(connection, early).lanes
    return lanes


def reconcile(session: Session) -> set[Lane]:
    """Look once more for the messages of receipts that were kept lately. The caller commits, then wakes the lanes."""
    lately = and_(_KEPT.c.received_at > utcnow() - TRIED_FOR, _KEPT.c.state != ReceiptState.UNKNOWN)
    return _apply_kept(session.connection(), lately).lanes


def deliver_by_one_receipt(session: Session) -> set[Lane]:
    """Mark long texts delivered for which one part's receipt has come and no other for some minutes.

    Some SMSCs send one receipt for a whole text. The caller commits, then wakes the lanes.
    """
    connection, lanes = session.connection(), set[Lane]()
    ids = parts.with_one_receipt(connection, utcnow() - ONE_FOR_ALL_AFTER, BATCH)
    for message in LOCKED.run(connection, {"ids": ids}) if ids else []:
        receipt = Receipt((), message.phone, ReceiptState.DELIVERED, None, utcnow())
        lanes |= _move(connection, message.carrier or "", message, Status.DELIVERED, receipt)
        parts.forget_waiting(connection, message.id)
    return lanes


# What was kept, for people to see


def unmatched(session: Session, carrier: str, most: int) -> list[UnmatchedReceipt]:
    """The newest receipts of a carrier that could be read and fit no message."""
    query = select(UnmatchedReceipt).where(
        UnmatchedReceipt.carrier == carrier,
        UnmatchedReceipt.message_id.is_(None),
        UnmatchedReceipt.state != ReceiptState.UNKNOWN,
    )
    return list(session.scalars(query.order_by(UnmatchedReceipt.id.desc()).limit(most)))


def count_unmatched(session: Session, since: datetime) -> dict[str, int]:
    """By carrier: how many receipts since then could be read and fit no message."""
    is_read = UnmatchedReceipt.state != ReceiptState.UNKNOWN
    return _count(session, and_(UnmatchedReceipt.message_id.is_(None), is_read), since)


def unread(session: Session, carrier: str, most: int) -> list[UnmatchedReceipt]:
    """The newest receipts of a carrier whose words (`raw`) could not be read; `message_id` where they name a text."""
    query = select(UnmatchedReceipt).where(
        UnmatchedReceipt.carrier == carrier, UnmatchedReceipt.state == ReceiptState.UNKNOWN
    )
    return list(session.scalars(query.order_by(UnmatchedReceipt.received_at.desc()).limit(most)))


def count_unread(session: Session, since: datetime) -> dict[str, int]:
    """By carrier: how many receipts since then could not be read."""
    return _count(session, UnmatchedReceipt.state == "unknown", since)


def unread_of(session: Session, message_id: int) -> list[UnmatchedReceipt]:
    """Receipts of a message whose words could not be read, oldest first."""
    query = select(UnmatchedReceipt).where(
        UnmatchedReceipt.message_id == message_id, UnmatchedReceipt.state == ReceiptState.UNKNOWN
    )
    return list(session.scalars(query.order_by(UnmatchedReceipt.id)))


def forget_old(session: Session) -> None:
    """Drop kept receipts and failed attempts that are past their time."""
    before = utcnow() - KEPT_FOR
    session.execute(
        delete(UnmatchedReceipt).where(UnmatchedReceipt.received_at < before), execution_options=outbox.UNSYNCHRONIZED
    )
    session.execute(delete(FailedAttempt).where(FailedAttempt.at < before), execution_options=outbox.UNSYNCHRONIZED)


def _count(session: Session, which: Any, since: datetime) -> dict[str, int]:
    query = select(UnmatchedReceipt.carrier, func.count()).where(which, UnmatchedReceipt.received_at > since)
    return {row[0]: row[1] for row in session.execute(query.group_by(UnmatchedReceipt.carrier))}


# Applying a receipt


def _apply(connection: Connection, carrier: str, receipts: Sequence[Receipt], *, may_guess: bool = True) -> _Applied:
    applied = _Applied(matching.find(connection, carrier, receipts, may_guess=may_guess))
    times = Counter(match.message_id for match in applied.matches if match.message_id is not None)
    if not times:
        return applied
    ids = sorted(times)
    messages = {row.id: row for row in LOCKED.run(connection, {"ids": ids})}
    parts_of = parts.states(connection, carrier, ids)
    for match in applied.matches:
        message = messages.get(match.message_id)
        if message is None or match.receipt.state == ReceiptState.UNKNOWN:
            continue  # it is kept, with its message where there is one
        if match.is_guess and message.segments > 1 and message.status == Status.SENDING:
            continue  # a part's, while others may be unsent: it is kept until their references are known
        match.is_applied = True
        status = parts.MEANS[ReceiptState(match.receipt.state)]
        mine = parts_of.get(message.id)
        if mine and not match.receipt.message_id and not match.receipt.is_for_all:
            status = parts.note(connection, carrier, message, mine, match.receipt)
        if status == Status.DELIVERED or not _went_another_way(message, carrier):
            applied.lanes |= _move(connection, carrier, message, status, match.receipt)
            if times[message.id] > 1:  # the next one finds the message as this one left it
                (messages[message.id],) = LOCKED.run(connection, {"ids": [message.id]})
    return applied


def _went_another_way(message: Any, carrier: str) -> bool:
    """Whether it is another carrier's by now, so that this one's failure says nothing any more."""
    switched = message.channel != message.lane
    return bool((message.carrier or ("" if switched else carrier)) != carrier)


def _move(connection: Connection, carrier: str, message: Any, status: Status, receipt: Receipt) -> set[Lane]:
    """Let the message enter a state, unless its own outranks that; return the lanes to wake."""
    if message.status not in BEFORE[status]:  # the row is locked
        return set()
    if status == Status.FAILED and _switch_to_sms(connection, carrier, message, receipt):
        return {Lane.SMS}
    now = utcnow()
    # An SMSC's clock may run in another zone: nothing arrives before it was sent, and nothing tomorrow.
    earliest = message.sent_at or message.sending_at or message.created_at
    at = receipt.at if earliest <= receipt.at <= now else now
    params = {
        "row_id": message.id,
        "new_status": status,
        "new_carrier": carrier,
        "new_reference": next(iter(receipt.references), None),
        "moved_at": at,
        "new_ask_at": message.ask_at if status == Status.SENT else None,
        "new_code": receipt.code if status == Status.FAILED else None,
        "new_delivered_at": at if status == Status.DELIVERED else None,
        "new_failed_at": at if status == Status.FAILED else None,
        "new_confirmed_by": Proof.RECEIPT if status == Status.DELIVERED else None,
    }
    if not execute_dml(connection, MOVES[status], params):
        return set()
    first = ("message.sent",) if message.sent_at is None and status != Status.SENT else ()
    has_events = events.record(connection, message.key_id, message.id, *first, f"message.{status}")
    lanes = channel_order.bring_forward(connection, [message]) if status == Status.FAILED else set[Lane]()
    return lanes | {Lane.WEBHOOKS} if has_events else lanes


def _switch_to_sms(connection: Connection, carrier: str, message: Any, receipt: Receipt) -> bool:
    """Let a WhatsApp code that turns out not to arrive go by SMS, if its key wants that and it is still good."""
    if message.kind != Kind.OTP or message.lane != Channel.WHATSAPP or message.status == Status.DELIVERED:
        return False
    if message.step is not None:
        return False  # its order decides
    if not connection.execute(select(ApiKey.sms_fallback).where(ApiKey.id == message.key_id)).scalar():
        return False
    now = utcnow()
    moved = connection.execute(
        update(_MESSAGES)
        .where(_MESSAGES.c.id == message.id, _MESSAGES.c.lane != Channel.SMS, _MESSAGES.c.valid_until > now)
        .values(
            lane=Channel.SMS,
            carrier_id=outbox.SANDBOX_ID if message.carrier_id == outbox.SANDBOX_ID else None,
            due_at=now,
            claim=None,
            error_code=receipt.code,
            carrier=None,
            carrier_ref=None,
            settled_status=None,  # it will have cost more
        )
    )
    if moved.rowcount:
        charges.judge(connection, [message.id], failed=True)
        error = NotSent(receipt.code or "failed")
        attempts.record(connection, [attempts.row(message.id, carrier, AttemptOutcome.DIVERTED, error)])
    return bool(moved.rowcount)


# Receipts that were kept


def _kept_row(carrier: str, match: Match) -> dict[str, Any]:
    receipt = match.receipt
    is_unread = receipt.state == ReceiptState.UNKNOWN
    return {
        "carrier": carrier,
        "references": list(receipt.references),
        "phone": receipt.phone,
        "state": receipt.state,
        "code": receipt.code,
        "raw": receipt.raw[:LONGEST_WORDS] if receipt.raw else None,
        "at": receipt.at,
        "received_at": utcnow(),
        "message_id": match.message_id if is_unread and not match.is_guess else None,
    }


def _apply_kept(connection: Connection, which: Any) -> _Applied:
    """Apply kept receipts whose messages are known now; the newest ones, if there are very many."""
    query = select(_KEPT).where(_KEPT.c.message_id.is_(None), which).order_by(_KEPT.c.id.desc()).limit(BATCH)
    rows = connection.execute(query).all()
    total = _Applied([])
    for carrier in sorted({row.carrier for row in rows}):
        mine = sorted((row for row in rows if row.carrier == carrier), key=lambda row: row.id)
        receipts = [Receipt(tuple(row.references), row.phone, row.state, row.code, row.at) for row in mine]
        applied = _apply(connection, carrier, receipts, may_guess=False)
        named = [
            {"kept_id": row.id, "new_message_id": match.message_id}
            for row, match in zip(mine, applied.matches, strict=True)
            if match.is_applied
        ]
        if named:
            naming = update(_KEPT).where(_KEPT.c.id == bindparam("kept_id"))
            connection.execute(naming.values(message_id=bindparam("new_message_id")), named)
        total.matches += applied.matches
        total.lanes |= applied.lanes
    return total


def _deliver_whole_guesses(connection: Connection, carrier: str, kept: Sequence[Match]) -> set[Lane]:
    """Mark a long text in doubt delivered when as many receipts as it has parts came for its number.

    Only a text that was tried once and that nobody is sending: receipts of two tries must not add up to one text.
    """
    delivered = [match for match in kept if match.receipt.state == ReceiptState.DELIVERED]
    ids = {match.message_id for match in delivered if match.is_guess and match.message_id is not None}
    lanes: set[Lane] = set()
    for message in LOCKED.run(connection, {"ids": sorted(ids)}) if ids else []:
        if message.claim is not None or message.attempts != 1:
            continue
        query = select(_KEPT.c.id, _KEPT.c.references).where(
            _KEPT.c.carrier == carrier,
            _KEPT.c.phone == message.phone,
            _KEPT.c.message_id.is_(None),
            _KEPT.c.state == ReceiptState.DELIVERED,
            _KEPT.c.received_at >= message.sending_at,
        )
        rows = connection.execute(query).all()
        if len({row.references[0] for row in rows if row.references}) < message.segments:
            continue
        first = Receipt(tuple(rows[0].references), message.phone, ReceiptState.DELIVERED, None, utcnow())
        lanes |= _move(connection, carrier, message, Status.DELIVERED, first)
        settled = update(_KEPT).where(_KEPT.c.id.in_([row.id for row in rows]))
        connection.execute(settled.values(message_id=message.id))
    return lanes
