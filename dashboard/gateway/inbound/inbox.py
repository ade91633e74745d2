"""Texts that phones send: written down once each, the parts of a long one joined, and read again for people."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, iso, lock, new_uuid, utcnow
from dashboard.gateway.api_keys.keys import OWN_ID
from dashboard.gateway.contacts import contacts
from dashboard.gateway.inbound import answers, keywords
from dashboard.gateway.messages import cancel
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.webhooks import events
from dashboard.models.inbound import IncomingMessage, IncomingPart
from dashboard.models.messages import Message
from dashboard.providers.base import Incoming
from dashboard.sms import numbers
from dashboard.vocabulary import Keyword, Kind, Lane

BATCH = 500
REPEATED_WITHIN = timedelta(minutes=10)  # the same words from the same phone, where the carrier gives no id
JOINED_WITHIN = timedelta(minutes=10)  # then a long text is taken as complete without the parts that are missing
MISSING = "[…]"
PAGE = 50


def receive(sessions: Sessions, carrier: str, texts: Sequence[Incoming]) -> set[Lane]:
    """Write texts down; commits, BATCH at a time. Returns the lanes to wake.

    Raises when the database fails: do not acknowledge them then.
    """
    lanes: set[Lane] = set()
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        with sessions.begin() as session:
            # Parts of one text may come by several connections at once.
            lock(session, *sorted({f"incoming:{carrier}:{text.sender}" for text in batch}))
            stored = (_store(session, carrier, text) for text in batch)
            lanes |= _complete(session, [message for message in stored if message is not None])
    return lanes


def complete_late(session: Session) -> set[Lane]:
    """Take long texts as complete whose missing parts were waited for long enough.

    Returns the lanes to wake. The caller commits before that.
    """
    late = select(IncomingMessage).where(
        IncomingMessage.completed_at.is_(None), IncomingMessage.received_at < utcnow() - JOINED_WITHIN
    )
    found = session.scalars(late.with_for_update(skip_locked=True).limit(BATCH)).all()
    return _complete(session, found)


def page(
    session: Session,
    sender: str = "",
    before: int | None = None,
    most: int = PAGE,
    *,
    key_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[IncomingMessage]:
    """Complete texts, the newest first: of one phone or one key, where they are given, older than the id `before`, and
    received from `since` on and before `until`.
    """
    query = select(IncomingMessage).where(IncomingMessage.completed_at.is_not(None))
    if sender:
        query = query.where(IncomingMessage.sender == sender)
    if key_id is not None:
        query = query.where(IncomingMessage.key_id == key_id)
    if before is not None:
        query = query.where(IncomingMessage.id < before)
    if since is not None:
        query = query.where(IncomingMessage.received_at >= since)
    if until is not None:
        query = query.where(IncomingMessage.received_at < until)
    return list(session.scalars(query.order_by(IncomingMessage.id.desc()).limit(most)))


def find(session: Session, reference: str) -> IncomingMessage | None:
    """A text by its public id."""
    return session.scalar(select(IncomingMessage).where(IncomingMessage.uuid == reference))


def described(message: IncomingMessage) -> dict[str, Any]:
    """A text as events tell it, without its words; times in ISO 8601."""
    return {
        "messageId": message.uuid,
        "phoneNumber": message.sender,
        "to": message.recipient or None,
        "segments": message.parts,
        "keyword": message.keyword,
        "receivedAt": iso(message.received_at),
    }


def _store(session: Session, carrier: str, text: Incoming) -> IncomingMessage | None:
    """Write a text down unless it came before; return it when that makes it complete."""
    digest = _digest(carrier, text)
    if _is_repeat(session, text, digest):
        return None
    message = _open(session, carrier, text) if text.parts > 1 else None
    if message is None:
        message = IncomingMessage(
            uuid=new_uuid(utcnow()),
            key_id=_key_of(session, text.sender),
            carrier=carrier,
            sender=text.sender,
            recipient=text.recipient,
            parts=text.parts,
            concat_ref=text.concat_ref,
            received_at=min(text.at, utcnow()),  # a phone's clock may be ahead
        )
        session.add(message)
        session.flush()
    session.add(IncomingPart(message_id=message.id, part=text.part, digest=digest, body=text.text))
    session.flush()
    here = session.scalar(select(func.count()).where(IncomingPart.message_id == message.id))
    return message if here == message.parts else None


def _digest(carrier: str, text: Incoming) -> str:
    words = (text.reference,) if text.reference else (text.concat_ref, str(text.parts), str(text.part), text.text)
    told = "\0".join((carrier, text.sender, text.recipient, *words))
    return hashlib.sha256(told.encode()).hexdigest()


def _is_repeat(session: Session, text: Incoming, digest: str) -> bool:
    """Whether it came before. Without an id of the carrier's, the same words mean a second text after a while."""
    same = [IncomingPart.digest == digest]
    if not text.reference:
        same.append(IncomingPart.received_at > utcnow() - REPEATED_WITHIN)
    return bool(session.scalar(select(exists().where(*same))))


