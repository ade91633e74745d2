"""Processes that are alive, and times in which none was."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime


class Process(Base):
    """A worker or relay; `beat_at` is renewed every few seconds."""

    __tablename__ = "processes"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)  # host and process id
    role: Mapped[str] = mapped_column(String(20))  # relay, or the lane of a worker
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    pid_space: Mapped[str | None] = mapped_column(String(40))  # processes of the same one see each other's ids


class Outage(Base):
    """A time in which nothing ran that nobody asked for: from the last sign of life to the next start."""

    __tablename__ = "outages"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime, unique=True)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    clock_off: Mapped[int] = mapped_column(default=0)  # seconds that the clock was behind at the start
    waiting: Mapped[int]  # accepted and not settled when it began
    in_hand: Mapped[list[int]] = mapped_column(JSON)  # messages that workers held: a carrier may have taken them
    in_hand_count: Mapped[int]
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[str | None] = mapped_column(String(200))  # what the check of the database found; empty: nothing
    lost: Mapped[int | None]  # messages that were answered for and are not there

    @property
    def length(self) -> timedelta:
        """How long nothing ran; nothing where the clock was wrong by more."""
        return max(self.ended_at - self.began_at, timedelta(0))
