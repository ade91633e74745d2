"""What texts cost: prices, what each text cost when its carrier took it, and what a day cost.

Money is whole numbers of 1/10,000 MRU: operators quote a text in hundredths of an ouguiya, WhatsApp in hundredths of a
cent, and 64 bits hold 900 million million of them.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.vocabulary import BudgetAction

UNTALLIED_CHARGES = "tallied IS NULL OR tallied <> is_failed"
COUNTS = ("messages", "segments", "failed_segments", "ucs2_segments", "wasted_segments", "unpriced_segments")
MONEY = ("cost", "failed_cost", "wasted_cost", "refunded")


class Price(Base):
    """What a carrier asks for one segment to one operator, or to all where `operator` is empty, from a day (UTC) on."""

    __tablename__ = "prices"
    __table_args__ = (Index("ix_prices_subject", "carrier", "channel", "operator", "from_day", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    carrier: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(8))
    operator: Mapped[str] = mapped_column(String(1))  # first digit of its numbers
    from_day: Mapped[date] = mapped_column(Date)
    amount: Mapped[int] = mapped_column(BigInteger)  # 1/10,000 MRU a segment
    is_refunded: Mapped[bool] = mapped_column(default=False)  # what fails after it was taken
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))


class Charge(Base):
    """A text that a carrier took, and what it cost by the price of that moment; nothing but `is_failed` changes.

    A code that goes by SMS after WhatsApp failed has two.
    """

    __tablename__ = "charges"
    __table_args__ = (
        Index("ix_charges_message", "message_id"),
        Index("ix_charges_untallied", "id", **partial(UNTALLIED_CHARGES)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(BigInteger)  # no foreign key: what was paid outlives what it was paid for
    key_id: Mapped[str] = mapped_column(String(36))
    carrier: Mapped[str] = mapped_column(String(40))
    operator: Mapped[str] = mapped_column(String(1))
    channel: Mapped[str] = mapped_column(String(8))  # that it travelled by
    segments: Mapped[int]
    is_ucs2: Mapped[bool]
    wasted: Mapped[int]  # segments that other letters would have saved
    cost: Mapped[int | None] = mapped_column(BigInteger)  # 1/10,000 MRU; empty where no price was known
    is_refunded: Mapped[bool]  # whether its carrier gives it back when it fails
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    is_failed: Mapped[bool] = mapped_column(default=False)
    tallied: Mapped[bool | None]  # as failed or not, as last counted in the days


class DailyCost(Base):
    """What the texts cost that carriers took on a day (UTC), for good. Money is 1/10,000 MRU.

    `cost` is what is paid: `failed_cost` and `wasted_cost` are parts of it, `refunded` is not.
    """

    __table__ = Table(
        "daily_costs",
        Base.metadata,
        Column("day", Date, primary_key=True),
        Column("key_id", String(36), primary_key=True),
        Column("channel", String(8), primary_key=True),
        Column("operator", String(1), primary_key=True),
        Column("carrier", String(40), primary_key=True),
        *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTS),
        *(Column(name, BigInteger, nullable=False, server_default="0") for name in MONEY),
        sqlite_with_rowid=False,
    )


class Budget(Base):
    """What the texts of a key, or of all keys together, may cost in a day or a month of the time zone it was set in."""

    __tablename__ = "budgets"
    __table_args__ = (Index("ix_budgets_subject", "key_id", "period", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(String(36))  # empty: all keys together; no foreign key for that
    period: Mapped[str] = mapped_column(String(5))  # day, month
    amount: Mapped[int] = mapped_column(BigInteger)  # 1/10,000 MRU
    action: Mapped[str] = mapped_column(String(4), default=BudgetAction.STOP)
    per_minute: Mapped[int] = mapped_column(default=60)  # messages, when it slows them
    exempts_codes: Mapped[bool] = mapped_column(default=True)  # they count, and are never refused
    timezone: Mapped[str] = mapped_column(String(40))
    settles_from: Mapped[datetime] = mapped_column(UtcDateTime)  # messages accepted before count as they were expected
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))


class BudgetUse(Base):
    """What is counted against a budget in the day or month that began on a day: what messages cost, else will cost."""

    __tablename__ = "budget_uses"

    budget_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # no foreign key: see reservations
    starts_on: Mapped[date] = mapped_column(Date, primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger)
    slow_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last minute in which it let messages pass
    slow_count: Mapped[int] = mapped_column(default=0, server_default="0")  # how many of them
