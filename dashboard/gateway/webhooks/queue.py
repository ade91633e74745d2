"""The outbox of webhooks: the delivery row is the only truth about an event that waits to be told.

An endpoint is claimed, not an event: whoever holds its lease makes its calls one after the other, so the events of a
message arrive in their order and a slow endpoint holds up itself alone. A worker that dies leaves an endpoint whose
lease ends by itself; the event it was telling is told again.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import core_table, execute_dml, utcnow
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret

LANE = "webhooks"
LEASE = timedelta(seconds=30)  # an endpoint answers within 15 s, the rest is margin
WAITS = tuple(timedelta(seconds=wait) for wait in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000))
MOST_TRIES = len(WAITS) + 1
JITTER = 0.2
HORIZON = max(WAITS) * (1 + JITTER) + LEASE  # nothing is due later than that, unless the clock was set back
PATIENCE = timedelta(days=5)  # of nothing but failures, then an endpoint is disabled
KEPT = timedelta(days=30)
MOST_FORGOTTEN = 1_000  # events at a time: a long transaction holds up everybody on SQLite
MOST_PUSHED = 100
GONE = 410

_Endpoint, _Delivery, _Event = core_table(WebhookEndpoint).c, core_table(WebhookDelivery).c, core_table(WebhookEvent).c


@dataclass(frozen=True)
class EndpointLease:
    """A claim on an endpoint."""

    endpoint_id: str
    token: str


@dataclass(frozen=True)
class PendingDelivery:
    """An event that is to be told now. `sealed` are the endpoint's live secrets, the newest first."""

    delivery_id: int
    event_id: int
    message_id: int | None
    tries: int  # before this one
    reference: str
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    sealed: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class AttemptResult:
    """What came of a call. `error` is empty when the endpoint has taken the event."""

    at: datetime
    length: timedelta
    status: int | None = None
    error: str | None = None
    answer: str = field(default="", repr=False)
    retry_after: timedelta = timedelta(0)


def waiting(session: Session) -> int:
    """How many endpoints have something due and nobody who calls them."""
    return session.scalar(select(func.count()).select_from(WebhookEndpoint).where(_claimable(utcnow()))) or 0


def claim(session: Session, limit: int, *, failing: bool) -> list[EndpointLease]:
    """Take up to `limit` endpoints with due events under a lease, the longest unserved first; commits.

    Those that fail are asked for apart from those that do not, so that they cannot take all the places.
    """
    now, token = utcnow(), secrets.token_hex(16)
    due = (
        select(WebhookEndpoint.id)
        .where(_claimable(now), _Endpoint.failing_since.is_not(None) if failing else _Endpoint.failing_since.is_(None))
        .order_by(WebhookEndpoint.served_at.asc().nulls_first())
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taking = (
        update(core_table(WebhookEndpoint))
        .where(_Endpoint.id.in_(due.scalar_subquery()))
        .values(claim=token, lease_until=now + LEASE, served_at=now)
        .returning(_Endpoint.id)
    )
    turns = [EndpointLease(row.id, token) for row in session.connection().execute(taking)]
    session.commit()
    return turns


def take(session: Session, turn: EndpointLease) -> PendingDelivery | None:
    """The next event for a claimed endpoint, under a fresh lease; None when none is due or the claim was lost."""
    now, connection = utcnow(), session.connection()
    renewing = update(core_table(WebhookEndpoint)).where(
        *_held(turn), _Endpoint.disabled_at.is_(None), _Endpoint.deleted_at.is_(None)
    )
    url = connection.execute(renewing.values(lease_until=now + LEASE).returning(_Endpoint.url)).scalar()
    row = _next(session, turn, now) if url is not None else None
    if url is None or row is None:
        return None
    live = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > now)
    known = select(WebhookSecret.sealed).where(WebhookSecret.endpoint_id == turn.endpoint_id, live)
    sealed = tuple(session.scalars(known.order_by(WebhookSecret.id.desc())))
    return PendingDelivery(
        row.id, row.event_id, row.message_id, row.tries, row.reference, row.body.encode(), url=url, sealed=sealed
    )


