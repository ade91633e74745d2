"""Tables of delivery: parts of a long text, failed attempts, receipts that could not be applied."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow


class UnmatchedReceipt(Base):
    """A receipt that moved no message on: none is known for it yet, or its words could not be read."""

    __tablename__ = "stray_receipts"
    __table_args__ = (
        Index("ix_stray_receipts_open", "received_at", **partial("message_id IS NULL")),
        Index("ix_stray_receipts_carrier", "carrier", "id"),
        Index("ix_stray_receipts_phone", "phone", **partial("message_id IS NULL")),
        Index("ix_stray_receipts_unread", "received_at", "carrier", **partial("state = 'unknown'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    carrier: Mapped[str] = mapped_column(String(40))
    references: Mapped[list[str]] = mapped_column(JSON)  # likeliest first
    phone: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10))  # ReceiptState
    code: Mapped[str | None] = mapped_column(String(40))
    raw: Mapped[str | None] = mapped_column(String(500))  # the carrier's words, where the state is unknown
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    message_id: Mapped[int | None] = mapped_column(BigId)  # found later, or named by words that could not be read


class MessagePart(Base):
    """A segment of a long text under the carrier's own reference; one that is sent whole has none."""

    __tablename__ = "message_parts"
    __table_args__ = (
        Index("ix_message_parts_message", "message_id"),
        Index("ix_message_parts_open", "delivered_at", **partial("delivered_at IS NOT NULL")),
    )

    carrier: Mapped[str] = mapped_column(String(40), primary_key=True)
    reference: Mapped[str] = mapped_column(String(120), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    state: Mapped[str | None] = mapped_column(String(10))  # delivered, failed
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # while receipts for other parts are waited for


class FailedAttempt(Base):
    """An attempt that failed: with which carrier, and what it said.

    One that succeeds leaves no row, unless its answer is for people to read (AttemptOutcome.TAKEN).
    """

    __tablename__ = "setbacks"
    __table_args__ = (
        Index("ix_setbacks_message", "message_id", "id"),
        Index("ix_setbacks_at", "at"),
        Index("ix_setbacks_carrier", "carrier", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    carrier: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(10))  # AttemptOutcome
    code: Mapped[str] = mapped_column(String(40))  # empty: nothing is wrong
    blame: Mapped[str | None] = mapped_column(String(8))  # whose fault it was: text, number, carrier
    answer: Mapped[str | None] = mapped_column(String(500))  # the carrier's own words, without secrets
