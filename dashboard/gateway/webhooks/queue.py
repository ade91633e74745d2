"""The outbox of webhooks: the delivery row is the only truth about an event that waits to be sent.

An endpoint is claimed, not an event: whoever holds its lease makes all of its calls and knows which are under way, so
the events of a message arrive in their order and a slow endpoint holds up itself alone. A worker that dies leaves an
endpoint whose lease ends by itself; the events that were under way are sent again.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, execute_dml, utcnow
from dashboard.gateway.webhooks import events
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret
from dashboard.vocabulary import DisabledReason

LEASE = timedelta(seconds=30)  # an endpoint answers within 15 s, the rest is margin
WAITS = tuple(timedelta(seconds=wait) for wait in (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000))
MOST_TRIES = len(WAITS) + 1
JITTER = 0.2
LATEST_DUE = max(WAITS) * (1 + JITTER) + LEASE  # nothing is due later than that, unless the clock was set back
DISABLE_AFTER = timedelta(days=5)  # of nothing but failures
KEPT = timedelta(days=30)
MOST_FORGOTTEN = 1_000  # events at a time: a long transaction holds up everybody on SQLite
GONE = 410

_Endpoint, _Delivery, _Event = core_table(WebhookEndpoint).c, core_table(WebhookDelivery).c, core_table(WebhookEvent).c
_Earlier = core_table(WebhookDelivery).alias("earlier").c
_EARLIER = and_(  # a delivery of the same message to the same endpoint that has yet to be made before this one
    _Earlier.endpoint_id == _Delivery.endpoint_id,
    _Earlier.message_id == _Delivery.message_id,
    _Earlier.event_id < _Delivery.event_id,
    _Earlier.due_at.is_not(None),
)

_WAS_DUE = bindparam("was_due", type_=UtcDateTime)
_NOT_REPLAYED = or_(_Delivery.due_at == _WAS_DUE, _Delivery.tries > 0)  # as `_not_replayed` says it
ARRIVED = (
    update(core_table(WebhookDelivery))
    .where(_Delivery.id == bindparam("one"))
    .values(
        delivered_at=bindparam("at", type_=UtcDateTime),
        due_at=case((_NOT_REPLAYED, None), else_=_Delivery.due_at),
        tries=case((_NOT_REPLAYED, bindparam("done")), else_=_Delivery.tries),
    )
)
_NOW = bindparam("now", type_=UtcDateTime)
RELEASE_NEXT = (
    update(core_table(WebhookDelivery))
    .where(
        _Delivery.endpoint_id == bindparam("to"),
        _Delivery.message_id == bindparam("of"),
        _Delivery.event_id > bindparam("after"),
        _Delivery.due_at > _NOW,
        _Delivery.tries == 0,
    )
    .values(due_at=_NOW)
)


@dataclass(frozen=True)
class EndpointLease:
    """A claim on an endpoint; `failing` says whether its last call failed."""

    endpoint_id: str
    token: str
    failing: bool = False


@dataclass(frozen=True)
class PendingDelivery:
    """An event that is to be sent now. `sealed` are the endpoint's live secrets, the newest first."""

    delivery_id: int
    event_id: int
    message_id: int | None
    due_at: datetime  # when it was taken; a replay that is asked for during the call makes it due anew
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
        .cte("due")  # which runs once; a subquery with a limit need not
    )
    taking = (
        update(core_table(WebhookEndpoint))
        .where(_Endpoint.id.in_(select(due.c.id)))
        .values(claim=token, lease_until=now + LEASE, served_at=now)
        .returning(_Endpoint.id)
    )
    leases = [EndpointLease(row.id, token, failing) for row in session.connection().execute(taking)]
    session.commit()
    return leases


def take(
    session: Session, lease: EndpointLease, limit: int, under_way: Collection[PendingDelivery] = ()
) -> list[PendingDelivery]:
    """Up to `limit` due events for a claimed endpoint, of different messages, and renew the lease.

    Messages with an event `under_way` wait for it. Nothing comes back when the lease was lost or the endpoint is off.
    """
    now, connection = utcnow(), session.connection()
    renewing = update(core_table(WebhookEndpoint)).where(
        *_held(lease), _Endpoint.disabled_at.is_(None), _Endpoint.deleted_at.is_(None)
    )
    renewed = renewing.values(lease_until=now + LEASE).returning(_Endpoint.url, _Endpoint.envelope)
    endpoint = connection.execute(renewed).one_or_none()
    rows = _next(session, lease, now, limit, under_way) if endpoint is not None else []
    if endpoint is None or not rows:
        return []
    live = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > now)
    secrets_of_it = select(WebhookSecret.sealed).where(WebhookSecret.endpoint_id == lease.endpoint_id, live)
    sealed = tuple(session.scalars(secrets_of_it.order_by(WebhookSecret.id.desc())))
    return [
        PendingDelivery(
            row.id,
            row.event_id,
            row.message_id,
            row.due_at,
            row.tries,
            row.reference,
            events.enveloped(endpoint.envelope, row.reference, row.body),
            url=endpoint.url,
            sealed=sealed,
        )
        for row in rows
    ]


