"""What carriers say of texts that they took. Receipts come late, twice, out of order, and before `send` returns.

A message's state is ranked and never goes back: sending, sent, failed or expired, delivered. A receipt that fits no
message is kept; the relay tries again, since the carrier may be quicker than the answer to our own call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, utcnow
from dashboard.gateway.delivery.attempts import record
from dashboard.gateway.messages import outbox
from dashboard.gateway.webhooks import events
from dashboard.models.api_keys import ApiKey
from dashboard.models.delivery import FailedAttempt, MessagePart, UnmatchedReceipt
from dashboard.models.messages import Message
from dashboard.providers.base import Receipt

BEFORE = {  # a state, and those that it may follow
    "sent": ("queued", "sending"),
    "failed": ("queued", "sending", "sent"),
    "expired": ("queued", "sending", "sent"),
    "delivered": ("queued", "sending", "sent", "failed", "expired"),
}
MEANS = {"pending": "sent", "sent": "sent", "read": "delivered", "delivered": "delivered", "failed": "failed"}
MEANS |= {"expired": "failed"}  # the carrier gave up; our own `expired` means that it never left
LOST_WITHIN = timedelta(minutes=10)  # a text whose reference died with its worker is looked for by number
TRIED_FOR = timedelta(minutes=15)  # to find the message of a stray
BATCH = 500
KEPT = timedelta(days=90)
_MESSAGES = core_table(Message)
_ENTRIES = ("id", "key_id", "kind", "channel", "lane", "status", "sent_at", "carrier")
FOUND = select(*(_MESSAGES.c[name] for name in _ENTRIES))


def store_receipts(sessions: Sessions, carrier: str, receipts: Sequence[Receipt]) -> None:
    """Apply receipts, and keep those that fit nothing; commits. Raises when the database fails: do not acknowledge."""
    with sessions.begin() as session:
        strays = [receipt for receipt in receipts if not apply(session, carrier, receipt)]
        if strays:
            session.connection().execute(insert(core_table(UnmatchedReceipt)), [_stray(carrier, one) for one in strays])


def apply(session: Session, carrier: str, receipt: Receipt) -> bool:
    """Let a receipt move its message on; False when there is no such message."""
    message = _find(session, carrier, receipt)
    if message is None:
        return False
    state = MEANS[receipt.state] if receipt.message_id else _of_parts(session, carrier, receipt, message)
    if state == "delivered" or not _went_another_way(message, carrier):
        _move(session, carrier, message, state, receipt)
    return True


def reconcile(session: Session) -> int:
    """Look once more for the messages of strays; return how many were found. The caller commits."""
    since = utcnow() - TRIED_FOR
    query = select(UnmatchedReceipt).where(UnmatchedReceipt.message_id.is_(None), UnmatchedReceipt.received_at > since)
    found = 0
    for stray in session.scalars(query.order_by(UnmatchedReceipt.received_at).limit(BATCH)):
        receipt = Receipt(tuple(stray.references), stray.phone, stray.state, stray.code, stray.at)
        message = _find(session, stray.carrier, receipt)
        if message is not None and apply(session, stray.carrier, receipt):
            stray.message_id = message.id
            found += 1
    return found


def unmatched(session: Session, carrier: str, most: int) -> list[UnmatchedReceipt]:
    """The newest receipts of a carrier that fit no message."""
    query = select(UnmatchedReceipt).where(UnmatchedReceipt.carrier == carrier, UnmatchedReceipt.message_id.is_(None))
    return list(session.scalars(query.order_by(UnmatchedReceipt.id.desc()).limit(most)))


def count_unmatched(session: Session, since: datetime) -> dict[str, int]:
    """How many fit no message, by carrier."""
    query = (
        select(UnmatchedReceipt.carrier, func.count())
        .where(UnmatchedReceipt.message_id.is_(None), UnmatchedReceipt.received_at > since)
        .group_by(UnmatchedReceipt.carrier)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def forget_old(session: Session) -> None:
    """Drop strays and setbacks that are past their time."""
    before = utcnow() - KEPT
    session.execute(
        delete(UnmatchedReceipt).where(UnmatchedReceipt.received_at < before), execution_options=outbox.UNSYNCHRONIZED
    )
    session.execute(delete(FailedAttempt).where(FailedAttempt.at < before), execution_options=outbox.UNSYNCHRONIZED)


def _find(session: Session, carrier: str, receipt: Receipt) -> Any:
    """By our own id, by the carrier's reference, by that of a part, and last by number and time."""
    run = session.connection().execute
    if receipt.message_id is not None:
        own = run(FOUND.where(_MESSAGES.c.uuid == receipt.message_id)).one_or_none()
        if own is not None:
            return own
    if receipt.references:
        named = and_(_MESSAGES.c.carrier == carrier, _MESSAGES.c.carrier_ref.in_(receipt.references))
        newest = FOUND.where(named, _on(receipt.phone)).order_by(_MESSAGES.c.id.desc()).limit(1)
        found = run(newest).one_or_none() or run(_by_part(carrier, receipt)).one_or_none()
        if found is not None:
            return found
    return _lost(run(FOUND.where(*_may_be(receipt)).limit(2)).all()) if receipt.phone else None


