"""Doors: calls of other services' clients that an API key takes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey


class Door(Base):
    """A dialect that a key takes until the door is closed. Its reference stands in its address and is no secret."""

    __tablename__ = "doors"
    __table_args__ = (Index("ix_doors_open", "key_id", "dialect", unique=True, **partial("closed_at IS NULL")),)

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(36), unique=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    dialect: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # what its calls are signed with, encrypted, while open
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    opened_by: Mapped[str | None] = mapped_column(String(254))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(String(254))

    key: Mapped[ApiKey] = relationship()
