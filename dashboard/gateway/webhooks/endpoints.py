"""Webhook endpoints, as the people behind them see them: make, change, rotate, end, try, look back, replay."""

from __future__ import annotations

import ipaddress
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from dashboard.db import UtcDateTime, core_table, execute_dml, insert, lock, utcnow
from dashboard.gateway import encryption
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.gateway.webhooks import events, queue, signing
from dashboard.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent, WebhookSecret
from dashboard.outbound import address_guard, client
from dashboard.outbound.client import Guard
from dashboard.settings import Settings
from dashboard.vocabulary import DisabledReason, EndpointState, Envelope

MOST_ENDPOINTS = 10  # of a key
MOST_SECRETS = 5  # that sign at a time
LONGEST_URL = 2_000
LONGEST_DESCRIPTION = 80
GRACE = timedelta(hours=24)  # for which a rotated secret still signs
MOST_REPLAYED = 10_000  # in one call: it is one transaction
PAGE = 50


class EndpointNotFound(LookupError):
    """The key has no endpoint with this id."""


class EventNotFound(LookupError):
    """The key has no event with this reference; it may be older than what is kept."""


class TooManyEndpoints(Exception):
    """The key has as many endpoints as it may have."""


class EndpointOff(Exception):
    """The endpoint is disabled: nothing is sent to it."""


class AlreadyRotated(Exception):
    """The same order came before, as when a form is sent twice: its secret was shown then."""


@dataclass(frozen=True)
class NewEndpoint:
    """What a new endpoint is to be. Whoever chooses the id can send the same order twice and make one."""

    key_id: str
    url: str = field(repr=False)
    events: tuple[str, ...] = events.USUAL[Envelope.STANDARD]
    description: str = ""
    envelope: str = Envelope.STANDARD
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def cipher(settings: Settings) -> Cipher:
    """Encrypts the secrets at rest."""
    return encryption.cipher(settings, Purpose.WEBHOOK_SECRETS)


def guard(settings: Settings) -> Guard:
    """What the settings allow beyond https to public addresses."""
    return Guard(allow_http=settings.webhooks_allow_http, allow_private=settings.webhooks_allow_private)


def url_fault(url: str, allowed: Guard) -> str | None:
    """What is wrong with an address, as a code: url_format, url_scheme or url_private; None when nothing is.

    A name is not looked up here: it is judged at each call, by the address that it has then.
    """
    host = _host(url) if len(url) <= LONGEST_URL and url.isprintable() else None
    if host is None:
        return "url_format"
    if client.url_problem(url, allowed) is not None:
        return "url_scheme" if client.url_problem(url, Guard(allow_http=True)) is None else "url_format"
    return "url_private" if _is_closed(host, allowed.allow_private) else None


