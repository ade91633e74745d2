"""Campaigns: how they come about, and what people do to them. The relay feeds them to the outbox (`feeding`)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, joinedload

from dashboard.db import core_table, execute_dml, utcnow
from dashboard.driver import BulkInsert
from dashboard.gateway.campaigns import progress
from dashboard.gateway.messages import cancel as messages
from dashboard.gateway.webhooks import events
from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.models.messages import Message
from dashboard.sms import encoding
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import CampaignState

MOST_RECIPIENTS = 50_000
FASTEST = 1_000  # texts a second
CANCELLED, KEY_ENDED, TOO_OLD = "cancelled", "key_ended", "too_old"  # why one was cancelled
_CAMPAIGNS, _RECIPIENTS = core_table(Campaign), core_table(CampaignRecipient)
INSERT_RECIPIENTS = BulkInsert(
    _RECIPIENTS, "campaign_id", "phone", "body", "encoding", "segments", "message_id", "error_code", "created_at"
)


@dataclass(frozen=True)
class NewCampaign:
    """A campaign to be."""

    key_id: str
    name: str = ""
    pace: int | None = None
    is_urgent: bool = False
    invalid: int = 0
    created_by: str | None = None


@dataclass(frozen=True, slots=True)  # there are 50,000 of them
class Recipient:
    """One text of a campaign to be."""

    phone: str
    body: str
    encoding: str
    segments: int

    @classmethod
    def of(cls, phone: str, body: str, shape: Shape | None = None) -> Recipient:
        """`shape` is the text's, where it was measured before."""
        shape = shape or encoding.shape(body)
        return cls(phone, body, shape.encoding, shape.segments)


def create(session: Session, new: NewCampaign) -> tuple[int, str]:
    """A draft without recipients: its row id, and the id by which others know it. The caller commits."""
    row = {
        "uuid": str(uuid.uuid4()),
        "key_id": new.key_id,
        "name": new.name,
        "state": CampaignState.DRAFT,
        "pace": new.pace,
        "is_urgent": new.is_urgent,
        "total": 0,
        "invalid": new.invalid,
        "created_at": utcnow(),
        "created_by": new.created_by,
    }
    made = session.connection().execute(insert(_CAMPAIGNS).returning(_CAMPAIGNS.c.id), row)
    return made.scalar_one(), str(row["uuid"])


def add(session: Session, campaign_id: int, recipients: Sequence[Recipient]) -> None:
    """Give a draft more recipients. The caller commits."""
    now = utcnow()
    rows = [
        {
            "campaign_id": campaign_id,
            "phone": each.phone,
            "body": each.body,
            "encoding": each.encoding,
            "segments": each.segments,
            "message_id": None,
            "error_code": None,
            "created_at": now,
        }
        for each in recipients
    ]
    INSERT_RECIPIENTS.run(session.connection(), rows)


def start(
    session: Session, campaign_id: int, total: int, estimated_cost: int | None, at: datetime | None = None
) -> bool:
    """Let a draft run, now or at a time; False when it is no draft any more. The caller commits."""
    state = {"state": CampaignState.SCHEDULED, "scheduled_at": at}
    if at is None:
        state = {"state": CampaignState.RUNNING, "started_at": utcnow()}
    is_draft = (Campaign.id == campaign_id, Campaign.state == CampaignState.DRAFT)
    started = update(Campaign).where(*is_draft).values(total=total, estimated_cost=estimated_cost, **state)
    return bool(execute_dml(session, started))


def find(session: Session, reference: str) -> Campaign | None:
    """By the id that others know."""
    return session.scalar(select(Campaign).where(Campaign.uuid == reference))


def newest(session: Session, most: int = 50) -> list[Campaign]:
    """Those whose rows are all written down, with their keys."""
    made = select(Campaign).options(joinedload(Campaign.key)).where(Campaign.total > 0)
    return list(session.scalars(made.order_by(Campaign.id.desc()).limit(most)))


def pause(session: Session, campaign_id: int) -> bool:
    """Feed no more; False when it does not run. What has become a message goes its way. The caller commits."""
    return _move(session, campaign_id, (CampaignState.RUNNING,), CampaignState.PAUSED)


def resume(session: Session, campaign_id: int) -> bool:
    """Go on; False when it is not paused. The caller commits."""
    return _move(session, campaign_id, (CampaignState.PAUSED,), CampaignState.RUNNING)


def end(session: Session, campaign_id: int) -> bool:
    """Note that a campaign is done; return whether there are events for webhooks. The caller commits."""
    running = (Campaign.id == campaign_id, Campaign.state == CampaignState.RUNNING)
    done = update(Campaign).where(*running).values(state=CampaignState.DONE, ended_at=utcnow())
    return bool(execute_dml(session, done)) and tell_end(session, campaign_id)


def cancel(session: Session, campaign_id: int, reason: str = CANCELLED) -> tuple[bool, bool]:
    """End a campaign that has not ended: nothing more of it leaves but what a worker holds.

    Return whether it had not, and whether there are events for webhooks. The caller commits.
    """
    now = utcnow()
    open_one = (Campaign.id == campaign_id, Campaign.ended_at.is_(None))
    ended = update(Campaign).where(*open_one).values(state=CampaignState.CANCELLED, ended_at=now, ended_for=reason)
    if not execute_dml(session, ended):
        return False, False
    waiting = update(CampaignRecipient).where(CampaignRecipient.campaign_id == campaign_id, progress.WAITS)
    session.execute(waiting.values(error_code=reason, body=None), execution_options={"synchronize_session": False})
    in_lane = (
        select(Message.uuid)
        .join(CampaignRecipient, CampaignRecipient.message_id == Message.id)
        .where(CampaignRecipient.campaign_id == campaign_id, Message.due_at.is_not(None))
    )
    has_events = messages.cancel(session, list(session.scalars(in_lane))).has_events
    return True, tell_end(session, campaign_id) or has_events


def discard(session: Session, campaign_id: int, most: int) -> bool:
    """Delete up to `most` recipients of a draft, and with the last one the draft itself; return whether it is gone.

    The caller commits.
    """
    some = select(CampaignRecipient.id).where(CampaignRecipient.campaign_id == campaign_id).limit(most)
    count = execute_dml(session, delete(CampaignRecipient).where(CampaignRecipient.id.in_(some.scalar_subquery())))
    if count == most:
        return False
    session.execute(delete(Campaign).where(Campaign.id == campaign_id, Campaign.state == CampaignState.DRAFT))
    return True


def tell_end(session: Session, campaign_id: int) -> bool:
    """Write down the event that a campaign has ended; return whether a delivery is due. The caller commits."""
    campaign = session.get_one(Campaign, campaign_id, populate_existing=True)
    return events.record_of_key(session, campaign.key_id, events.BULK_COMPLETED, progress.described(session, campaign))


def _move(session: Session, campaign_id: int, before: Sequence[CampaignState], after: CampaignState) -> bool:
    moved = update(Campaign).where(Campaign.id == campaign_id, Campaign.state.in_(before)).values(state=after)
    return bool(execute_dml(session, moved))