def settle(session: Session, turn: EndpointLease, errand: PendingDelivery, told: AttemptResult) -> None:
    """Write down what came of a call. That an event arrived is true in any case; the rest is the claim holder's."""
    _log(session, turn, errand, told)
    held = _note(session, turn, told)
    if told.error is None:
        _close(session, errand, delivered_at=told.at)
    if held:
        _go_on(session, turn, errand, told)


def release_lease(session: Session, turn: EndpointLease) -> None:
    """The endpoint may be claimed again."""
    session.execute(update(core_table(WebhookEndpoint)).where(*_held(turn)).values(claim=None, lease_until=None))


def disable(session: Session, endpoint_id: str, reason: str) -> None:
    """Make no calls until it is enabled again. What waits is given up; it can be replayed. `reason` as in the model."""
    off = {"disabled_at": utcnow(), "disabled_for": reason, "claim": None, "lease_until": None}
    session.execute(update(core_table(WebhookEndpoint)).where(_Endpoint.id == endpoint_id).values(**off))
    pending = and_(_Delivery.endpoint_id == endpoint_id, _Delivery.due_at.is_not(None))
    session.execute(update(core_table(WebhookDelivery)).where(pending).values(due_at=None))


def mend_clock(session: Session) -> None:
    """What is due further ahead than anything can be was put there by a clock that has been set back since."""
    now = utcnow()
    strayed = update(core_table(WebhookDelivery)).where(_Delivery.due_at > now + HORIZON)
    session.execute(strayed.values(due_at=now))


def forget_old(session: Session) -> int:
    """Remove events that are older than 30 days, with their log; return how many, at most 1,000."""
    old = select(WebhookEvent.id).where(WebhookEvent.created_at < utcnow() - KEPT).limit(MOST_FORGOTTEN)
    ids = list(session.scalars(old))
    if ids:
        for model in (WebhookAttempt, WebhookDelivery):
            session.execute(delete(model).where(model.event_id.in_(ids)))
        session.execute(delete(WebhookEvent).where(WebhookEvent.id.in_(ids)))
    return len(ids)


def _claimable(now: datetime) -> ColumnElement[bool]:
    """Something is due and nobody has a lease, but for one that only a clock set back since can have given.

    Whoever asks may have waited for the database since `now`: a lease that was given meanwhile ends later than one of
    `now` would, and holds.
    """
    due = exists().where(_Delivery.endpoint_id == _Endpoint.id, _Delivery.due_at <= now)
    lease = _Endpoint.lease_until
    free = or_(lease.is_(None), lease <= now, lease > now + 2 * LEASE)
    return and_(_Endpoint.disabled_at.is_(None), _Endpoint.deleted_at.is_(None), free, due)


def _held(turn: EndpointLease) -> tuple[ColumnElement[bool], ...]:
    return _Endpoint.id == turn.endpoint_id, _Endpoint.claim == turn.token


def _next(session: Session, turn: EndpointLease, now: datetime) -> Any:
    """The oldest due event that no earlier one of its message stands before."""
    due = (
        select(_Delivery.id, _Delivery.event_id, _Delivery.message_id, _Delivery.tries, _Event.reference, _Event.body)
        .join(core_table(WebhookEvent), _Event.id == _Delivery.event_id)
        .where(_Delivery.endpoint_id == turn.endpoint_id, _Delivery.due_at <= now)
        .order_by(_Delivery.due_at, _Delivery.event_id)
        .limit(1)
    )
    for _ in range(MOST_PUSHED):
        row = session.connection().execute(due).one_or_none()
        if row is None or not _push_behind(session, turn, row):
            return row
    return None


