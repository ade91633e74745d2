"""The outbox: the message row is the only truth about a message that waits, is being sent, or has arrived.

A row is due when `due_at` has passed. A claim moves `due_at` to the end of its lease and leaves a token; only the
holder of the token may settle the row. A worker that dies leaves a row that falls due by itself.

A row waits in the lane of its channel for whichever carrier its route names. With `carrier_id` it is deferred: it waits
for that carrier alone. The sandbox is carrier 0; messages of test keys and to review numbers wait for it always.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import Executor, UtcDateTime, core_table, execute_dml, new_uuid, utcnow
from dashboard.driver import BulkInsert, ExecuteMany, ListStatement
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import OWN_ID
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.webhooks import events
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.sms import encoding
from dashboard.sms.encoding import Shape
from dashboard.vocabulary import Channel, KeyMode, Kind, Lane, Status

LEASE = timedelta(seconds=30)  # a carrier answers within 10 s, the rest is margin
LONGEST_BACKOFF = timedelta(seconds=300)
UNKNOWN_WAIT = timedelta(seconds=15)  # for a receipt, when a carrier has perhaps taken a text
VALIDITY: dict[str, timedelta] = {Kind.OTP: timedelta(seconds=600), Kind.MESSAGE: timedelta(hours=24)}
HORIZON = VALIDITY[Kind.OTP]  # nothing is put off further: backoffs with their jitter, later steps of a code
PRIORITY: dict[str, int] = {Kind.OTP: 0, Kind.MESSAGE: 1}
RETRY = 2  # priority of messages that a carrier did not take through their own fault: they hold up nothing else
BULK = 3  # of campaigns' messages, which everything else overtakes
PRIORITIES = (*PRIORITY.values(), RETRY, BULK)
LANES = (Lane.SMS, Lane.WHATSAPP, Lane.EMAIL)
SANDBOX_ID = 0  # as a carrier
MOST_COUNTED = 1_000
UNSYNCHRONIZED = {"synchronize_session": False}
# Built once: building them costs more than running them.
_MESSAGES = core_table(Message)
INSERT = insert(_MESSAGES).returning(_MESSAGES.c.id)
INSERT_ALL = BulkInsert(
    _MESSAGES,
    *("uuid", "key_id", "kind", "channel", "phone", "body", "encoding", "segments", "sender", "status", "lane"),
    *("carrier_id", "priority", "due_at", "attempts", "valid_until", "created_at", "reserved"),
)
_NOW = bindparam("now", type_=UtcDateTime)
# One priority at a time, so that the index alone finds the oldest due rows without sorting.
_IN_QUEUE = (
    Message.lane == bindparam("in_lane"),
    Message.priority == bindparam("at_priority"),
    Message.due_at <= _NOW,
)
_ANY_CARRIER = Message.carrier_id.is_(None)
_ONE_CARRIER = Message.carrier_id == bindparam("for_carrier")


def _claiming(for_carrier: ColumnElement[bool]) -> Update:
    # A CTE, which runs once: of a subquery with a limit PostgreSQL may take that many rows anew for every row.
    due = select(Message.id).where(for_carrier, *_IN_QUEUE).order_by(Message.due_at).limit(bindparam("most"))
    taken = due.with_for_update(skip_locked=True).cte("due")
    columns = _MESSAGES.c
    return (
        update(_MESSAGES)
        .where(columns.id.in_(select(taken.c.id)))
        .values(
            claim=bindparam("token"),
            due_at=bindparam("lease_end", type_=UtcDateTime),
            status=case((columns.status == Status.QUEUED.value, Status.SENDING.value), else_=columns.status),
            attempts=columns.attempts + 1,
            sending_at=func.coalesce(columns.sending_at, _NOW),
        )
        .returning(*(columns[name] for name in ClaimedMessage._fields))
    )


def _looking(for_carrier: ColumnElement[bool]) -> CompoundSelect[int]:
    """Which of these priorities have due rows; a look into the index for each.

    The oldest is asked for, and not whether there is one: with EXISTS, PostgreSQL may read the whole table instead,
    because where most rows wait it expects to meet one at once.
    """
    due = select(Message.id).where(for_carrier, Message.lane == bindparam("in_lane"), Message.due_at <= _NOW)
    oldest = due.order_by(Message.due_at).limit(1)
    return union_all(
        *(
            select(literal_column(str(each))).where(
                oldest.where(Message.priority == each).scalar_subquery().is_not(None)
            )
            for each in PRIORITIES
        )
    )


CLAIM, CLAIM_DEFERRED = _claiming(_ANY_CARRIER), _claiming(_ONE_CARRIER)
DUE, DUE_DEFERRED = _looking(_ANY_CARRIER), _looking(_ONE_CARRIER)
_KEPT = (
    "status",
    "carrier",
    "carrier_ref",
    "confirmed_by",
    "sender",
    "ask_at",
    "sent_at",
    "delivered_at",
    "failed_at",
    "expired_at",
)
RELEASE = ExecuteMany(
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("row_id"), _MESSAGES.c.claim == bindparam("token"))
    .values(
        claim=null(),
        due_at=bindparam("new_due_at", type_=UtcDateTime),
        error_code=bindparam("new_error_code"),
        lane=bindparam("new_lane"),
        carrier_id=bindparam("new_carrier_id"),
        priority=bindparam("new_priority"),
        attempts=_MESSAGES.c.attempts - bindparam("untried", type_=Integer),
        unknowns=_MESSAGES.c.unknowns + bindparam("unknown", type_=Integer),
        **{
            name: func.coalesce(bindparam(f"new_{name}", type_=_MESSAGES.c[name].type), _MESSAGES.c[name])
            for name in _KEPT
        },
    )
)
CLAIMS = ListStatement(
    select(_MESSAGES.c.id, _MESSAGES.c.claim)
    .where(_MESSAGES.c.id.in_(bindparam("row_ids", expanding=True)))
    .order_by(_MESSAGES.c.id)  # in one order: two who lock the same rows never wait for each other in a circle
    .with_for_update()
)


@dataclass(frozen=True)
class Draft:
    """A message to be. `body` is None for a code, whose text is made when it is sent; `shape` is the text's size."""

    kind: str
    channel: str
    phone: str
    body: str | None
    shape: Shape
    to_sandbox: bool = False  # whatever the key
    reserved: int | None = None  # what budgets count for it, in 1/10,000 MRU
    is_bulk: bool = False  # of a campaign

    @classmethod
    def text(cls, phone: str, body: str, channel: str = Channel.SMS) -> Draft:
        """A text, as it will be sent."""
        return cls(Kind.MESSAGE, channel, phone, body, encoding.shape(body))


