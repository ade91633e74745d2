"""Numbers that want no texts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey


class OptOut(Base):
    """A number that gets no texts: of one key, or of none where `key_id` is empty. Codes still go."""

    __tablename__ = "opt_outs"
    __table_args__ = (
        Index("ix_opt_outs_house", "phone", unique=True, **partial("key_id IS NULL")),
        Index("ix_opt_outs_key", "phone", "key_id", unique=True, **partial("key_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str] = mapped_column(String(12))
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    word: Mapped[str | None] = mapped_column(String(40))  # that the person wrote; empty where one of the team added it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))

    key: Mapped[ApiKey | None] = relationship()
