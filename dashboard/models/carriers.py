"""Carriers, the routes to them, how they do, and what they said of texts that nobody could find."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, utcnow
from dashboard.models.api_keys import ApiKey

CARRIER_BOUNDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 10)  # seconds; what takes longer goes to one more bin


class Carrier(Base):
    """A carrier as an administrator set it up. Its name never changes: the log and references go by it.

    It is down from `down_since` on: until it is ready again, or, with `down_until`, until it is given a try.
    """

    __tablename__ = "carriers"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  an id names a lane and open lines: it never comes twice

    id: Mapped[int] = mapped_column(primary_key=True)  # 0 is the sandbox, which has no row
    name: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # its settings, encrypted
    label: Mapped[str | None] = mapped_column(String(60))  # what people call it, free and changeable
    hook: Mapped[str] = mapped_column(String(43), unique=True)  # the unguessable end of its callback address
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)  # grows with every change of the above
    down_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    down_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    down_code: Mapped[str | None] = mapped_column(String(40))
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a worker last had a session with it
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))

    routes: Mapped[list[Route]] = relationship(back_populates="carrier", cascade="all, delete-orphan")


class Route(Base):
    """One choice for what its subject covers: a channel, perhaps of one operator, perhaps of one key.

    Choices of the lowest position share the traffic by weight; the next position serves when they are down.
    """

    __tablename__ = "routes"
    __table_args__ = (Index("ix_routes_subject", "channel", "operator", "key_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))  # sms, whatsapp
    operator: Mapped[str | None] = mapped_column(String(1))  # first digit of the numbers; empty: all
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id"), index=True)
    position: Mapped[int]
    weight: Mapped[int] = mapped_column(default=1)
    sender: Mapped[str | None] = mapped_column(String(16))  # for keys that name none, where the carrier allows it

    carrier: Mapped[Carrier] = relationship(back_populates="routes")
    key: Mapped[ApiKey | None] = relationship()

    @staticmethod
    def subjects(channel: str, operator: str, key_id: str) -> tuple[tuple[str, str | None, str | None], ...]:
        """Of the rules that may cover a message, the subjects, the most specific first."""
        return (channel, operator, key_id), (channel, None, key_id), (channel, operator, None), (channel, None, None)


class CarrierConnection(Base):
    """A carrier as one worker has it; renewed every few seconds."""

    __tablename__ = "carrier_lines"

    process: Mapped[str] = mapped_column(String(80), primary_key=True)
    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))  # ready, opening, waiting, broken
    code: Mapped[str | None] = mapped_column(String(40))
    version: Mapped[int]
    under_way: Mapped[int]
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CarrierNotice(Base):
    """What a carrier's callbacks and reports say of the carrier itself, until it is over."""

    __tablename__ = "carrier_notices"

    carrier: Mapped[str] = mapped_column(String(40), primary_key=True)
    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CarrierBalance(Base):
    """What is left on our account with a carrier, as it said when it last answered; of one that can be asked alone."""

    __tablename__ = "carrier_balances"

    carrier_id: Mapped[int] = mapped_column(ForeignKey("carriers.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]  # of the carrier's settings that it was asked by
    amount: Mapped[int | None] = mapped_column(BigInteger)  # 1/10,000 of `unit`; empty: it never answered
    low: Mapped[int | None] = mapped_column(BigInteger)  # people are told when less is left
    unit: Mapped[str] = mapped_column(String(12), default="")
    known_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it said so
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    code: Mapped[str | None] = mapped_column(String(40))  # why it did not answer when it was last asked

    @property
    def is_low(self) -> bool:
        return self.amount is not None and self.low is not None and self.amount < self.low


class CarrierMinute(Base):
    """What a carrier answered in a minute; `times` counts its answers by CARRIER_BOUNDS, for shares of the slow."""

    __tablename__ = "carrier_minutes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    carrier: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken: Mapped[int]
    refused: Mapped[int]
    again: Mapped[int]  # surely not taken
    unknown: Mapped[int]
    times: Mapped[list[int]] = mapped_column(JSON)

    __table_args__ = (Index("ix_carrier_minutes", "carrier", "at"), Index("ix_carrier_minutes_at", "at"))
