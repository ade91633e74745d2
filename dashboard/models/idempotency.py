"""What was answered to calls that bore an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, UtcDateTime


class IdempotencyRecord(Base):
    """Written in the transaction that did the work, so that either both are there or neither.

    `status` is empty while a caller waits for WhatsApp: the message row then says how it went.
    """

    __tablename__ = "kept_answers"
    __table_args__ = (Index("ix_kept_answers_created", "created_at"),)

    token: Mapped[str] = mapped_column(String(64), primary_key=True)  # of API key, path and Idempotency-Key
    request: Mapped[str] = mapped_column(String(64))  # keyed hash of the body, never the body
    message_uuid: Mapped[str | None] = mapped_column(String(36))
    status: Mapped[int | None]
    answer: Mapped[str] = mapped_column(Text)  # the body as it was sent
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
