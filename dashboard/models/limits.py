"""Overrides of the rate limits, what the limits refused, wrong codes, and ranges where pumping is suspected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey
from dashboard.sms.emails import LONGEST_STORED

UNLIMITED = -1


class LimitOverride(Base):
    """For a key, a phone, or a phone on a key. A window is a number, UNLIMITED, or empty: inherited."""

    __tablename__ = "limit_overrides"
    __table_args__ = (
        CheckConstraint("key_id IS NOT NULL OR phone IS NOT NULL", name="ck_limit_overrides_subject"),
        Index("ix_limit_overrides_subject", "phone", "key_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    phone: Mapped[str | None] = mapped_column(String(LONGEST_STORED))
    minute: Mapped[int | None]
    hour: Mapped[int | None]
    day: Mapped[int | None]
    reason: Mapped[str] = mapped_column(String(200), default="")
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    last_hit_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    key: Mapped[ApiKey | None] = relationship()


class LimitRejection(Base):
    """Codes that were asked for and refused: one row a pair, channel, window and slot of time, counted up."""

    __tablename__ = "refusals"
    __table_args__ = (
        Index("ix_refusals_slot", "key_id", "phone", "channel", "window", "slot", unique=True),
        Index("ix_refusals_phone", "phone", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    channel: Mapped[str] = mapped_column(String(8))
    window: Mapped[str] = mapped_column(String(6))  # minute, hour, day; cap: the key's of a day; range: pumping
    slot: Mapped[int]  # number of the slot since 1970; its length hangs on the window
    quota: Mapped[int]  # the limit that was full
    times: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # the last one

    key: Mapped[ApiKey] = relationship()


class WrongGuess(Base):
    """A wrong code that was typed in for a live key.

    It counts in a row until a right one, or somebody of the team, clears it. `phone` is empty once it was lifted.
    """

    __tablename__ = "wrong_guesses"
    __table_args__ = (
        Index("ix_wrong_guesses_phone", "phone", "at"),
        Index("ix_wrong_guesses_uncleared", "phone", **partial("cleared_at IS NULL")),
        Index("ix_wrong_guesses_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str] = mapped_column(String(LONGEST_STORED))
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PumpedRange(Base):
    """A thousand numbers of a key to which many codes went that few people typed in, and what is done about it.

    The counts are those that led to the step. After `until` the row only tells what was.
    """

    __tablename__ = "pumped_ranges"
    __table_args__ = (
        Index("ix_pumped_ranges_subject", "key_id", "digits", "until"),
        Index("ix_pumped_ranges_until", "until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    digits: Mapped[str] = mapped_column(String(9))  # +22238089 of +22238089000 to +22238089999
    step: Mapped[str] = mapped_column(String(8))
    sent: Mapped[int]
    verified: Mapped[int]
    numbers: Mapped[int]  # that differ
    is_sequential: Mapped[bool]
    refused: Mapped[int]  # tries while it was slowed
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of the next code, while it is slowed
    until: Mapped[datetime] = mapped_column(UtcDateTime)

    key: Mapped[ApiKey] = relationship()
