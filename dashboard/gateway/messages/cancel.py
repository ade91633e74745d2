"""Take texts back that still wait. What a worker holds, or a carrier has taken, goes its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.gateway.api_keys import keys, quotas
from dashboard.gateway.webhooks import events
from dashboard.models.messages import Message
from dashboard.vocabulary import Kind, Status

CODE = "cancelled"  # what such a message's error_code says
_MESSAGES = core_table(Message)


@dataclass(frozen=True)
class Cancelled:
    """The ids of the messages that were taken back, and whether there are events for webhooks."""

    uuids: list[str]
    has_events: bool


def is_possible(message: Message) -> bool:
    """Whether `cancel` would close it, as it stands."""
    waits = message.due_at is not None and message.claim is None
    return waits and message.kind == Kind.MESSAGE and message.key_id != keys.OWN_ID


def cancel(session: Session, uuids: Collection[str]) -> Cancelled:
    """Close texts that wait and that nobody has claimed: they are `expired`, and say that they were cancelled.

    What was counted against a key's cap today is given back, unless the text may have reached the phone. Codes and
    tests of a carrier stay as they are. The caller commits, then wakes the lane of webhooks.
    """
    now = utcnow()
    waits = (
        select(_MESSAGES.c.id)
        .where(
            _MESSAGES.c.uuid.in_(uuids),
            _MESSAGES.c.kind == Kind.MESSAGE.value,
            _MESSAGES.c.key_id != keys.OWN_ID,
            _MESSAGES.c.due_at.is_not(None),
            _MESSAGES.c.claim.is_(None),
        )
        .order_by(_MESSAGES.c.id)  # in one order: two who lock the same rows never wait for each other in a circle
        .with_for_update()
    )
    closing = (
        update(_MESSAGES)
        .where(_MESSAGES.c.id.in_(waits.scalar_subquery()))
        .values(status=Status.EXPIRED.value, expired_at=now, due_at=None, error_code=CODE)
        .returning(*(_MESSAGES.c[name] for name in ("id", "uuid", "key_id", "created_at", "unknowns")))
    )
    rows = session.connection().execute(closing).all()
    unsent = Counter(row.key_id for row in rows if not row.unknowns and row.created_at.date() == now.date())
    for key_id in sorted(unsent):
        quotas.give_back(session, key_id, Kind.MESSAGE, unsent[key_id])
    have_events = [events.record(session, row.key_id, row.id, "message.expired") for row in rows]
    return Cancelled([row.uuid for row in rows], any(have_events))
