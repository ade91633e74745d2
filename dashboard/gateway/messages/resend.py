"""Send texts again, as new messages that know which ones they repeat. Codes are never sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.db import lock
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.costs import reservations
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.messages import outbox, status
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.messages import Message, Resend
from dashboard.vocabulary import KeyMode, KeyState, Kind, Status

MOST_AT_ONCE = 200


class Obstacle(StrEnum):
    """Why a message is not sent again."""

    CODE = "code"
    TRIAL = "trial"  # it tested a carrier
    ON_ITS_WAY = "on_its_way"
    TEXT_GONE = "text_gone"
    KEY_ENDED = "key_ended"
    DONE = "done"  # it was sent again since the caller looked
    OPTED_OUT = "opted_out"  # the number wants no texts
    CAP = "cap"  # its key has sent what it may send in a day
    BUDGET = "budget"  # it would cost more than a budget has left


@dataclass
class Resent:
    """The ids of the new messages by those of the old ones, and why others were left out. All are uuids."""

    new: dict[str, str] = field(default_factory=dict)
    refused: dict[str, Obstacle] = field(default_factory=dict)
    lanes: set[str] = field(default_factory=set)  # to be woken after the commit


def obstacle(message: Message) -> Obstacle | None:
    """Why a message cannot be sent again; None when it can."""
    if message.kind != Kind.MESSAGE:
        return Obstacle.CODE
    if message.key_id == keys.OWN_ID:
        return Obstacle.TRIAL
    if message.status in (Status.QUEUED, Status.SENDING):
        return Obstacle.ON_ITS_WAY
    if message.body is None:
        return Obstacle.TEXT_GONE
    return Obstacle.KEY_ENDED if keys.state(message.key) is not KeyState.ACTIVE else None


def resend(session: Session, wanted: Mapping[int, int], by: str | None = None) -> Resent:
    """Write texts down once more, oldest first. The caller commits, then wakes the lanes.

    `wanted` tells, for each row id, how often it had been sent again when the caller last looked: what has been sent
    again since, as when a form comes twice, is left out. Past a key's daily cap or budget the newest are left out.
    """
    lock(session, *(f"resend:{row_id}" for row_id in sorted(wanted)))
    found = select(Message).where(Message.id.in_(wanted)).order_by(Message.id)
    messages = session.scalars(found.execution_options(populate_existing=True)).all()
    repeated = times(session, wanted)
    resent = Resent()
    allowed: list[Message] = []
    listed = opt_outs.among(session, {(message.key_id, message.phone) for message in messages})
    for message in messages:
        why_not = Obstacle.DONE if repeated[message.id] != wanted[message.id] else obstacle(message)
        if why_not is None and (message.key_id, message.phone) in listed:
            why_not = Obstacle.OPTED_OUT
        if why_not is None:
            allowed.append(message)
        else:
            resent.refused[message.uuid] = why_not
    left = _spend_caps(session, allowed)
    drafts: list[tuple[Message, Draft]] = []
    for message in allowed:
        left[message.key_id] -= 1
        if left[message.key_id] < 0:
            resent.refused[message.uuid] = Obstacle.CAP
        else:
            drafts.append((message, Draft.text(message.phone, message.body or "", message.channel)))
    for message, draft in _reserve(session, drafts, resent):
        row_id, reference = outbox.submit(session, authentication.Caller.from_row(message.key), draft)
        session.add(Resend(new_id=row_id, old_id=message.id, created_by=by))
        resent.new[message.uuid] = reference
        resent.lanes.add(message.channel)
    return resent


def _spend_caps(session: Session, messages: Sequence[Message]) -> dict[str, int]:
    """How many each key may send of what it is wanted to, counted as sent."""
    wanted = Counter(message.key_id for message in messages)
    callers = {message.key_id: authentication.Caller.from_row(message.key) for message in messages}
    return {
        key_id: quotas.spend_cap_upto(session, callers[key_id], Kind.MESSAGE, wanted[key_id])
        for key_id in sorted(wanted)  # in one order, so that no two transactions wait for each other's keys
    }


def _reserve(session: Session, drafts: list[tuple[Message, Draft]], resent: Resent) -> list[tuple[Message, Draft]]:
    """Those that budgets have room for, with what they count; the others are refused."""
    live = [(message, draft) for message, draft in drafts if message.key.mode == KeyMode.LIVE]
    wanted = [
        Wanted(message.key_id, Kind.MESSAGE, [Text(draft.channel, draft.phone, draft.shape.segments)])
        for message, draft in live
    ]
    granted = dict(zip((message.uuid for message, _ in live), reservations.reserve(session, wanted), strict=True))
    kept = []
    for message, draft in drafts:
        grant = granted.get(message.uuid)
        if grant is not None and grant.refusal is not None:
            resent.refused[message.uuid] = Obstacle.BUDGET
            quotas.give_back(session, message.key_id, Kind.MESSAGE, 1)
        else:
            kept.append((message, replace(draft, reserved=grant.costs[0]) if grant else draft))
    return kept


def times(session: Session, ids: Collection[int]) -> Counter[int]:
    """How often messages were sent again, by row id."""
    counted = select(Resend.old_id, func.count()).where(Resend.old_id.in_(ids)).group_by(Resend.old_id)
    return Counter({row[0]: row[1] for row in session.execute(counted)})


def original(session: Session, message: Message) -> Message | None:
    """The message that this one repeats."""
    old_id = session.scalar(select(Resend.old_id).where(Resend.new_id == message.id))
    return status.by_ids(session, [old_id])[0] if old_id is not None else None


def repeats(session: Session, message: Message) -> list[Message]:
    """The messages that repeat this one, oldest first."""
    ids = session.scalars(select(Resend.new_id).where(Resend.old_id == message.id)).all()
    return sorted(status.by_ids(session, ids), key=lambda row: row.id)