def _open(session: Session, carrier: str, text: Incoming) -> IncomingMessage | None:
    """The long text that lacks this part."""
    has_part = exists().where(IncomingPart.message_id == IncomingMessage.id, IncomingPart.part == text.part)
    fitting = select(IncomingMessage).where(
        IncomingMessage.completed_at.is_(None),
        IncomingMessage.carrier == carrier,
        IncomingMessage.sender == text.sender,
        IncomingMessage.recipient == text.recipient,
        IncomingMessage.concat_ref == text.concat_ref,
        IncomingMessage.parts == text.parts,
        ~has_part,
    )
    return session.scalar(fitting.order_by(IncomingMessage.id).limit(1))


def _complete(session: Session, messages: Sequence[IncomingMessage]) -> set[Lane]:
    """Join the parts, do what the texts ask for, answer them where a rule says so, and tell the keys' webhooks."""
    has_events, asked = False, []
    for message in messages:
        _join(session, message)
        meaning = keywords.meaning(session, message.body or "") if numbers.of_carrier(message.sender) else None
        if meaning is not None:
            message.keyword, message.rule_id = meaning.rule.keyword, meaning.rule.id
            has_events |= _obey(session, message, meaning.word)
            asked.append((message, meaning))
        if message.key_id is not None:
            has_events |= events.record_of_key(session, message.key_id, events.RECEIVED, described(message))
    session.flush()
    lanes = {Lane.SMS} if answers.answer(session, asked) else set()
    return lanes | ({Lane.WEBHOOKS} if has_events else set())


def _join(session: Session, message: IncomingMessage) -> None:
    rows = session.scalars(select(IncomingPart).where(IncomingPart.message_id == message.id))
    bodies = {row.part: row.body or "" for row in rows}
    message.body = "".join(bodies.get(part, MISSING) for part in range(1, message.parts + 1))
    message.completed_at = utcnow()
    session.execute(update(IncomingPart).where(IncomingPart.message_id == message.id).values(body=None))


def _obey(session: Session, message: IncomingMessage, word: str) -> bool:
    """Do what the text asks for: STOP holds for all keys, since they share our numbers, and ends a consent.

    Returns whether there are events for webhooks, of texts that were taken back.
    """
    if message.keyword == Keyword.STOP:
        opt_outs.add(session, [message.sender], word=word)
        contacts.hear_stop(session, message.sender, message.received_at.date())
        waiting = select(Message.uuid).where(
            Message.phone == message.sender, Message.kind == Kind.MESSAGE, Message.due_at.is_not(None)
        )
        return cancel.cancel(session, list(session.scalars(waiting))).has_events
    if message.keyword == Keyword.START:
        opt_outs.come_back(session, message.sender, message.key_id)
        contacts.hear_start(session, message.sender, message.received_at.date())
    return False


def _key_of(session: Session, phone: str) -> str | None:
    """The key whose message this most likely answers: the last one that wrote to the phone."""
    wrote = select(Message.key_id).where(Message.phone == phone, Message.key_id != OWN_ID)
    return session.scalar(wrote.order_by(Message.id.desc()).limit(1))
