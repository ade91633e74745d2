"""/webhooks: the endpoints of the key that calls, and what became of telling them."""

from __future__ import annotations

import re

from cryptography.fernet import Fernet

from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract
from dashboard.api.errors import Invalid, problem
from dashboard.api.schemas.requests import MESSAGE_ID
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
from dashboard.gateway.webhooks import endpoints, events, queue
from dashboard.gateway.webhooks.endpoints import (
    EndpointNotFound,
    EndpointOff,
    EventNotFound,
    NewEndpoint,
    TooManyEndpoints,
)
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint

TAG = "Webhooks"
EVENT_ID = re.compile(r"evt_[0-9a-f]{32}")
URL_FAULTS = {
    "url_format": "Must be a web address of at most 2,000 characters, without user name and password",
    "url_scheme": "Must begin with https://",
    "url_private": "Must not be a private or loopback address",
}


class BadUrl(Invalid):
    """Nothing may be sent to this address; the code is one of URL_FAULTS."""

    def __init__(self, code: str) -> None:
        super().__init__([problem(["url"], code, URL_FAULTS[code])])


@bp.get("/webhooks", provide_automatic_options=False)
@contract(Contract(gives=WebhookList, scope="read", summary="List webhooks", tag=TAG))
def list_webhooks() -> WebhookList:
    """The endpoints of this API key. Their secrets are not told."""
    return WebhookList(webhooks=[Webhook(**_described(one)) for one in endpoints.of_key(session, caller().id)])


@bp.post("/webhooks", provide_automatic_options=False)
@contract(
    Contract(
        takes=NewWebhook,
        gives=WebhookMade,
        scope="webhooks",
        refuses=(BadUrl, TooManyEndpoints),
        summary="Create a webhook",
        tag=TAG,
    )
)
def create_webhook(wanted: NewWebhook) -> WebhookMade:
    """From the answer on, no event passes it by. The `secret` is in this answer only."""
    _check_url(wanted.url)
    asked = NewEndpoint(caller().id, wanted.url, tuple(wanted.events or events.KINDS), wanted.description)
    endpoint, secret = endpoints.create(session, _box(), asked)
    made = WebhookMade(**_described(endpoint), secret=secret)
    session.commit()
    events.wait_until_known()
    return made


@bp.get("/webhooks/<webhook_id>", provide_automatic_options=False)
@contract(Contract(gives=WebhookShown, scope="read", refuses=(EndpointNotFound,), summary="Look at a webhook", tag=TAG))
def show_webhook(webhook_id: str) -> WebhookShown:
    """How the endpoint is doing."""
    return WebhookShown(**_described(_find(webhook_id)))


@bp.patch("/webhooks/<webhook_id>", provide_automatic_options=False)
@contract(
    Contract(
        takes=WebhookChange,
        gives=WebhookShown,
        scope="webhooks",
        refuses=(BadUrl, EndpointNotFound),
        summary="Change a webhook",
        tag=TAG,
    )
)
def change_webhook(wanted: WebhookChange, webhook_id: str) -> WebhookShown:
    """Change its address, its events or its description; disable or enable it. To disable gives up what waits; replay
    brings it back.
    """
    endpoint = _find(webhook_id)
    if wanted.url is not None:
        _check_url(wanted.url)
    for name in ("url", "events", "description"):
        if getattr(wanted, name) is not None:
            setattr(endpoint, name, getattr(wanted, name))
    if wanted.enabled is not None:
        (endpoints.enable if wanted.enabled else endpoints.disable)(session, endpoint)
    shown = WebhookShown(**_described(endpoint))
    session.commit()
    events.wait_until_known()
    return shown


@bp.delete("/webhooks/<webhook_id>", provide_automatic_options=False)
@contract(Contract(gives=Done, scope="webhooks", refuses=(EndpointNotFound,), summary="Delete a webhook", tag=TAG))
def delete_webhook(webhook_id: str) -> Done:
    """No call is made to it any more."""
    endpoints.remove(session, _find(webhook_id))
    session.commit()
    return Done()


@bp.post("/webhooks/<webhook_id>/rotate", provide_automatic_options=False)
@contract(
    Contract(gives=SecretRotated, scope="webhooks", refuses=(EndpointNotFound,), summary="Rotate its secret", tag=TAG)
)
def rotate_secret(webhook_id: str) -> SecretRotated:
    """Make a new secret. For 24 hours, calls are signed with the old one too."""
    secret = endpoints.rotate(session, _box(), _find(webhook_id))
    session.commit()
    return SecretRotated(secret=secret, previous_until=iso(utcnow() + endpoints.GRACE) or "")


@bp.post("/webhooks/<webhook_id>/test", provide_automatic_options=False)
@contract(
    Contract(
        gives=TestSent,
        scope="webhooks",
        refuses=(EndpointNotFound, EndpointOff),
        summary="Send a test event",
        tag=TAG,
    )
)
def test_webhook(webhook_id: str) -> TestSent:
    """A `webhook.test` goes to this endpoint alone. See its attempts for what came of it."""
    reference = endpoints.send_test(session, _find(webhook_id))
    session.commit()
    services().wakeup.notify(queue.LANE)
    return TestSent(event_id=reference)


@bp.get("/webhooks/<webhook_id>/attempts", provide_automatic_options=False)
@contract(
    Contract(
        asks=PageOfAttempts,
        gives=Attempts,
        scope="read",
        refuses=(EndpointNotFound,),
        summary="List its attempts",
        tag=TAG,
    )
)
def list_attempts(wanted: PageOfAttempts, webhook_id: str) -> Attempts:
    """Every call of the last 30 days, and what the endpoint answered."""
    found = endpoints.attempts(session, _find(webhook_id), wanted.after, wanted.limit + 1)
    shown = found[: wanted.limit]
    last = shown[-1].id if len(found) > wanted.limit else None
    return Attempts(attempts=[_attempt(one) for one in shown], next=last)


@bp.post("/webhooks/<webhook_id>/replay", provide_automatic_options=False)
@contract(
    Contract(
        takes=ReplayRange,
        gives=Replayed,
        scope="webhooks",
        refuses=(EndpointNotFound, EndpointOff, EventNotFound),
        summary="Replay events",
        tag=TAG,
    )
)
def replay_events(wanted: ReplayRange, webhook_id: str) -> Replayed:
    """Send one event, or those of a period, again, each under the `webhook-id` it had. Events are kept 30 days. A call
    replays 10,000 at most; call again for the rest.
    """
    endpoint, count = _find(webhook_id), 1
    if wanted.event_id is not None:
        if not EVENT_ID.fullmatch(wanted.event_id):
            raise EventNotFound(wanted.event_id)
        endpoints.replay(session, endpoint, wanted.event_id)
    else:
        since, until = wanted.since or utcnow(), wanted.until or utcnow()
        count = endpoints.replay_period(session, endpoint, since, until, wanted.only)
    session.commit()
    services().wakeup.notify(queue.LANE)
    return Replayed(replayed=count)


def _find(webhook_id: str) -> WebhookEndpoint:
    if not MESSAGE_ID.fullmatch(webhook_id):  # a malformed id is an unknown one; PostgreSQL would not even take a NUL
        raise EndpointNotFound(webhook_id)
    return endpoints.find(session, webhook_id, caller().id)


def _box() -> Fernet:
    return endpoints.cipher(services().settings)


def _check_url(url: str) -> None:
    fault = endpoints.url_fault(url, endpoints.guard(services().settings))
    if fault is not None:
        raise BadUrl(fault)


def _described(endpoint: WebhookEndpoint) -> dict[str, object]:
    return {
        "webhook_id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
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