def _on(phone: str) -> Any:
    """A carrier counts its references anew now and then: the number must fit, where it is said."""
    return _MESSAGES.c.phone == phone if phone else True


def _by_part(carrier: str, receipt: Receipt) -> Any:
    part = select(MessagePart.message_id).where(
        MessagePart.carrier == carrier, MessagePart.reference.in_(receipt.references)
    )
    return FOUND.where(_MESSAGES.c.id.in_(part), _on(receipt.phone)).order_by(_MESSAGES.c.id.desc()).limit(1)


def _may_be(receipt: Receipt) -> tuple[Any, ...]:
    """Texts on their way to this number that have no reference: in flight, in doubt, or of a worker that died."""
    return (
        _MESSAGES.c.phone == receipt.phone,
        _MESSAGES.c.status == "sending",
        _MESSAGES.c.carrier_ref.is_(None),
        _MESSAGES.c.sending_at > receipt.at - LOST_WITHIN,
        _MESSAGES.c.sending_at <= receipt.at + timedelta(seconds=1),
    )


def _lost(found: Sequence[Any]) -> Any:
    """Only when there is no doubt which one is meant."""
    return found[0] if len(found) == 1 else None


def _went_another_way(message: Any, carrier: str) -> bool:
    """Whether it is another carrier's by now, so that this one's failure says nothing any more."""
    diverted = message.channel != outbox.base(message.lane)
    return (message.carrier or ("" if diverted else carrier)) != carrier


def _of_parts(session: Session, carrier: str, receipt: Receipt, message: Any) -> str:
    """What a receipt of a part means for the whole text."""
    state = MEANS[receipt.state]
    mine = select(MessagePart).where(MessagePart.message_id == message.id, MessagePart.carrier == carrier)
    parts = session.scalars(mine).all()
    if not parts:
        return state
    for part in parts:
        if part.reference in receipt.references and state in ("delivered", "failed") and part.state != "delivered":
            part.state = state
    session.flush()
    if any(part.state == "failed" for part in parts):
        return "failed"
    return "delivered" if all(part.state == "delivered" for part in parts) else "sent"


def _move(session: Session, carrier: str, message: Any, state: str, receipt: Receipt) -> None:
    if state == "failed" and _divert(session, carrier, message, receipt):
        return
    at = min(receipt.at, utcnow())
    values: dict[str, Any] = {
        "status": state,
        "due_at": None,
        "claim": None,
        "carrier": carrier,
        "carrier_ref": func.coalesce(_MESSAGES.c.carrier_ref, next(iter(receipt.references), None)),
        "sent_at": func.coalesce(_MESSAGES.c.sent_at, at),
        "error_code": receipt.code if state == "failed" else None,
    }
    if state != "sent":
        values[f"{state}_at"] = at
    if state == "delivered":
        values["confirmed_by"] = "receipt"
    moved = session.connection().execute(
        update(_MESSAGES).where(_MESSAGES.c.id == message.id, _MESSAGES.c.status.in_(BEFORE[state])).values(values)
    )
    if moved.rowcount:
        first = ("message.sent",) if message.sent_at is None and state != "sent" else ()
        events.record(session, message.key_id, message.id, *first, f"message.{state}")


def _divert(session: Session, carrier: str, message: Any, receipt: Receipt) -> bool:
    """A WhatsApp code that turns out not to arrive goes by SMS, if its key wants that and it is still good."""
    if not wants_sms(session, message) or message.status == "delivered":
        return False
    now = utcnow()
    moved = session.connection().execute(
        update(_MESSAGES)
        .where(_MESSAGES.c.id == message.id, _MESSAGES.c.lane.not_like("sms%"), _MESSAGES.c.valid_until > now)
        .values(
            lane=outbox.across(message.lane, "sms"),
            due_at=now,
            claim=None,
            error_code=receipt.code,
            carrier=None,
            carrier_ref=None,
        )
    )
    if moved.rowcount:
        record(session, message.id, carrier, "diverted", receipt.code or "failed")
    return bool(moved.rowcount)


def wants_sms(session: Any, message: Any) -> bool:
    """Whether a code that does not get out by WhatsApp is to go by SMS, by the word of its key."""
    if message.kind != "otp" or message.channel != "whatsapp" or outbox.base(message.lane) != "whatsapp":
        return False
    return bool(session.execute(select(ApiKey.sms_fallback).where(ApiKey.id == message.key_id)).scalar())


def _stray(carrier: str, receipt: Receipt) -> dict[str, Any]:
    return {
        "carrier": carrier,
        "references": list(receipt.references),
        "phone": receipt.phone,
        "state": receipt.state,
        "code": receipt.code,
        "at": receipt.at,
        "received_at": utcnow(),
    }
