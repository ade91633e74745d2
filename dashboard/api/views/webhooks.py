"""/webhooks: the endpoints of the key that calls, and what became of telling them."""

from __future__ import annotations

import re
from typing import Any

from flask import g, request

from dashboard.api import errors
from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract, idempotent_call
from dashboard.api.errors import ApiError
from dashboard.api.schemas.base import read_id
from dashboard.api.schemas.webhooks import (
    Attempt,
    Attempts,
    Done,
    NewWebhook,
    PageOfAttempts,
    Replayed,
    ReplayRange,
    SecretRotated,
    TestSent,
    Webhook,
    WebhookChange,
    WebhookList,
    WebhookMade,
    WebhookShown,
)
from dashboard.db import iso, utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.audit import trail
from dashboard.gateway.encryption import Cipher
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import Mismatch, StoredResult
from dashboard.gateway.webhooks import endpoints, events
from dashboard.gateway.webhooks.endpoints import EndpointNotFound, EventNotFound, NewEndpoint
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint
from dashboard.vocabulary import Lane, Scope

TAG = "Webhooks"
EVENT_ID = re.compile(r"evt_[0-9a-f]{32}")
URL_ERRORS = ("url_format", "url_scheme", "url_private")


@bp.get("/webhooks")
@contract(Contract(response=WebhookList, scope=Scope.READ, summary="List webhooks", tag=TAG))
def list_webhooks() -> WebhookList:
    """The endpoints of this API key. Their secrets are not told."""
    return WebhookList(
        webhooks=[Webhook(**_described(endpoint)) for endpoint in endpoints.of_key(session, caller().id)]
    )


@bp.post("/webhooks")
@contract(
    Contract(
        body=NewWebhook,
        response=WebhookMade,
        scope=Scope.WEBHOOKS,
        errors=(*URL_ERRORS, "too_many_webhooks", "webhook_not_found", "idempotency_mismatch"),
        idempotent=True,
        summary="Create a webhook",
        tag=TAG,
    )
)
def create_webhook(body: NewWebhook) -> WebhookMade:
    """From the answer on, no event passes it by. The `secret` is in this answer only."""
    _check_url(body.url)
    call = idempotent_call()
    if caller().digest not in authentication.live_digests(session, [caller()]):
        raise UnknownKey
    stored = idempotency.find_all(session, [call]).get(call.token) if call else None
    if isinstance(stored, Mismatch):
        raise stored
    if stored is not None:
        errors.note_replay(is_replay=True)
        endpoint = _find(stored.result["webhook_id"])
        return WebhookMade(**_described(endpoint), secret=_box().decrypt(endpoint.secrets[0].sealed).decode())
    wanted = tuple(body.events or events.USUAL[body.envelope])
    new = NewEndpoint(caller().id, body.url, wanted, body.description, body.envelope)
    endpoint, secret = endpoints.create(session, _box(), new)
    made = WebhookMade(**_described(endpoint), secret=secret)
    _record("webhooks.create", endpoint.id)
    if call:
        idempotency.keep(session, call, StoredResult.of({"webhook_id": endpoint.id}))
    session.commit()
    events.wait_until_known()
    return made


@bp.get("/webhooks/<webhook_id>")
@contract(
    Contract(
        response=WebhookShown, scope=Scope.READ, errors=("webhook_not_found",), summary="Look at a webhook", tag=TAG
    )
)
def show_webhook(webhook_id: str) -> WebhookShown:
    """How the endpoint is doing."""
    return WebhookShown(**_described(_find(webhook_id)))


@bp.patch("/webhooks/<webhook_id>")
@contract(
    Contract(
        body=WebhookChange,
        response=WebhookShown,
        scope=Scope.WEBHOOKS,
        errors=(*URL_ERRORS, "webhook_not_found"),
        summary="Change a webhook",
        tag=TAG,
    )
)
def change_webhook(body: WebhookChange, webhook_id: str) -> WebhookShown:
    """Change its address, its events, its description or its envelope; disable or enable it. To disable gives up what
    waits; replay brings it back.
    """
    endpoint = _find(webhook_id)
    if body.url is not None:
        _check_url(body.url)
    for name in ("url", "events", "description", "envelope"):
        if getattr(body, name) is not None:
            setattr(endpoint, name, getattr(body, name))
    if body.enabled is not None:
        (endpoints.enable if body.enabled else endpoints.disable)(session, endpoint)
    shown = WebhookShown(**_described(endpoint))
    _record("webhooks.change", endpoint.id)
    session.commit()
    events.wait_until_known()
    return shown


@bp.delete("/webhooks/<webhook_id>")
@contract(
    Contract(response=Done, scope=Scope.WEBHOOKS, errors=("webhook_not_found",), summary="Delete a webhook", tag=TAG)
)
def delete_webhook(webhook_id: str) -> Done:
    """No call is made to it any more."""
    endpoints.remove(session, _find(webhook_id))
    _record("webhooks.delete", webhook_id)
    session.commit()
    return Done()


