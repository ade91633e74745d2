"""The sandbox phone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, utcnow
from dashboard.sms.emails import LONGEST_STORED


class SandboxMessage(Base):
    """A text on the sandbox phone; encrypted, since it may hold a code."""

    __tablename__ = "sandbox_texts"
    __table_args__ = (Index("ix_sandbox_texts_phone", "phone", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    channel: Mapped[str] = mapped_column(String(8))
    message_uuid: Mapped[str] = mapped_column(String(36))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no phone shows it any more; deleted soon
