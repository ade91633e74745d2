"""What became of a message, for people and programs that ask by its id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from dashboard.db import iso
from dashboard.models.messages import Message
from dashboard.sms import numbers
from dashboard.vocabulary import Status

STEPS = {
    Status.QUEUED: "created_at",
    Status.SENDING: "sending_at",
    Status.SENT: "sent_at",
    Status.DELIVERED: "delivered_at",
    Status.FAILED: "failed_at",
    Status.EXPIRED: "expired_at",
}


def find(session: Session, uuid: str) -> Message | None:
    """A message by its public id."""
    return session.scalar(select(Message).where(Message.uuid == uuid))


def steps(message: Message) -> list[tuple[str, datetime]]:
    """The states it went through, in order, with their times."""
    times = ((status, getattr(message, column)) for status, column in STEPS.items())
    return [(status, at) for status, at in times if at is not None]


def steps_of(session: Session, messages: Collection[Message]) -> dict[int, list[Message]]:
    """The messages that carry a code in turn, in order, by the id of each of these that is one of them."""
    firsts = {message.step_of or message.id for message in messages if message.step is not None}
    if not firsts:
        return {}
    rows = session.scalars(
        select(Message).where(or_(Message.id.in_(firsts), Message.step_of.in_(firsts))).order_by(Message.id)
    ).all()
    by_first: dict[int, list[Message]] = {}
    for row in rows:
        by_first.setdefault(row.step_of or row.id, []).append(row)
    return {message.id: by_first[message.step_of or message.id] for message in messages if message.step is not None}


def described(message: Message, in_turn: Sequence[Message] = ()) -> dict[str, Any]:
    """A message as the API tells it: flat, times in ISO 8601, never a text. `in_turn`: see `steps_of`."""
    carried = [step.lane for step in in_turn if step.sent_at is not None]
    told: dict[str, Any] = {"steps": [_step(step) for step in in_turn]} if in_turn else {}
    return told | {
        "messageId": message.uuid,
        "kind": message.kind,
        "channel": message.channel,
        **numbers.as_fields(message.phone),
        "status": message.status,
        "encoding": message.encoding,
        "segments": message.segments,
        "sender": message.sender or None,
        "createdAt": iso(message.created_at),
        "sentAt": iso(message.sent_at),
        "deliveredAt": iso(message.delivered_at),
        "failedAt": iso(message.failed_at),
        "expiredAt": iso(message.expired_at),
        "sentBy": carried[-1] if carried else message.lane if message.sent_at else None,
        "errorCode": message.error_code,
        "confirmedBy": message.confirmed_by,
        "statusHistory": [{"status": status, "at": iso(at)} for status, at in steps(message)],
    }


def _step(step: Message) -> dict[str, Any]:
    return {
        "messageId": step.uuid,
        "channel": step.channel,
        "status": step.status,
        "dueAt": iso(step.due_at) if step.status == Status.QUEUED else None,
        "sentAt": iso(step.sent_at),
        "errorCode": step.error_code,
    }


def by_ids(session: Session, ids: Collection[int]) -> list[Message]:
    if not ids:
        return []
    return list(session.scalars(select(Message).options(joinedload(Message.key)).where(Message.id.in_(ids))))
