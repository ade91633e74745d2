"""Rows of a campaign's files: what was left out at once, and what became of the rest."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import iso
from dashboard.models.campaigns import CampaignRecipient
from dashboard.models.messages import Message

BATCH = 1_000  # rows that are read at a time


def dropped(session: Session, campaign_id: int) -> Iterator[tuple[str, ...]]:
    """Line, number and reason of each row of the file that gets no text, after a head."""
    yield "line", "phone", "reason"
    columns = (CampaignRecipient.line, CampaignRecipient.phone, CampaignRecipient.error_code)
    left_out = (CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.line.is_not(None))
    rows = session.execute(select(*columns).where(*left_out).order_by(CampaignRecipient.id))
    for line, phone, code in rows.yield_per(BATCH):
        yield str(line), phone.removeprefix("+"), code or ""


def outcomes(session: Session, campaign_id: int) -> Iterator[tuple[str, ...]]:
    """Number, state, segments, reason and times of each text, after a head."""
    yield "phone", "status", "segments", "reason", "sent", "delivered", "messageId"
    told = (Message.status, Message.error_code, Message.sent_at, Message.delivered_at, Message.uuid)
    rows = (
        select(CampaignRecipient.phone, CampaignRecipient.segments, CampaignRecipient.error_code, *told)
        .outerjoin(Message, Message.id == CampaignRecipient.message_id)
        .where(CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.line.is_(None))
        .order_by(CampaignRecipient.id)
    )
    for phone, segments, skipped, status, code, sent_at, delivered_at, uuid in session.execute(rows).yield_per(BATCH):
        state = status or ("skipped" if skipped else "waiting")
        times = (iso(sent_at) or "", iso(delivered_at) or "")
        yield phone.removeprefix("+"), state, str(segments), skipped or code or "", *times, uuid or ""