def create(
    session: Session, cipher: Cipher, wanted: NewEndpoint, created_by: str | None = None
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; return it with its secret, which is shown once. Raise AlreadyRotated or TooManyEndpoints.

    After the commit, call `events.wait_until_known` before saying so: until then an event may pass it by.
    """
    lock(session, f"webhooks:{wanted.key_id}")
    if session.get(WebhookEndpoint, wanted.id) is not None:
        raise AlreadyRotated
    if len(of_key(session, wanted.key_id)) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    endpoint = WebhookEndpoint(
        id=wanted.id,
        key_id=wanted.key_id,
        url=wanted.url,
        description=wanted.description,
        events=list(wanted.events),
        envelope=wanted.envelope,
        created_by=created_by,
    )
    session.add(endpoint)
    secret = _add_secret(endpoint, cipher)
    session.flush()
    return endpoint, secret


def of_key(session: Session, key_id: str) -> list[WebhookEndpoint]:
    """The endpoints of a key, oldest first."""
    return _all(session, WebhookEndpoint.key_id == key_id)


def listed(session: Session) -> list[WebhookEndpoint]:
    """The endpoints of all keys, those in trouble first, then the newest first."""
    trouble = (WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.failing_since.is_(None))
    query = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None)).options(joinedload(WebhookEndpoint.key))
    return list(session.scalars(query.order_by(*trouble, WebhookEndpoint.created_at.desc())))


def find(session: Session, endpoint_id: str, key_id: str | None = None) -> WebhookEndpoint:
    """An endpoint by its id, of this key where one is given; raise EndpointNotFound."""
    for endpoint in _all(session, WebhookEndpoint.id == endpoint_id):
        if key_id in (None, endpoint.key_id):
            return endpoint
    raise EndpointNotFound(endpoint_id)


def state(endpoint: WebhookEndpoint) -> EndpointState:
    if endpoint.disabled_at is not None:
        return EndpointState.DISABLED
    return EndpointState.ACTIVE if endpoint.failing_since is None else EndpointState.FAILING


def needing_attention(session: Session) -> list[WebhookEndpoint]:
    """Endpoints that fail, or that were disabled for it."""
    off = or_(WebhookEndpoint.disabled_at.is_(None), WebhookEndpoint.disabled_for != DisabledReason.ASKED)
    trouble = or_(WebhookEndpoint.failing_since.is_not(None), WebhookEndpoint.disabled_at.is_not(None))
    return _all(session, and_(off, trouble))


def rotate(session: Session, cipher: Cipher, endpoint: WebhookEndpoint, newest: int | None = None) -> str:
    """Give it a new secret; those before sign for 24 hours more. Return the new one.

    `newest` is the id of the newest secret that the caller has seen: raise AlreadyRotated when there is a newer one.
    """
    lock(session, f"webhooks:{endpoint.key_id}")
    session.refresh(endpoint, ["secrets"])
    if newest is not None and newest != endpoint.secrets[-1].id:
        raise AlreadyRotated
    end = utcnow() + GRACE
    for old in endpoint.secrets:
        old.expires_at = min(old.expires_at or end, end)
    for spare in live_secrets(endpoint)[MOST_SECRETS - 1 :]:
        spare.expires_at = utcnow()
    return _add_secret(endpoint, cipher)


def live_secrets(endpoint: WebhookEndpoint) -> list[WebhookSecret]:
    """Those that sign, newest first."""
    now = utcnow()
    return [secret for secret in reversed(endpoint.secrets) if secret.expires_at is None or secret.expires_at > now]


def disable(session: Session, endpoint: WebhookEndpoint) -> None:
    """Make no more calls; what waits is given up."""
    if endpoint.disabled_at is None:
        queue.disable(session, endpoint.id, DisabledReason.ASKED)
        session.refresh(endpoint)


def enable(session: Session, endpoint: WebhookEndpoint) -> None:
    """Make calls again, from the next event on; the earlier ones can be replayed."""
    endpoint.disabled_at = endpoint.disabled_for = endpoint.failing_since = None
    session.flush()


def remove(session: Session, endpoint: WebhookEndpoint) -> None:
    """End it. Its secrets sign nothing any more; the relay forgets them once no `restore` can come."""
    queue.disable(session, endpoint.id, DisabledReason.ASKED)
    gone = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint.id)
    session.execute(gone.values(deleted_at=utcnow()), execution_options={"synchronize_session": False})
    session.expire_all()


def restore(session: Session, endpoint_id: str, *, was_on: bool) -> WebhookEndpoint:
    """Bring back an endpoint that was removed a moment ago, with its secrets; it calls again if it did.

    Events of the time between are not sent by themselves. Raise EndpointNotFound when its secrets are gone, and
    TooManyEndpoints.
    """
    removed = session.get(WebhookEndpoint, endpoint_id)
    if removed is None or not removed.secrets:
        raise EndpointNotFound(endpoint_id)
    lock(session, f"webhooks:{removed.key_id}")
    if removed.deleted_at is not None:
        if len(of_key(session, removed.key_id)) >= MOST_ENDPOINTS:
            raise TooManyEndpoints
        removed.deleted_at = None
        if was_on:
            enable(session, removed)
    return removed


def take_back_secret(session: Session, endpoint: WebhookEndpoint, secret_id: int) -> None:
    """Forget a new secret; the one before it signs without an end again. Raise AlreadyRotated unless it is the newest.

    Those before that one end as they were told to.
    """
    lock(session, f"webhooks:{endpoint.key_id}")
    session.refresh(endpoint, ["secrets"])
    if len(endpoint.secrets) < 2 or endpoint.secrets[-1].id != secret_id:
        raise AlreadyRotated
    session.delete(endpoint.secrets[-1])
    endpoint.secrets[-2].expires_at = None
    session.flush()
    session.refresh(endpoint, ["secrets"])


def forget_secrets(session: Session, before: datetime) -> int:
    """Delete the secrets of endpoints that were removed before a time; return how many."""
    gone = select(WebhookEndpoint.id).where(WebhookEndpoint.deleted_at < before)
    return execute_dml(session, delete(WebhookSecret).where(WebhookSecret.endpoint_id.in_(gone)))


def send_test(session: Session, endpoint: WebhookEndpoint) -> str:
    """Send it a `webhook.test`, whatever events it wants; return the event's reference. Raise EndpointOff."""
    _check_on(endpoint)
    data = {"webhookId": endpoint.id, "events": endpoint.events}
    return events.write(session.connection(), endpoint.key_id, events.TEST, data, [endpoint.id])


def replay(session: Session, endpoint: WebhookEndpoint, reference: str) -> None:
    """Send one event again, under the same webhook-id. Raise EventNotFound or EndpointOff."""
    _check_on(endpoint)
    named = WebhookEvent.reference == reference
    of_key = select(WebhookEvent.id).where(named, WebhookEvent.key_id == endpoint.key_id)
    went_there = exists().where(WebhookDelivery.event_id == WebhookEvent.id, WebhookDelivery.endpoint_id == endpoint.id)
    if session.scalar(of_key.where(or_(WebhookEvent.kind != events.TEST, went_there))) is None:
        raise EventNotFound(reference)
    _send_again(session, endpoint, named)


def replay_period(session: Session, endpoint: WebhookEndpoint, since: datetime, until: datetime, only: str) -> int:
    """Send the events of a period again, those of the kinds that it wants; return how many. Raise EndpointOff.

    `only` is `undelivered`, those that never arrived there, or `all`. Events that wait already are left out, so after
    MOST_REPLAYED events the same call goes on with the rest.
    """
    _check_on(endpoint)
    sent_there = and_(WebhookDelivery.event_id == WebhookEvent.id, WebhookDelivery.endpoint_id == endpoint.id)
    spared: ColumnElement[bool] = WebhookDelivery.due_at.is_not(None)
    if only == "undelivered":
        spared = or_(spared, WebhookDelivery.delivered_at.is_not(None))
    chosen = and_(
        WebhookEvent.created_at >= since,
        WebhookEvent.created_at < until,
        WebhookEvent.kind.in_(endpoint.events),
        ~exists().where(sent_there, spared),
    )
    if events.REJECTED in endpoint.events:  # what it is told as rejected may be told to others as failed
        twin = aliased(WebhookEvent)
        rejected = exists().where(twin.message_id == WebhookEvent.message_id, twin.kind == events.REJECTED)
        chosen = and_(chosen, ~and_(WebhookEvent.kind == events.FAILED, rejected))
    return _send_again(session, endpoint, chosen)


def attempts(
    session: Session, endpoint: WebhookEndpoint, before: int | None = None, limit: int = PAGE
) -> list[WebhookAttempt]:
    """The newest calls to it, with their events; `before` is the id of the last one seen."""
    query = select(WebhookAttempt).where(WebhookAttempt.endpoint_id == endpoint.id)
    if before is not None:
        query = query.where(WebhookAttempt.id < before)
    query = query.options(joinedload(WebhookAttempt.event)).order_by(WebhookAttempt.id.desc())
    return list(session.scalars(query.limit(limit)))


def backlog(session: Session, endpoint: WebhookEndpoint) -> int:
    """How many events wait for it; counts stop at 1,000."""
    due = and_(WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.due_at.is_not(None))
    waiting = select(WebhookDelivery.id).where(due).limit(1_000).subquery()
    return session.scalar(select(func.count()).select_from(waiting)) or 0


def next_try(session: Session, endpoint: WebhookEndpoint) -> datetime | None:
    """When the next event is due there."""
    due = and_(WebhookDelivery.endpoint_id == endpoint.id, WebhookDelivery.due_at.is_not(None))
    return session.scalar(select(WebhookDelivery.due_at).where(due).order_by(WebhookDelivery.due_at).limit(1))


def _all(session: Session, condition: ColumnElement[bool]) -> list[WebhookEndpoint]:
    query = select(WebhookEndpoint).where(condition, WebhookEndpoint.deleted_at.is_(None))
    loaded = query.options(joinedload(WebhookEndpoint.key), selectinload(WebhookEndpoint.secrets))
    return list(session.scalars(loaded.order_by(WebhookEndpoint.created_at)))


def _host(url: str) -> str | None:
    """The host of a URL, as it will be looked up; None when no host can have this name or this port."""
    try:
        parsed = httpx.URL(url)
        host, port = parsed.host.removesuffix("."), parsed.port
        name = parsed.raw_host.decode("ascii").removesuffix(".")
    except (httpx.InvalidURL, UnicodeError):  # that of idna is one
        return None
    if port is not None and not 0 < port < 65_536:
        return None
    return host if all(0 < len(label) < 64 for label in name.split(".")) else None


def _is_closed(host: str, allow_private: bool) -> bool:
    """Whether it is known already that no call may go there; metadata addresses are never open."""
    if host == "localhost" or host.endswith(".localhost"):
        return not allow_private
    address = _address(host)
    return address is not None and not address_guard.is_open(address, allow_private=allow_private)


def _address(host: str) -> str | None:
    """The address that a host spells out, in any notation (127.1, 0x7f000001, 2130706433); None for names."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return str(ipaddress.IPv4Address(socket.inet_aton(host)))
    except (OSError, UnicodeError):
        return None


def _add_secret(endpoint: WebhookEndpoint, cipher: Cipher) -> str:
    secret = signing.new_secret()
    endpoint.secrets.append(WebhookSecret(sealed=cipher.encrypt(secret.encode())))
    return secret


def _check_on(endpoint: WebhookEndpoint) -> None:
    if endpoint.disabled_at is not None:
        raise EndpointOff


def _send_again(session: Session, endpoint: WebhookEndpoint, chosen: ColumnElement[bool]) -> int:
    """Make the chosen events of the endpoint's key due there, as if they had never been tried; return how many."""
    now = utcnow()
    names: Sequence[str] = ("event_id", "endpoint_id", "message_id", "due_at", "tries")
    rows = select(
        WebhookEvent.id, literal(endpoint.id), WebhookEvent.message_id, literal(now, UtcDateTime), literal(0)
    ).where(WebhookEvent.key_id == endpoint.key_id, chosen)
    inserting = insert(session, core_table(WebhookDelivery)).from_select(
        names, rows.order_by(WebhookEvent.id).limit(MOST_REPLAYED)
    )
    sent = inserting.on_conflict_do_update(
        index_elements=[WebhookDelivery.event_id, WebhookDelivery.endpoint_id], set_={"due_at": now, "tries": 0}
    )
    return len(session.connection().execute(sent.returning(WebhookDelivery.event_id)).all())
