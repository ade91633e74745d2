"""Campaigns: texts to many numbers, which become ordinary messages little by little."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from dashboard.db import Base, BigId, UtcDateTime, partial, utcnow
from dashboard.models.api_keys import ApiKey

WAITING = "message_id IS NULL AND error_code IS NULL"
UNENDED = "ended_at IS NULL"


class Campaign(Base):
    """`total` texts under a key's name, and `invalid` rows that came with them and were never taken."""

    __tablename__ = "campaigns"
    __table_args__ = (
        Index("ix_campaigns_key", "key_id", "id"),
        Index("ix_campaigns_unended", "state", "id", **partial(UNENDED)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    name: Mapped[str] = mapped_column(String(80), default="")
    state: Mapped[str] = mapped_column(String(9))  # a CampaignState
    pace: Mapped[int | None]  # texts a second at the most; empty: as many as the carriers take
    is_urgent: Mapped[bool] = mapped_column(default=False)  # it goes on in quiet hours
    total: Mapped[int] = mapped_column(default=0)
    invalid: Mapped[int] = mapped_column(default=0)
    estimated_cost: Mapped[int | None] = mapped_column(BigInteger)  # 1/10,000 MRU; empty where a price is missing
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    created_by: Mapped[str | None] = mapped_column(String(254))  # empty: its key, over the API
    text: Mapped[str | None] = mapped_column(Text)  # as somebody wrote it, with columns in braces
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when a second person was asked to approve it
    approved_by: Mapped[str | None] = mapped_column(String(254))
    scheduled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # up to when its pace is used up
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_for: Mapped[str | None] = mapped_column(String(20))  # why it was cancelled
    final_counts: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # its Progress, before its messages are deleted

    key: Mapped[ApiKey] = relationship()


class CampaignRecipient(Base):
    """One text of a campaign. It waits until it has become a message, or has an `error_code` that says why it never
    does; then its text is no longer kept here.
    """

    __tablename__ = "campaign_recipients"
    __table_args__ = (
        Index("ix_campaign_recipients_campaign", "campaign_id", "id"),
        Index("ix_campaign_recipients_waiting", "campaign_id", "id", **partial(WAITING)),
        Index("ix_campaign_recipients_phone", "phone"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigId, ForeignKey("campaigns.id"))
    phone: Mapped[str] = mapped_column(String(12))  # +222XXXXXXXX
    body: Mapped[str | None] = mapped_column(Text)
    encoding: Mapped[str] = mapped_column(String(5))  # gsm7, ucs2
    segments: Mapped[int]
    message_id: Mapped[int | None] = mapped_column(BigInteger)  # written in the transaction that makes the message
    error_code: Mapped[str | None] = mapped_column(String(40))
    line: Mapped[int | None]  # of the file, where it was left out from the start
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
