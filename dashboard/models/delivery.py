"""Tables of delivery: parts of a long text, failed attempts, receipts that no message is known for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow


class UnmatchedReceipt(Base):
    """A receipt for which no message was found, yet or for good."""

    __tablename__ = "stray_receipts"
    __table_args__ = (
        Index("ix_stray_receipts_open", "received_at", **partial("message_id IS NULL")),
        Index("ix_stray_receipts_carrier", "carrier", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    carrier: Mapped[str] = mapped_column(String(40))
    references: Mapped[list[str]] = mapped_column(JSON)  # likeliest first
    phone: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10))
    code: Mapped[str | None] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    message_id: Mapped[int | None] = mapped_column(BigId)  # found later


class MessagePart(Base):
    """A segment of a long text under the carrier's own reference; one that is sent whole has none."""

    __tablename__ = "message_parts"
    __table_args__ = (Index("ix_message_parts_message", "message_id"),)

    carrier: Mapped[str] = mapped_column(String(40), primary_key=True)
    reference: Mapped[str] = mapped_column(String(120), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    state: Mapped[str | None] = mapped_column(String(10))  # delivered, failed, expired


class FailedAttempt(Base):
    """A try that did not go well: which carrier, and what it said. A try that does leaves no row."""

    __tablename__ = "setbacks"
    __table_args__ = (Index("ix_setbacks_message", "message_id", "id"), Index("ix_setbacks_at", "at"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    carrier: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(10))  # refused, again, unknown, diverted
    code: Mapped[str] = mapped_column(String(40))
