"""API keys, their secrets, what each key sent on a day, and who used it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, Date, ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow

FROM_APP = "from_app"


class ApiKey(Base):
    """Who may call the API. Limits and codes belong to the key, not to one of its secrets."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    mode: Mapped[str] = mapped_column(String(4))  # live, test
    scopes: Mapped[list[str]] = mapped_column(JSON)  # send, otp, read
    networks: Mapped[list[str]] = mapped_column(JSON, default=list)  # CIDR; empty: from anywhere
    message_cap: Mapped[int | None]  # messages a day (UTC); empty: no cap
    otp_cap: Mapped[int | None]
    brand: Mapped[str | None] = mapped_column(String(40))  # stands for {brand} in the wording for all keys
    sender: Mapped[str | None] = mapped_column(String(16))  # what its texts show, where the carrier allows it
    sms_fallback: Mapped[bool] = mapped_column(default=False, server_default=false())  # for WhatsApp codes
    channel_order: Mapped[str | None] = mapped_column(String(40))  # see gateway/otp/channel_order.py
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    secrets: Mapped[list[KeySecret]] = relationship(back_populates="key", order_by="KeySecret.id")


class KeySecret(Base):
    """One secret of a key: its SHA-256, never itself. A rotated one lives on until `expires_at`."""

    __tablename__ = "key_secrets"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    hint: Mapped[str] = mapped_column(String(20))  # prefix and last four
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    key: Mapped[ApiKey] = relationship(back_populates="secrets")


class KeyDay(Base):
    """What a capped key sent on one day (UTC); the row is the counter that the cap is held against."""

    __tablename__ = "key_days"

    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)  # message, otp
    used: Mapped[int]


class KeyCaller(Base):
    """An address and a user agent that used a key on one day (UTC), as often as it may be."""

    __tablename__ = "key_callers"
    __table_args__ = (
        Index("ix_key_callers_seen", "key_id", "day", "address", "agent", unique=True),
        Index("ix_key_callers_apps", "day", "key_id", "address", **partial(FROM_APP)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    day: Mapped[date] = mapped_column(Date)
    address: Mapped[str] = mapped_column(String(45))
    agent: Mapped[str] = mapped_column(String(120))  # its beginning; text from outside
    from_app: Mapped[bool]  # the agent is one of phones and browsers, where a key does not belong
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