@bp.post("/webhooks/<webhook_id>/rotate")
@contract(
    Contract(
        response=SecretRotated,
        scope=Scope.WEBHOOKS,
        errors=("webhook_not_found",),
        summary="Rotate its secret",
        tag=TAG,
    )
)
def rotate_secret(webhook_id: str) -> SecretRotated:
    """Make a new secret. For 24 hours, calls are signed with the old one too."""
    secret = endpoints.rotate(session, _box(), _find(webhook_id))
    _record("webhooks.rotate", webhook_id)
    session.commit()
    return SecretRotated(secret=secret, previous_until=iso(utcnow() + endpoints.GRACE) or "")


@bp.post("/webhooks/<webhook_id>/test")
@contract(
    Contract(
        response=TestSent,
        scope=Scope.WEBHOOKS,
        errors=("webhook_not_found", "webhook_disabled"),
        summary="Send a test event",
        tag=TAG,
    )
)
def test_webhook(webhook_id: str) -> TestSent:
    """A `webhook.test` goes to this endpoint alone. See its attempts for what came of it."""
    reference = endpoints.send_test(session, _find(webhook_id))
    _record("webhooks.test", webhook_id)
    session.commit()
    services().wakeup.notify(Lane.WEBHOOKS)
    return TestSent(event_id=reference)


@bp.get("/webhooks/<webhook_id>/attempts")
@contract(
    Contract(
        query=PageOfAttempts,
        response=Attempts,
        scope=Scope.READ,
        errors=("webhook_not_found",),
        summary="List its attempts",
        tag=TAG,
    )
)
def list_attempts(query: PageOfAttempts, webhook_id: str) -> Attempts:
    """Every call of the last 30 days, and what the endpoint answered."""
    attempts = endpoints.attempts(session, _find(webhook_id), query.after, query.limit + 1)
    shown = attempts[: query.limit]
    last = shown[-1].id if len(attempts) > query.limit else None
    return Attempts(attempts=[_attempt(attempt) for attempt in shown], next=last)


@bp.post("/webhooks/<webhook_id>/replay")
@contract(
    Contract(
        body=ReplayRange,
        response=Replayed,
        scope=Scope.WEBHOOKS,
        errors=("webhook_not_found", "webhook_disabled", "event_not_found"),
        summary="Replay events",
        tag=TAG,
    )
)
def replay_events(body: ReplayRange, webhook_id: str) -> Replayed:
    """Send one event, or those of a period, again, each under the `webhook-id` it had. Events are kept 30 days. A call
    replays 10,000 at most; call again for the rest.
    """
    endpoint, count = _find(webhook_id), 1
    if body.event_id is not None:
        if not EVENT_ID.fullmatch(body.event_id):
            raise EventNotFound(body.event_id)
        endpoints.replay(session, endpoint, body.event_id)
    else:
        since, until = body.since or utcnow(), body.until or utcnow()
        count = endpoints.replay_period(session, endpoint, since, until, body.only)
    _record("webhooks.replay", webhook_id, events=(None, count))
    session.commit()
    services().wakeup.notify(Lane.WEBHOOKS)
    return Replayed(replayed=count)


def _record(act: str, webhook_id: str, **facts: tuple[Any, Any]) -> None:
    """Note in the audit log what the key did, before the commit."""
    home = services().settings.chinqit_home
    actor = trail.Actor(f"key {caller().id}", home, request.remote_addr or "", g.request_id)
    trail.record(session, actor, act, webhook_id, **facts)


def _find(webhook_id: str) -> WebhookEndpoint:
    reference = read_id(webhook_id)
    if reference is None:  # a malformed id is an unknown one; PostgreSQL would not even take a NUL
        raise EndpointNotFound(webhook_id)
    return endpoints.find(session, reference, caller().id)


def _box() -> Cipher:
    return endpoints.cipher(services().settings)


def _check_url(url: str) -> None:
    fault = endpoints.url_fault(url, endpoints.guard(services().settings))
    if fault is not None:
        raise ApiError(fault)


def _described(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "webhook_id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
        "envelope": endpoint.envelope,
        "state": endpoints.state(endpoint),
        "disabled_reason": endpoint.disabled_for,
        "created_at": iso(endpoint.created_at),
        "disabled_at": iso(endpoint.disabled_at),
        "failing_since": iso(endpoint.failing_since),
        "last_attempt_at": iso(endpoint.last_at),
        "last_status": endpoint.last_status,
        "last_error": endpoint.last_error,
    }


def _attempt(row: WebhookAttempt) -> Attempt:
    return Attempt(
        event_id=row.event.reference,
        type=row.event.kind,
        attempt=row.number,
        at=iso(row.at) or "",
        status=row.status,
        error=row.error,
        duration_ms=row.milliseconds,
        answer=row.answer,
    )