@dataclass(frozen=True)
class Release:
    """What is written when a claimed row is let go. It is due again at `due_at`; without one it is settled for good.

    A None from `status` on leaves the column as it is.
    """

    message: ClaimedMessage
    due_at: datetime | None
    error_code: str | None
    lane: str
    carrier_id: int | None
    priority: int
    was_tried: bool = True
    is_unknown: bool = False  # nobody knows whether the carrier took it
    status: Status | None = None
    carrier: str | None = None
    carrier_ref: str | None = None
    confirmed_by: str | None = None
    sender: str | None = None
    ask_at: datetime | None = None  # when its carrier is asked what became of it
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The events that this makes, in order."""
        if self.status is None:
            return ()
        was_sent = self.sent_at is not None and self.status != Status.SENT
        return (*(("message.sent",) if was_sent else ()), f"message.{self.status}")


def submit(session: Session, caller: Caller, draft: Draft) -> tuple[int, str]:
    """Write a message down as due now; return its row id and its uuid. The caller commits, then wakes the lane."""
    row = row_of(caller, draft, utcnow())
    return session.connection().execute(INSERT, row).scalar_one(), row["uuid"]


def submit_all(session: Session, drafts: Iterable[tuple[Caller, Draft]]) -> list[str]:
    """Write messages down as due now; return their uuids in the same order. The caller commits, then wakes the lane."""
    now = utcnow()
    rows = [row_of(caller, draft, now) for caller, draft in drafts]
    INSERT_ALL.run(session.connection(), rows)
    return [row["uuid"] for row in rows]


def claim(
    session: Session,
    lane: str,
    limit: int,
    *,
    carrier_id: int | None = None,
    retries: int | None = None,
    priorities: Collection[int] = PRIORITIES,
) -> list[ClaimedMessage]:
    """Take up to `limit` due rows under a lease, codes first, then messages, then at most `retries` of what is tried
    again, then campaigns'; commits. With `carrier_id`, rows that wait for that carrier alone.
    """
    now, token = utcnow(), secrets.token_hex(16)
    rows: list[ClaimedMessage] = []
    statement = CLAIM if carrier_id is None else CLAIM_DEFERRED
    params = {"in_lane": lane, "now": now, "token": token, "lease_end": now + LEASE}
    if carrier_id is not None:
        params["for_carrier"] = carrier_id
    for priority in sorted(priorities):
        most = limit - len(rows)
        if priority == RETRY and retries is not None:
            most = min(most, retries)
        if most > 0:
            taken = session.connection().execute(statement, params | {"at_priority": priority, "most": most})
            rows += sorted(map(ClaimedMessage._make, taken))  # by id
    session.commit()
    return rows


def release(connection: Connection, releases: Sequence[Release]) -> tuple[list[Release], bool]:
    """Write down what became of claimed rows, and the events that this makes.

    Returns those whose claim was still held (of the others somebody else has decided since), and whether there are
    events for webhooks.
    """
    by_id = {release.message.id: release for release in releases}
    rows = CLAIMS.run(connection, {"row_ids": list(by_id)})
    held = [by_id[row.id] for row in rows if row.claim is not None and row.claim == by_id[row.id].message.claim]
    if held:
        RELEASE.run(connection, [_params(release) for release in held])
    has_events = [
        events.record(connection, release.message.key_id, release.message.id, *release.steps)
        for release in held
        if release.steps
    ]
    return held, any(has_events)


def home(message: ClaimedMessage) -> int | None:
    """The carrier that a message waits for after an attempt: any, but for test keys' messages and a carrier's test."""
    stays = message.carrier_id == SANDBOX_ID or message.key_id == OWN_ID
    return message.carrier_id if stays else None


def release_deferred(session: Session, carrier_ids: Collection[int]) -> None:
    """Have what waits for these carriers routed anew, but for tests of a carrier; what is under way stays."""
    waits = and_(
        Message.carrier_id.in_([carrier_id for carrier_id in carrier_ids if carrier_id != SANDBOX_ID]),
        Message.due_at.is_not(None),
        Message.claim.is_(None),
        Message.key_id != OWN_ID,
    )
    session.execute(update(Message).where(waits).values(carrier_id=None), execution_options=UNSYNCHRONIZED)


def expire_stale(session: Session) -> bool:
    """Close due rows whose validity has passed. Returns whether there are events for webhooks."""
    return any(_expire(session, and_(Message.due_at <= (now := utcnow()), Message.valid_until <= now)))


def expire_waiting(session: Session) -> int:
    """Close all rows that wait, whenever they are due. Returns how many."""
    return len(_expire(session, Message.due_at.is_not(None)))


def _expire(session: Session, rows: ColumnElement[bool]) -> list[bool]:
    """Close these rows of all lanes. Returns, for each, whether there is an event for webhooks."""
    now, have_events = utcnow(), []
    for queue in _queues(session, LANES):
        closing = update(Message).where(queue, rows).returning(Message.id, Message.key_id)
        ended = closing.values(status=Status.EXPIRED, expired_at=now, due_at=None, claim=None)
        closed = session.connection().execute(ended).all()
        have_events += [events.record(session, row.key_id, row.id, "message.expired") for row in closed]
    return have_events


def mend_clock(session: Session) -> int:
    """Make rows due that are put off further than anything can be: the clock was set back. Returns how many."""
    now = utcnow()
    late = [and_(queue, Message.due_at > now + HORIZON) for queue in _queues(session, LANES)]
    return sum(
        execute_dml(session, update(Message).where(rows).values(due_at=now).execution_options(**UNSYNCHRONIZED))
        for rows in late
    )


def waiting(session: Session) -> dict[str, int]:
    """How many rows are due in each lane, deferred ones included; counts stop at MOST_COUNTED."""
    counts: dict[str, int] = {}
    for lane in LANES:
        is_due = Message.due_at <= utcnow()
        due = (select(Message.id).where(queue, is_due).limit(MOST_COUNTED) for queue in _queues(session, (lane,)))
        found = (session.scalar(select(func.count()).select_from(rows.subquery())) or 0 for rows in due)
        counts[lane] = min(sum(found), MOST_COUNTED)
    return counts


def oldest_due(session: Session, lane: str) -> datetime | None:
    """Since when the row of a lane that has waited longest is due; None when nothing waits."""
    times = [
        session.scalar(select(func.min(Message.due_at)).where(queue, Message.priority == priority))
        for queue in _queues(session, (lane,))
        for priority in PRIORITIES
    ]
    return min((at for at in times if at is not None), default=None)


def due_priorities(executor: Executor, lane: str, carrier_id: int | None = None) -> set[int]:
    """The priorities at which something is due in a lane, for any carrier, or with `carrier_id` for that one alone."""
    statement, carrier = (DUE, {}) if carrier_id is None else (DUE_DEFERRED, {"for_carrier": carrier_id})
    return set(executor.execute(statement, {"in_lane": lane, "now": utcnow()} | carrier).scalars())


def backoff(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s … 300 s, with up to a fifth of jitter on top."""
    seconds = min(2.0 ** min(attempts - 1, 30), LONGEST_BACKOFF.total_seconds())
    return timedelta(seconds=seconds * (1 + random.random() / 5))  # noqa: S311  spreading, not secrecy


