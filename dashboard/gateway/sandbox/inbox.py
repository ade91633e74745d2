"""The sandbox phone: what it received, per number. Texts are encrypted, since they may hold codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, execute_dml, read_session, utcnow
from dashboard.driver import BulkInsert
from dashboard.gateway import encryption
from dashboard.gateway.encryption import Purpose
from dashboard.models.messages import Message
from dashboard.models.sandbox import SandboxMessage
from dashboard.providers.base import Outgoing
from dashboard.settings import Settings

Row = dict[str, Any]  # of the sandbox's table, by column
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
INSERT = BulkInsert(core_table(SandboxMessage), "phone", "channel", "message_uuid", "sealed", "received_at")
SHOWN = SandboxMessage.cleared_at.is_(None)
NEWEST = select(SandboxMessage.id, SandboxMessage.received_at).where(SHOWN).order_by(SandboxMessage.id.desc()).limit(1)
NUMBERS = (
    select(SandboxMessage.phone)
    .where(SHOWN)
    .group_by(SandboxMessage.phone)
    .order_by(func.max(SandboxMessage.id).desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True)
class ReceivedText:
    """A text as the phone shows it."""

    text: str
    channel: str
    message_uuid: str
    received_at: datetime


@dataclass(frozen=True)
class Cleared:
    """When texts were cleared, and how many."""

    at: datetime
    count: int


class SandboxInbox:
    """The texts of all sandbox phones."""

    def __init__(self, sessions: Sessions, settings: Settings) -> None:
        self.sessions = sessions
        self.settings = settings

    def seal(self, outgoing: Outgoing) -> Row:
        """The row that `receive` writes, with the text encrypted."""
        return {
            "phone": outgoing.phone,
            "channel": outgoing.channel,
            "message_uuid": outgoing.id,
            "sealed": encryption.cipher(self.settings, Purpose.SANDBOX).encrypt(outgoing.text.encode()),
            "received_at": utcnow(),
        }

    def newest(self) -> str:
        """A mark that changes whenever a text arrives or is deleted."""
        with read_session(self.sessions) as session:
            row = session.execute(NEWEST).one_or_none()
        return f"{row.id}.{int(row.received_at.timestamp() * 1000)}" if row else "0"

    def numbers(self, limit: int) -> list[str]:
        """The numbers that received something last, the latest first."""
        with read_session(self.sessions) as session:
            return list(session.scalars(NUMBERS, {"most": limit}))

    def latest(self, phones: Sequence[str], limit: int) -> dict[str, list[ReceivedText]]:
        """The newest `limit` texts of each number, oldest first."""
        return {phone: self.inbox(phone, limit) for phone in phones}

    def clear(self, phone: str | None = None) -> Cleared:
        """Show no more what a number, or all, received. The relay deletes it minutes later. Commits."""
        now = utcnow()
        texts = update(SandboxMessage).where(SHOWN)
        if phone is not None:
            texts = texts.where(SandboxMessage.phone == phone)
        with self.sessions.begin() as session:
            return Cleared(now, execute_dml(session, texts.values(cleared_at=now)))

    def restore(self, cleared_at: datetime) -> int:
        """Show again what was cleared at just this moment, as far as it is there; return how many texts. Commits."""
        texts = update(SandboxMessage).where(SandboxMessage.cleared_at == cleared_at)
        with self.sessions.begin() as session:
            return execute_dml(session, texts.values(cleared_at=None))

    def inbox(self, phone: str, limit: int | None = None) -> list[ReceivedText]:
        """What a number received, oldest first; the newest `limit` of it."""
        with read_session(self.sessions) as session:
            query = (
                select(SandboxMessage)
                .where(SandboxMessage.phone == phone, SHOWN)
                .order_by(SandboxMessage.id.desc())
                .limit(limit)
            )
            rows = reversed(session.scalars(query).all())
            return [
                ReceivedText(self._decrypt(row.sealed), row.channel, row.message_uuid, row.received_at) for row in rows
            ]

    def _decrypt(self, sealed: bytes) -> str:
        try:
            return encryption.cipher(self.settings, Purpose.SANDBOX).decrypt(sealed).decode()
        except InvalidToken:  # encrypted with another DATA_SECRET
            return UNREADABLE


def receive(connection: Connection, rows: Sequence[Row]) -> None:
    """Put texts on their phones, each as often as it was handed over, so that a text sent twice is seen twice."""
    if rows:
        INSERT.run(connection, rows)


def forget_cleared(session: Session, before: datetime) -> int:
    """Delete what was cleared before a time; return how many texts."""
    return execute_dml(session, delete(SandboxMessage).where(SandboxMessage.cleared_at < before))


def sent_by(session: Session, key_id: str, message_uuids: Sequence[str]) -> set[str]:
    """Those of the messages that a key sent."""
    query = select(Message.uuid).where(Message.key_id == key_id, Message.uuid.in_(message_uuids))
    return set(session.scalars(query))
