"""Send a text again, as a new message that knows which one it repeats. Codes are never sent again."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.db import lock
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.keys import AlreadyDone
from dashboard.gateway.messages import outbox, status
from dashboard.models.messages import Message, Resend
from dashboard.vocabulary import KeyState, Kind, Status


class NotResendable(Exception):
    """`code` says why: code, on_its_way, text_gone, key_ended."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def obstacle(message: Message) -> str | None:
    """Why a message cannot be sent again, by code; None when it can."""
    if message.kind != Kind.MESSAGE:
        return "code"
    if message.status in (Status.QUEUED, Status.SENDING):
        return "on_its_way"
    if message.body is None:
        return "text_gone"
    return "key_ended" if keys.state(message.key) is not KeyState.ACTIVE else None


def resend(session: Session, message: Message, times_before: int, by: str | None = None) -> str:
    """Write the text down once more; return the new message's uuid. The caller commits, then wakes the lane.

    `times_before` is how often it had been sent again when the caller last looked: raise AlreadyDone when that has
    changed, as when a form is sent twice. Raise NotResendable or CapReached.
    """
    lock(session, f"resend:{message.id}")
    why_not = obstacle(message)
    if why_not is not None:
        raise NotResendable(why_not)
    if times(session, message) != times_before:
        raise AlreadyDone
    caller, body = authentication.Caller.from_row(message.key), message.body or ""
    quotas.spend_cap(session, caller, Kind.MESSAGE)
    row_id, reference = outbox.submit(session, caller, outbox.Draft.text(message.phone, body, message.channel))
    session.add(Resend(new_id=row_id, old_id=message.id, created_by=by))
    return reference


def times(session: Session, message: Message) -> int:
    """How often it was sent again."""
    return session.scalar(select(func.count()).select_from(Resend).where(Resend.old_id == message.id)) or 0


def original(session: Session, message: Message) -> Message | None:
    """The message that this one repeats."""
    old_id = session.scalar(select(Resend.old_id).where(Resend.new_id == message.id))
    return status.by_ids(session, [old_id])[0] if old_id is not None else None


def repeats(session: Session, message: Message) -> list[Message]:
    """The messages that repeat this one, oldest first."""
    ids = session.scalars(select(Resend.new_id).where(Resend.old_id == message.id)).all()
    return sorted(status.by_ids(session, ids), key=lambda row: row.id)