def row_of(caller: Caller, draft: Draft, now: datetime) -> dict[str, Any]:
    """The columns of a message to be, due now."""
    return {
        "uuid": new_uuid(now),
        "key_id": caller.id,
        "kind": draft.kind,
        "channel": draft.channel,
        "phone": draft.phone,
        "body": draft.body,
        "encoding": draft.shape.encoding,
        "segments": draft.shape.segments,
        "sender": caller.sender,
        "status": Status.QUEUED,
        "lane": draft.channel,
        "carrier_id": SANDBOX_ID if caller.mode == KeyMode.TEST or draft.to_sandbox else None,
        "priority": BULK if draft.is_bulk else PRIORITY[draft.kind],
        "due_at": now,
        "attempts": 0,
        "valid_until": now + VALIDITY[draft.kind],
        "created_at": now,
        "reserved": draft.reserved,
    }


def _queues(session: Session, lanes: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions that name every waiting row of some lanes, each served by one index."""
    ids = [SANDBOX_ID, *session.scalars(select(Carrier.id))]
    rows = and_(Message.lane.in_(lanes), Message.priority.in_(PRIORITIES), Message.due_at.is_not(None))
    return [and_(_ANY_CARRIER, rows), and_(Message.carrier_id.in_(ids), rows)]


def _params(release: Release) -> dict[str, Any]:
    return {
        "row_id": release.message.id,
        "token": release.message.claim,
        "new_due_at": release.due_at,
        "new_error_code": release.error_code,
        "new_lane": release.lane,
        "new_carrier_id": release.carrier_id,
        "new_priority": release.priority,
        "untried": 0 if release.was_tried else 1,
        "unknown": 1 if release.is_unknown else 0,
        **{f"new_{name}": getattr(release, name) for name in _KEPT},
    }
