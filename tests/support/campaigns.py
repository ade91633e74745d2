"""Campaigns and what became of them, for tests."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from dashboard.db import Sessions
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import campaigns, progress
from dashboard.gateway.campaigns.campaigns import NewCampaign, Recipient
from dashboard.gateway.campaigns.progress import Progress
from dashboard.gateway.messages import outbox
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.messages import Message


def phones(count: int, first: int = 30_000_000) -> list[str]:
    return [f"+222{first + place}" for place in range(count)]


def run(sessions: Sessions, caller: Caller, numbers: list[str], at: datetime | None = None, **more: Any) -> int:
    """A campaign to these numbers that runs, or will at its time; returns its row id."""
    with sessions.begin() as session:
        campaign_id, _ = campaigns.create(session, NewCampaign(caller.id, **more))
        texts = [(phone, f"Bonjour {phone[-3:]}") for phone in numbers]
        campaigns.add(session, campaign_id, [Recipient.of(phone, text) for phone, text in texts])
        assert campaigns.start(session, campaign_id, len(numbers), None, at)
    return campaign_id


def read(sessions: Sessions, campaign_id: int) -> tuple[str, Progress]:
    """Its state, and how far it has come."""
    with sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        return campaign.state, progress.read(session, campaign)


def messages(sessions: Sessions) -> Counter[str]:
    """How many messages each number has."""
    with sessions() as session:
        return Counter(session.scalars(select(Message.phone)))


def texts(sessions: Sessions, campaign_id: int) -> list[str | None]:
    """What is still kept of its texts, beside its messages."""
    with sessions() as session:
        rows = select(CampaignRecipient.body).where(CampaignRecipient.campaign_id == campaign_id)
        return list(session.scalars(rows.order_by(CampaignRecipient.id)))


def let_leave(sessions: Sessions, most: int = 10_000) -> int:
    """Have a carrier take so many of the texts of campaigns that wait; return how many it took."""
    with sessions.begin() as session:
        waiting = select(Message.id).where(Message.due_at.is_not(None), Message.priority == outbox.BULK)
        ids = list(session.scalars(waiting.order_by(Message.id).limit(most)))
        session.execute(update(Message).where(Message.id.in_(ids)).values(status="delivered", due_at=None))
        return len(ids)