def settle(session: Session, lease: EndpointLease, ended: Sequence[tuple[PendingDelivery, AttemptResult]]) -> None:
    """Write down what came of calls, in the order in which they ended, with as many statements for eight as for one.

    That events arrived is true in any case; the rest is the lease holder's.
    """
    if not ended:
        return
    session.execute(insert(core_table(WebhookAttempt)), [_attempt(lease, *each) for each in ended])
    held = _update_endpoint(session, lease, [result for _, result in ended])
    taken = [(delivery, result) for delivery, result in ended if result.error is None]
    _note_arrivals(session, taken)
    if not held:
        return
    _release_next(session, lease, [delivery for delivery, _ in taken])
    for delivery, result in ended:
        if result.status == GONE:
            disable(session, lease.endpoint_id, DisabledReason.GONE)
        elif result.error is not None:
            _try_again(session, lease, delivery, result)


def release_lease(session: Session, lease: EndpointLease) -> None:
    """The endpoint may be claimed again."""
    session.execute(update(core_table(WebhookEndpoint)).where(*_held(lease)).values(claim=None, lease_until=None))


def disable(session: Session, endpoint_id: str, reason: str) -> None:
    """Make no calls until it is enabled again. What waits is given up; it can be replayed. `reason` as in the model."""
    off = {"disabled_at": utcnow(), "disabled_for": reason, "claim": None, "lease_until": None}
    session.execute(update(core_table(WebhookEndpoint)).where(_Endpoint.id == endpoint_id).values(**off))
    pending = and_(_Delivery.endpoint_id == endpoint_id, _Delivery.due_at.is_not(None))
    session.execute(update(core_table(WebhookDelivery)).where(pending).values(due_at=None))


def mend_clock(session: Session) -> None:
    """Make due now what is due later than the longest wait: it was put there before the clock was set back."""
    now = utcnow()
    strayed = update(core_table(WebhookDelivery)).where(_Delivery.due_at > now + LATEST_DUE)
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
    """Something is due and nobody holds a lease. One that ends too late was given before the clock was set back.

    Whoever asks may have waited for the database since `now`: a lease that was given meanwhile ends later than one of
    `now` would, and holds.
    """
    due = exists().where(_Delivery.endpoint_id == _Endpoint.id, _Delivery.due_at <= now)
    until = _Endpoint.lease_until
    free = or_(until.is_(None), until <= now, until > now + 2 * LEASE)
    return and_(_Endpoint.disabled_at.is_(None), _Endpoint.deleted_at.is_(None), free, due)


def _held(lease: EndpointLease) -> tuple[ColumnElement[bool], ...]:
    return _Endpoint.id == lease.endpoint_id, _Endpoint.claim == lease.token


def _next(
    session: Session, lease: EndpointLease, now: datetime, limit: int, under_way: Collection[PendingDelivery]
) -> Sequence[Any]:
    """The due deliveries that have been due longest, but for those under way and those with an earlier one to come."""
    connection = session.connection()
    due = and_(_Delivery.endpoint_id == lease.endpoint_id, _Delivery.due_at <= now)
    chosen = (
        select(
            _Delivery.id,
            _Delivery.event_id,
            _Delivery.message_id,
            _Delivery.due_at,
            _Delivery.tries,
            _Event.reference,
            _Event.body,
        )
        .join(core_table(WebhookEvent), _Event.id == _Delivery.event_id)
        .where(due, _Delivery.id.not_in([delivery.delivery_id for delivery in under_way]), ~exists().where(_EARLIER))
        .order_by(_Delivery.due_at, _Delivery.event_id)
        .limit(limit)
    )
    rows = connection.execute(chosen).all()
    if len(rows) < limit:  # whatever else is due waits for an earlier one: out of the way with it, until that is due
        wait_until = select(func.max(_Earlier.due_at)).where(_EARLIER).scalar_subquery()
        waiting = update(core_table(WebhookDelivery)).where(due, exists().where(_EARLIER, _Earlier.due_at > now))
        connection.execute(waiting.values(due_at=wait_until))
    return rows


