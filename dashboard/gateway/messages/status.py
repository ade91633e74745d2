"""What became of a message, for people and programs that ask by its id."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
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


def described(message: Message) -> dict[str, Any]:
    """A message as the API tells it: flat, times in ISO 8601, never a text."""
    return {
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
        "sentBy": message.lane if message.sent_at else None,
        "errorCode": message.error_code,
        "confirmedBy": message.confirmed_by,
        "statusHistory": [{"status": status, "at": iso(at)} for status, at in steps(message)],
    }


def by_ids(session: Session, ids: Collection[int]) -> list[Message]:
    if not ids:
        return []
    return list(session.scalars(select(Message).options(joinedload(Message.key)).where(Message.id.in_(ids))))
