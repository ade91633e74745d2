"""The outbox: the message row is the only truth about a message that waits, travels or has arrived.

A row is due when `due_at` has passed. A claim moves `due_at` to the end of its lease and leaves a token; only the
holder of the token may settle the row. A worker that dies leaves a row that falls due by itself.

A row waits in the lane of its channel for whichever carrier its route names, or parked, in a lane that belongs to one
carrier: `sms@7`. Lane 0 is the sandbox's, where the messages of test keys wait from the beginning.
"""

from __future__ import annotations

import random
import secrets
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import Executor, UtcDateTime, core_table, execute_dml, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import OWN_ID
from dashboard.gateway.webhooks import events
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome
from dashboard.sms import encoding

LEASE = timedelta(seconds=30)  # a carrier answers within 10 s, the rest is margin
LONGEST_BACKOFF = timedelta(seconds=300)
HORIZON = LONGEST_BACKOFF * 1.2 + LEASE  # nothing is put off further; jitter is in it
UNKNOWN_WAIT = timedelta(seconds=15)  # for a receipt, when a carrier has perhaps taken a text
VALIDITY = {"otp": timedelta(seconds=600), "message": timedelta(hours=24)}
PRIORITY = {"otp": 0, "message": 1}
LANES = ("sms", "whatsapp")
SANDBOX_ID = 0  # as a carrier
UNSYNCHRONIZED = {"synchronize_session": False}
# Built once: building them costs more than running them.
_MESSAGES = core_table(Message)
INSERT_ALL = insert(_MESSAGES)
INSERT = INSERT_ALL.returning(_MESSAGES.c.id)
_OUTCOME = ("status", "carrier", "carrier_ref", "confirmed_by", "sent_at", "delivered_at", "failed_at", "expired_at")
RELEASE = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("row_id"), _MESSAGES.c.claim == bindparam("token"))
    .values(
        claim=None,
        due_at=bindparam("due", type_=UtcDateTime),
        error_code=bindparam("error"),
        attempts=_MESSAGES.c.attempts - bindparam("untried", type_=Integer),
        unknowns=_MESSAGES.c.unknowns + bindparam("unknown", type_=Integer),
        lane=func.coalesce(bindparam("new_lane", type_=_MESSAGES.c.lane.type), _MESSAGES.c.lane),
        **{
            name: func.coalesce(bindparam(f"new_{name}", type_=_MESSAGES.c[name].type), _MESSAGES.c[name])
            for name in _OUTCOME
        },
    )
)
HAS_DUE = (
    select(_MESSAGES.c.id)
    .where(
        _MESSAGES.c.lane == bindparam("in_lane"),
        or_(_MESSAGES.c.due_at <= bindparam("now"), _MESSAGES.c.due_at > bindparam("horizon")),
    )
    .limit(1)
)


@dataclass(frozen=True)
class Draft:
    """A message to be: `body` is None for a code, whose text is made when it is sent; `sample` gives its size."""

    kind: str
    channel: str
    phone: str
    body: str | None
    sample: str


def lane_of(channel: str, carrier_id: int) -> str:
    """Where messages wait for one carrier alone."""
    return f"{channel}@{carrier_id}"


def across(lane: str, channel: str) -> str:
    """The lane of another channel for a message of this one: what is the sandbox's stays the sandbox's."""
    return lane_of(channel, SANDBOX_ID) if lane == lane_of(base(lane), SANDBOX_ID) else channel


def base(lane: str) -> str:
    """The lane of a channel, which a parked message's lane begins with."""
    return lane.partition("@")[0]


def submit(session: Session, caller: Caller, draft: Draft) -> tuple[int, str]:
    """Write a message down as due now; return its row id and its uuid. The caller commits, then rings."""
    row = _row(caller, draft, utcnow())
    return session.connection().execute(INSERT, row).scalar_one(), row["uuid"]


