"""How far the deletion of old rows has come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, UtcDateTime


class RetentionProgress(Base):
    """What was deleted of one kind of data since the beginning, and how far along its table that got."""

    __tablename__ = "tidied"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)  # of retention.KINDS
    mark: Mapped[int] = mapped_column(BigInteger, default=0)  # ids up to here are done
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    last: Mapped[int] = mapped_column(default=0)  # how many went the last time that any did
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
