"""The wording of one-time codes as administrators wrote it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, UtcDateTime, utcnow
from dashboard.models.keys import ApiKey


class OtpWording(Base):
    """A version of the wording for a key and language; rows are never changed, the newest is in force.

    Without a key it is for all keys. Without a body it gives way: to the wording for all keys, then to the built-in.
    """

    __tablename__ = "otp_wordings"
    __table_args__ = (Index("ix_otp_wordings_subject", "key_id", "language", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    language: Mapped[str] = mapped_column(String(2))
    body: Mapped[str | None] = mapped_column(Text)  # with {code}, perhaps {minutes} and {brand}
    brand: Mapped[str] = mapped_column(String(40), default="")  # kept here, so that a version always reads the same
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))

    key: Mapped[ApiKey | None] = relationship()
