"""How far campaigns have come."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from dashboard.db import Executor, iso, utcnow
from dashboard.gateway import site_settings
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.messages import Message
from dashboard.vocabulary import CampaignState, Status

WAITS = and_(CampaignRecipient.message_id.is_(None), CampaignRecipient.error_code.is_(None))
IN_LANE = (Status.QUEUED, Status.SENDING)
LOST = (Status.FAILED, Status.EXPIRED)
# Why a row of a file gets no text, as is seen when the file is read.
DROPPED = (
    *("bad_number", "fixed_line", "duplicate", "opted_out", "consent_withdrawn", "no_consent", "bad_text", "too_long"),
)
COUNTED = ("messages", "skipped", "dropped")  # of Progress, once nothing waits
STATES = {CampaignState.RUNNING: "processing", CampaignState.DONE: "completed"}  # as the API calls them


@dataclass(frozen=True)
class Progress:
    """How many recipients wait, what became of the messages of the others, and why some got none."""

    waiting: int = 0
    messages: Counter[str] = field(default_factory=Counter)  # by Status
    skipped: Counter[str] = field(default_factory=Counter)  # by code
    dropped: Counter[str] = field(default_factory=Counter)  # by code: rows of the file that were left out at once

    def count(self, *states: Status) -> int:
        return sum(self.messages[state] for state in states)


def read(session: Session, campaign: Campaign) -> Progress:
    """As it stands, or stood before its messages were deleted."""
    if campaign.final_counts is not None:
        return Progress(0, *(Counter(campaign.final_counts[name]) for name in COUNTED))
    counted = (
        select(CampaignRecipient.error_code, Message.status, CampaignRecipient.line.is_not(None), func.count())
        .outerjoin(Message, Message.id == CampaignRecipient.message_id)
        .where(CampaignRecipient.campaign_id == campaign.id)
        .group_by(CampaignRecipient.error_code, Message.status, CampaignRecipient.line.is_not(None))
    )
    waiting, messages, skipped, dropped = 0, Counter[str](), Counter[str](), Counter[str]()
    for code, status, is_dropped, count in session.execute(counted):
        if status is not None:
            messages[status] += count
        elif code is not None and is_dropped:
            dropped[code] += count
        elif code is not None:
            skipped[code] += count
        else:
            waiting += count
    return Progress(waiting, messages, skipped, dropped)


def keep_counts(session: Session) -> bool:
    """Write down how one campaign ended whose messages are about to be deleted; return whether more may be left.

    Its messages are not deleted before (maintenance.retention). Of an ended one nothing waits. The caller commits.
    """
    days = site_settings.read(session).messages_days
    if days == 0:
        return False
    soon = utcnow() - timedelta(days=days) + timedelta(hours=1)
    ended = (Campaign.created_at < soon, Campaign.ended_at.is_not(None), Campaign.final_counts.is_(None))
    campaign = session.scalars(select(Campaign).where(*ended).limit(1)).first()
    if campaign is None:
        return False
    now = read(session, campaign)
    campaign.final_counts = {name: dict(getattr(now, name)) for name in COUNTED}
    return True


def is_fed(executor: Executor, campaign_id: int) -> bool:
    """Whether no recipient waits any more."""
    waiting = exists().where(CampaignRecipient.campaign_id == campaign_id, WAITS)
    return not executor.execute(select(waiting)).scalar()


def is_over(executor: Executor, campaign_id: int) -> bool:
    """Whether every message has left, or never will; those that are looked at first are the newest."""
    in_lane = (
        select(CampaignRecipient.id)
        .join(Message, Message.id == CampaignRecipient.message_id)
        .where(CampaignRecipient.campaign_id == campaign_id, Message.due_at.is_not(None))
        .order_by(CampaignRecipient.id.desc())
        .limit(1)
    )
    return executor.execute(in_lane).first() is None


def described(session: Session, campaign: Campaign) -> dict[str, Any]:
    """By the names of the API; never a text or a number."""
    now = read(session, campaign)
    return {
        "batchId": campaign.uuid,
        "status": STATES.get(CampaignState(campaign.state), campaign.state),
        "totalValid": campaign.total,
        "totalInvalid": campaign.invalid,
        "waiting": now.waiting,
        "queued": now.count(*IN_LANE),
        "sent": now.count(Status.SENT),
        "delivered": now.count(Status.DELIVERED),
        "failed": now.count(*LOST),
        "skipped": now.skipped.total(),
        "createdAt": iso(campaign.created_at),
        "completedAt": iso(campaign.ended_at),
    }