def _attempt(lease: EndpointLease, delivery: PendingDelivery, result: AttemptResult) -> dict[str, Any]:
    return {
        "endpoint_id": lease.endpoint_id,
        "event_id": delivery.event_id,
        "number": delivery.tries + 1,
        "at": result.at,
        "status": result.status,
        "error": result.error,
        "milliseconds": round(result.length.total_seconds() * 1000),
        "answer": result.answer,
    }


def _update_endpoint(session: Session, lease: EndpointLease, results: Sequence[AttemptResult]) -> bool:
    """Write down how the endpoint does after these calls; return False when the lease was lost."""
    last = results[-1]
    since: ColumnElement[Any] | datetime | None = _Endpoint.failing_since
    for result in results:
        if result.error is None:
            since = None
        elif since is None:
            since = result.at
        elif since is _Endpoint.failing_since:
            since = func.coalesce(_Endpoint.failing_since, result.at)
    values = {"last_at": last.at, "last_status": last.status, "last_error": last.error, "failing_since": since}
    return bool(execute_dml(session, update(core_table(WebhookEndpoint)).where(*_held(lease)).values(**values)))


def _try_again(session: Session, lease: EndpointLease, delivery: PendingDelivery, result: AttemptResult) -> None:
    if delivery.tries + 1 >= MOST_TRIES:
        _give_up(session, delivery)
        _release_next(session, lease, [delivery])
    else:
        _retry_later(session, delivery, max(_wait(delivery.tries), min(result.retry_after, max(WAITS))))
    if delivery.tries > 0:
        _disable_if_worn_out(session, lease)


def _note_arrivals(session: Session, taken: Sequence[tuple[PendingDelivery, AttemptResult]]) -> None:
    """They have arrived. A replay that was asked for meanwhile is still to be made."""
    rows = [
        {"one": delivery.delivery_id, "at": result.at, "was_due": delivery.due_at, "done": delivery.tries + 1}
        for delivery, result in taken
    ]
    if rows:
        session.connection().execute(ARRIVED, rows)


def _give_up(session: Session, delivery: PendingDelivery) -> None:
    """No more calls, unless a replay was asked for meanwhile."""
    mine = update(core_table(WebhookDelivery)).where(_Delivery.id == delivery.delivery_id, _not_replayed(delivery))
    session.execute(mine.values(due_at=None, tries=delivery.tries + 1))


def _not_replayed(delivery: PendingDelivery) -> ColumnElement[bool]:
    """Nobody asked for a replay during the call, which sets the time anew and the tries to none."""
    return or_(_Delivery.due_at == delivery.due_at, _Delivery.tries > 0)


def _retry_later(session: Session, delivery: PendingDelivery, wait: timedelta) -> None:
    """Due again after `wait`, unless it was called off meanwhile or is to be replayed."""
    mine = and_(_Delivery.id == delivery.delivery_id, _Delivery.due_at.is_not(None), _not_replayed(delivery))
    later = update(core_table(WebhookDelivery)).where(mine)
    session.execute(later.values(due_at=utcnow() + wait, tries=delivery.tries + 1))


def _release_next(session: Session, lease: EndpointLease, closed: Sequence[PendingDelivery]) -> None:
    """What was pushed behind events need not wait any longer, now that they are closed."""
    now = utcnow()
    rows = [
        {"to": lease.endpoint_id, "of": delivery.message_id, "after": delivery.event_id, "now": now}
        for delivery in closed
        if delivery.message_id is not None
    ]
    if rows:
        session.connection().execute(RELEASE_NEXT, rows)


def _wait(tries: int) -> timedelta:
    return WAITS[tries] * (1 + random.random() * JITTER)  # noqa: S311  spreading, not secrecy


def _disable_if_worn_out(session: Session, lease: EndpointLease) -> None:
    worn_out = (*_held(lease), _Endpoint.failing_since <= utcnow() - DISABLE_AFTER, _Endpoint.disabled_at.is_(None))
    if session.scalar(select(_Endpoint.id).where(*worn_out)) is not None:
        disable(session, lease.endpoint_id, DisabledReason.FAILING)
