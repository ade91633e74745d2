"""What was sent to one number and what came from it, beside each other in time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dashboard.gateway.inbound import inbox
from dashboard.gateway.maintenance.retention import BLANK
from dashboard.gateway.messages import status
from dashboard.models.inbound import IncomingMessage
from dashboard.models.messages import Message

PAGE = 50


@dataclass(frozen=True)
class ConversationEntry:
    """A message to the number, or a text from it."""

    at: datetime
    sent: Message | None = None
    received: IncomingMessage | None = None


@dataclass(frozen=True)
class Before:
    """What a page begins after: the ids of the oldest message and of the oldest text that stand on the one before."""

    message_id: int | None = None
    incoming_id: int | None = None


@dataclass(frozen=True)
class Conversation:
    """One page of it, the newest first, and where the next one begins."""

    entries: list[ConversationEntry]
    older: Before | None


def phone_of(session: Session, reference: str) -> str | None:
    """Whose conversation a message or a text stands in; None where there is none such, or its number was cut."""
    message = status.find(session, reference)
    received = inbox.find(session, reference) if message is None else None
    phone = message.phone if message else received.sender if received else None
    return None if phone is None or phone.endswith(BLANK) else phone


def page(session: Session, phone: str, before: Before) -> Conversation:
    """The newest PAGE entries that are older than `before`."""
    query = select(Message).options(joinedload(Message.key)).where(Message.phone == phone)
    if before.message_id is not None:
        query = query.where(Message.id < before.message_id)
    sent = session.scalars(query.order_by(Message.id.desc()).limit(PAGE + 1)).all()
    received = inbox.page(session, phone, before.incoming_id, PAGE + 1)
    # Each of the two keeps its order by id, whatever its times say: a phone's clock may be wrong.
    both = heapq.merge(
        (ConversationEntry(row.created_at, sent=row) for row in sent),
        (ConversationEntry(row.received_at, received=row) for row in received),
        key=lambda entry: entry.at,
        reverse=True,
    )
    shown = list(islice(both, PAGE))
    if len(sent) + len(received) <= PAGE:
        return Conversation(shown, None)
    message_ids = [entry.sent.id for entry in shown if entry.sent]
    incoming_ids = [entry.received.id for entry in shown if entry.received]
    older = Before(min(message_ids, default=before.message_id), min(incoming_ids, default=before.incoming_id))
    return Conversation(shown, older)