def _push_behind(session: Session, turn: EndpointLease, row: Any) -> bool:
    """Make an event wait for the earlier ones of its message; False when there are none."""
    if row.message_id is None:
        return False
    earlier = and_(
        _Delivery.endpoint_id == turn.endpoint_id,
        _Delivery.message_id == row.message_id,
        _Delivery.event_id < row.event_id,
        _Delivery.due_at.is_not(None),
    )
    turn_of_last = session.scalar(select(func.max(_Delivery.due_at)).where(earlier))
    if turn_of_last is None:
        return False
    session.execute(update(core_table(WebhookDelivery)).where(_Delivery.id == row.id).values(due_at=turn_of_last))
    return True


def _log(session: Session, turn: EndpointLease, errand: PendingDelivery, told: AttemptResult) -> None:
    row = {
        "endpoint_id": turn.endpoint_id,
        "event_id": errand.event_id,
        "number": errand.tries + 1,
        "at": told.at,
        "status": told.status,
        "error": told.error,
        "milliseconds": round(told.length.total_seconds() * 1000),
        "answer": told.answer,
    }
    session.execute(insert(core_table(WebhookAttempt)), row)


def _note(session: Session, turn: EndpointLease, told: AttemptResult) -> bool:
    """Keep the endpoint's state; False when the claim was lost."""
    since = None if told.error is None else func.coalesce(_Endpoint.failing_since, told.at)
    values = {"last_at": told.at, "last_status": told.status, "last_error": told.error, "failing_since": since}
    return bool(execute_dml(session, update(core_table(WebhookEndpoint)).where(*_held(turn)).values(**values)))


def _go_on(session: Session, turn: EndpointLease, errand: PendingDelivery, told: AttemptResult) -> None:
    """When it is told again, if it is, and what may follow it."""
    if told.status == GONE:
        disable(session, turn.endpoint_id, "gone")
    elif told.error is not None:
        _try_again(session, turn, errand, told)
    else:
        _call_next(session, turn, errand)


def _try_again(session: Session, turn: EndpointLease, errand: PendingDelivery, told: AttemptResult) -> None:
    if errand.tries + 1 >= MOST_TRIES:
        _close(session, errand)
        _call_next(session, turn, errand)
    else:
        _put_back(session, errand, max(_wait(errand.tries), min(told.retry_after, max(WAITS))))
    if errand.tries > 0:
        _lose_patience(session, turn)


def _close(session: Session, errand: PendingDelivery, delivered_at: datetime | None = None) -> None:
    """It has arrived; or, without a time, it is given up."""
    values: dict[str, Any] = {"due_at": None, "tries": errand.tries + 1}
    if delivered_at is not None:
        values["delivered_at"] = delivered_at
    session.execute(update(core_table(WebhookDelivery)).where(_Delivery.id == errand.delivery_id).values(**values))


def _put_back(session: Session, errand: PendingDelivery, wait: timedelta) -> None:
    """Due again after `wait`, unless it was called off meanwhile."""
    mine = and_(_Delivery.id == errand.delivery_id, _Delivery.due_at.is_not(None))
    later = update(core_table(WebhookDelivery)).where(mine)
    session.execute(later.values(due_at=utcnow() + wait, tries=errand.tries + 1))


def _call_next(session: Session, turn: EndpointLease, errand: PendingDelivery) -> None:
    """What was pushed behind an event need not wait any longer, now that it is closed."""
    if errand.message_id is None:
        return
    now = utcnow()
    behind = and_(
        _Delivery.endpoint_id == turn.endpoint_id,
        _Delivery.message_id == errand.message_id,
        _Delivery.event_id > errand.event_id,
        _Delivery.due_at > now,
        _Delivery.tries == 0,
    )
    session.execute(update(core_table(WebhookDelivery)).where(behind).values(due_at=now))


def _wait(tries: int) -> timedelta:
    return WAITS[tries] * (1 + random.random() * JITTER)  # noqa: S311  spreading, not secrecy


def _lose_patience(session: Session, turn: EndpointLease) -> None:
    worn_out = (*_held(turn), _Endpoint.failing_since <= utcnow() - PATIENCE, _Endpoint.disabled_at.is_(None))
    if session.scalar(select(_Endpoint.id).where(*worn_out)) is not None:
        disable(session, turn.endpoint_id, "failing")