def submit_all(session: Session, drafts: Iterable[tuple[Caller, Draft]]) -> list[str]:
    """Write messages down as due now; return their uuids in the same order. The caller commits, then rings."""
    now = utcnow()
    rows = [_row(caller, draft, now) for caller, draft in drafts]
    if rows:
        session.connection().execute(INSERT_ALL, rows)
    return [row["uuid"] for row in rows]


def claim(session: Session, lane: str, limit: int) -> list[Message]:
    """Take up to `limit` due rows of a lane, codes first, under a lease; commits. The rows come back detached."""
    now, token = utcnow(), secrets.token_hex(16)
    due = (
        select(Message.id)
        .where(Message.lane == lane, _is_due(now))
        .order_by(Message.priority, Message.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = session.scalars(
        update(Message)
        .where(Message.id.in_(due.scalar_subquery()))
        .values(
            claim=token,
            due_at=now + LEASE,
            status=case((Message.status == "queued", "sending"), else_=Message.status),  # it never goes back
            attempts=Message.attempts + 1,
            sending_at=func.coalesce(Message.sending_at, now),
        )
        .returning(Message),
        execution_options={**UNSYNCHRONIZED, "populate_existing": True},
    ).all()
    rows = sorted(taken, key=lambda row: (row.priority, row.id))
    session.expunge_all()
    session.commit()
    return rows


def mark_sent(session: Executor, message: Message, carrier: str, outcome: Outcome) -> bool:
    """The carrier has taken it. False: the lease was lost, and another's word stands."""
    now = utcnow()
    known: dict[str, Any] = {"carrier": carrier, "carrier_ref": outcome.reference, "sent_at": now}
    if outcome.failed:
        known |= {"status": "failed", "failed_at": now, "error": outcome.failed}
    elif outcome.delivered:
        known |= {"status": "delivered", "delivered_at": now, "confirmed_by": "receipt"}
    return _release(session, message, **{"status": "sent", **known})


def mark_failed(session: Executor, message: Message, carrier: str | None, code: str) -> bool:
    """It will never be sent."""
    return _release(session, message, status="failed", carrier=carrier, error=code, failed_at=utcnow())


def mark_expired(session: Executor, message: Message) -> bool:
    """Its validity passed before it could be sent."""
    return _release(session, message, status="expired", expired_at=utcnow())


def retry_later(session: Executor, message: Message, code: str, wait: timedelta) -> bool:
    """Let go of a row that was not taken: it is due again after `wait`."""
    return _release(session, message, due=utcnow() + wait, error=code, lane=_home(message))


def retry_unknown_later(session: Executor, message: Message, code: str) -> bool:
    """Let go of a row that was perhaps taken: if no receipt comes, it is due once more."""
    return _release(session, message, due=utcnow() + UNKNOWN_WAIT, error=code, unknown=1, lane=_home(message))


def switch_channel(session: Executor, message: Message, channel: str, code: str) -> bool:
    """Let another channel carry it, at once."""
    return _release(session, message, due=utcnow(), error=code, lane=across(message.lane, channel))


def defer(session: Executor, message: Message, carrier_id: int) -> bool:
    """Let go of a row that was not tried: it waits for its carrier alone, at its old place."""
    lane = lane_of(base(message.lane), carrier_id)
    place = message.created_at if message.attempts == 1 else utcnow()
    return _release(session, message, due=place, untried=1, error=message.error_code, lane=lane)


def release_deferred(session: Session, carrier_ids: Collection[int]) -> None:
    """Send those who wait for these carriers back to be routed anew, but for trials; the ones under way stay."""
    for lane in LANES:
        parked = [lane_of(lane, carrier_id) for carrier_id in carrier_ids if carrier_id != SANDBOX_ID]
        waits = and_(
            Message.lane.in_(parked), Message.due_at.is_not(None), Message.claim.is_(None), Message.key_id != OWN_ID
        )
        session.execute(update(Message).where(waits).values(lane=lane), execution_options=UNSYNCHRONIZED)


def release_claim(session: Executor, message: Message) -> bool:
    """Let go of a row that was not tried."""
    return _release(session, message, due=utcnow(), untried=1, error=message.error_code, lane=_home(message))


def expire_stale(session: Session) -> int:
    """Close unclaimed rows whose validity has passed; return how many."""
    now = utcnow()
    stale = and_(Message.due_at.is_not(None), _is_due(now), Message.valid_until <= now)
    closing = update(Message).where(stale).values(status="expired", expired_at=now, due_at=None, claim=None)
    closed = session.connection().execute(closing.returning(Message.id, Message.key_id)).all()
    for row in closed:
        events.record(session, row.key_id, row.id, "message.expired")
    return len(closed)


def waiting(session: Session) -> dict[str, int]:
    """How many rows are due, by the channel's lane, parked ones included; counts stop at 1,000."""
    counts = {}
    for lane in LANES:
        due = (
            select(Message.id).where(Message.lane.in_(parts(session, lane)), _is_due(utcnow())).limit(1_000).subquery()
        )
        counts[lane] = session.scalar(select(func.count()).select_from(due)) or 0
    return counts


def parts(session: Session, lane: str) -> list[str]:
    """A channel's lane with the lanes in which its messages are parked."""
    ids = session.scalars(select(Carrier.id)).all()
    return [lane, *(lane_of(lane, carrier_id) for carrier_id in (SANDBOX_ID, *ids))]


def has_due(session: Session, lane: str) -> bool:
    """Whether anything is due in exactly this lane."""
    now = utcnow()
    told = {"in_lane": lane, "now": now, "horizon": now + HORIZON}
    return session.connection().execute(HAS_DUE, told).first() is not None


def backoff(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s … 300 s, with up to a fifth of jitter on top."""
    seconds = min(2.0 ** (attempts - 1), LONGEST_BACKOFF.total_seconds())
    return timedelta(seconds=seconds * (1 + random.random() / 5))  # noqa: S311  spreading, not secrecy


def _row(caller: Caller, draft: Draft, now: datetime) -> dict[str, Any]:
    size = encoding.shape(draft.sample)
    return {
        "uuid": str(uuid.uuid4()),
        "key_id": caller.id,
        "kind": draft.kind,
        "channel": draft.channel,
        "phone": draft.phone,
        "body": draft.body,
        "encoding": size.encoding,
        "segments": size.segments,
        "status": "queued",
        "lane": lane_of(draft.channel, SANDBOX_ID) if caller.mode == "test" else draft.channel,
        "priority": PRIORITY[draft.kind],
        "due_at": now,
        "valid_until": now + VALIDITY[draft.kind],
        "created_at": now,
    }


def _home(message: Message) -> str:
    """Where a message waits after a try: for any carrier again, but for the sandbox's own and for trials of one."""
    stays = message.lane == lane_of(base(message.lane), SANDBOX_ID) or message.key_id == OWN_ID
    return message.lane if stays else base(message.lane)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Past `due_at`, or so far ahead of it that the clock must have been set back."""
    return or_(Message.due_at <= now, Message.due_at > now + HORIZON)


def _release(session: Executor, message: Message, **told: Any) -> bool:
    """Write the outcome down and let go of the row, if the claim is still held."""
    values = {
        "row_id": message.id,
        "token": message.claim,
        "due": told.get("due"),
        "error": told.get("error"),
        "untried": told.get("untried", 0),
        "unknown": told.get("unknown", 0),
        "new_lane": told.get("lane"),
        **{f"new_{name}": told.get(name) for name in _OUTCOME},
    }
    held = bool(execute_dml(session, RELEASE, values))
    if held and "status" in told:
        _tell(session, message, told)
    return held


def _tell(session: Executor, message: Message, told: dict[str, Any]) -> None:
    """One event for each step that the row has just made."""
    steps = ("sent",) if "sent_at" in told and told["status"] != "sent" else ()
    events.record(session, message.key_id, message.id, *(f"message.{step}" for step in (*steps, told["status"])))
