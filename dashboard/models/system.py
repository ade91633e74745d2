"""Signs of life of the processes behind the web server, settings made in the dashboard, and how far tidying got."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, UtcDateTime, utcnow


class Process(Base):
    """A worker or relay; `beat_at` is renewed every few seconds."""

    __tablename__ = "processes"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)  # host and process id
    role: Mapped[str] = mapped_column(String(20))  # relay, or the lane of a worker
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Setting(Base):
    """A setting that an owner made in the dashboard; those never made have no row."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    changed_by: Mapped[str | None] = mapped_column(String(254))


class Tidied(Base):
    """What was deleted of one kind of data since the beginning, and how far along its table that got."""

    __tablename__ = "tidied"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)  # texts, numbers, sandbox, refusals
    mark: Mapped[int] = mapped_column(BigInteger, default=0)  # ids up to here are done
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    last: Mapped[int] = mapped_column(default=0)  # how many went the last time that any did
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
