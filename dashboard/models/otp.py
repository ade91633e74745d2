"""One-time codes: what is needed to derive and to judge them, never the code."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.sms.emails import LONGEST_STORED

UNTALLIED_OTPS = "tallied IS NULL AND (verified_at IS NOT NULL OR attempts >= 3)"  # judged for good and not counted yet


class Otp(Base):
    """A code for one key, phone and channel; the one that is not superseded is current.

    It is live until it is verified, superseded, void, expired, or tried three times.
    """

    __tablename__ = "otps"
    __table_args__ = (
        Index("ix_otps_pair", "key_id", "phone", "created_at"),
        Index("ix_otps_current", "key_id", "phone", "channel", unique=True, **partial("superseded_at IS NULL")),
        Index("ix_otps_phone", "phone", "created_at"),
        Index("ix_otps_untallied", "id", **partial(UNTALLIED_OTPS)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), unique=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    channel: Mapped[str] = mapped_column(String(8))  # a CodeChannel
    language: Mapped[str] = mapped_column(String(2))
    app_hash: Mapped[str | None] = mapped_column(String(11))
    wording_id: Mapped[int | None] = mapped_column(ForeignKey("otp_wordings.id"))  # empty: the built-in wording
    brand: Mapped[str | None] = mapped_column(String(40))  # of the key, then; empty: the wording's own
    nonce: Mapped[bytes] = mapped_column(LargeBinary(16))  # never leaves the server
    kid: Mapped[str] = mapped_column(String(8))  # which secret derives it
    attempts: Mapped[int] = mapped_column(default=0)
    counted: Mapped[bool] = mapped_column(default=True)  # against the rate limits
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    void_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tallied: Mapped[bool | None]  # whether its end is counted in the roll-ups
    fixed_offset: Mapped[int | None]  # of a review number: what makes the derived code the fixed one

    message: Mapped[Message] = relationship()
    wording: Mapped[OtpTemplate | None] = relationship()


class OtpTemplate(Base):
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


class ReviewNumber(Base):
    """A number whose codes of one key are fixed and never sent, for whoever reviews an app. Rows stay as a record.

    It is in force until it is removed or has ended.
    """

    __tablename__ = "review_numbers"
    __table_args__ = (Index("ix_review_numbers_pair", "key_id", "phone", unique=True, **partial("removed_at IS NULL")),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    phone: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # the code, encrypted
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by: Mapped[str | None] = mapped_column(String(254))
