"""Alerts: who is told, what is or was the matter, and who was told of what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.db import Base, BigId, UtcDateTime, utcnow
from dashboard.vocabulary import Severity


class AlertChannel(Base):
    """A way to tell people. Whoever holds it until `claimed_until` sends; nothing leaves before `next_at`."""

    __tablename__ = "alert_channels"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    label: Mapped[str] = mapped_column(String(254))  # the address, as far as everybody may see it
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # the address and a webhook's secret, encrypted
    severity: Mapped[str] = mapped_column(String(10), default=Severity.WARNING)  # the least that is told
    language: Mapped[str] = mapped_column(String(2))
    quiet_from: Mapped[str | None] = mapped_column(String(5))  # 22:00, in the gateway's time zone
    quiet_until: Mapped[str | None] = mapped_column(String(5))
    repeat_minutes: Mapped[int] = mapped_column(default=0)  # 0: told once
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    test_asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of the last message, arrived or not
    last_error: Mapped[str | None] = mapped_column(String(200))


class AlertIncident(Base):
    """A cause from when it was first seen until it was gone. `open_cause` is empty then, so that it may come again."""

    __tablename__ = "alert_incidents"
    __table_args__ = (Index("ix_alert_incidents_opened", "opened_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    cause: Mapped[str] = mapped_column(String(200))
    open_cause: Mapped[str | None] = mapped_column(String(200), unique=True)
    code: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(254))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(254))


class AlertNotice(Base):
    """A channel was told of an incident; `cleared_told_at`: also that it is over."""

    __tablename__ = "alert_notices"

    channel_id: Mapped[int] = mapped_column(ForeignKey("alert_channels.id", ondelete="CASCADE"), primary_key=True)
    incident_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("alert_incidents.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cleared_told_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
