"""Processes that are alive."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, UtcDateTime


class Process(Base):
    """A worker or relay; `beat_at` is renewed every few seconds."""

    __tablename__ = "processes"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)  # host and process id
    role: Mapped[str] = mapped_column(String(20))  # relay, or the lane of a worker
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)
