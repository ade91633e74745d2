"""Take due messages under a lease, with all that sending them takes."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import Sessions, read_session
from dashboard.gateway import pauses
from dashboard.gateway.delivery import attempts
from dashboard.gateway.delivery.decisions import Claimed
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.otp import channel_order, templates
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.vocabulary import Channel, Kind

LARGEST_BATCH = 500


def claim(
    sessions: Sessions,
    lane: str,
    limit: int,
    *,
    carrier_id: int | None = None,
    retries: int | None = None,
    priorities: Collection[int] = outbox.PRIORITIES,
) -> list[Claimed]:
    """As `outbox.claim`; codes come with their rows, messages that were tried before with what was tried in vain.

    Nothing is taken from a lane that is paused.
    """
    with sessions() as session:
        if lane in pauses.paused(session):
            return []
        limit = min(limit, LARGEST_BATCH)
        messages = outbox.claim(session, lane, limit, carrier_id=carrier_id, retries=retries, priorities=priorities)
    codes = channel_order.codes_of(message for message in messages if message.kind == Kind.OTP)
    tried = [message.id for message in messages if message.attempts > 1]
    if not codes and not tried:
        return [Claimed(message) for message in messages]
    with read_session(sessions) as session:
        otps = templates.otps_of(session, set(codes.values()))
        uuids = _uuids(session, {message.step_of for message in messages if message.step_of is not None})
        histories = attempts.histories(session, tried)
        fallbacks = _falling_back(session, messages)
        session.expunge_all()
    return [
        Claimed(
            message,
            otps.get(codes.get(message.id, 0)),
            histories.get(message.id, attempts.NONE),
            message.step is None and message.key_id in fallbacks,
            uuids.get(message.step_of or 0, ""),
        )
        for message in messages
    ]


def _uuids(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Of the messages that later steps of a code follow: the code is derived from them."""
    if not ids:
        return {}
    rows = session.execute(select(Message.id, Message.uuid).where(Message.id.in_(ids)))
    return {row.id: row.uuid for row in rows}


def _falling_back(session: Session, messages: Collection[ClaimedMessage]) -> set[str]:
    """The keys of these messages whose WhatsApp codes go by SMS when they cannot go by WhatsApp."""
    keys = {message.key_id for message in messages if message.lane == Channel.WHATSAPP and message.kind == Kind.OTP}
    if not keys:
        return set()
    return set(session.scalars(select(ApiKey.id).where(ApiKey.id.in_(keys), ApiKey.sms_fallback)))
