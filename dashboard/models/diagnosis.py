"""What the people who answer callers leave behind: the numbers that they looked up, and their notes on numbers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, utcnow
from dashboard.sms.emails import LONGEST_STORED


class NumberLookup(Base):
    """A number that somebody looked up, and whose turn it was then. Ids rise with `at`."""

    __tablename__ = "number_lookups"
    __table_args__ = (Index("ix_number_lookups_person", "person", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person: Mapped[str] = mapped_column(String(254))  # the e-mail address
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    side: Mapped[str] = mapped_column(String(8))  # a Side
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)


class NumberNote(Base):
    """A note on a number; one that was removed can be brought back until it is erased with the number."""

    __tablename__ = "number_notes"
    __table_args__ = (Index("ix_number_notes_phone", "phone", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    body: Mapped[str] = mapped_column(String(280))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str] = mapped_column(String(254))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
