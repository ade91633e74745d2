"""Webhooks: owners make, change and end them; operators try and replay; the others look."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.webhooks import endpoints, events, queue
from dashboard.gateway.webhooks.endpoints import AlreadyRotated, EndpointNotFound, TooManyEndpoints
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint
from dashboard.pages.ui import fields, formats
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.pages.webhooks import labels
from dashboard.pages.webhooks.forms import EndpointForm, NewEndpointForm, ReplayForm
from dashboard.vocabulary import DisabledReason, Lane, Role

UNDO = "webhook"
QUEUED = timedelta(hours=1)  # before its first failure: what may have waited then

bp = Blueprint("webhooks", __name__)

SHOWN_BEFORE = _l("A new secret was created already. It is shown once; rotate it again if you did not keep it.")


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; the list alone when HTMX asks for it."""
    return htmx.page("webhooks/index.html", "webhooks/_list.html", **_listing())


@bp.get("/<uuid:webhook_id>")
def show(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """One endpoint and its calls; further calls alone when HTMX asks for more of them."""
    fragment = "webhooks/_rows.html" if htmx.target() == "more" else "webhooks/_detail.html"
    return htmx.page("webhooks/show.html", fragment, **_detail(_find(webhook_id)))


@bp.get("/new")
@access.needs(Role.OWNER, proof=True)
def new() -> ResponseReturnValue:
    return _form(NewEndpointForm(keys.listed(session)))


@bp.post("/new")
@access.needs(Role.OWNER, proof=True)
def create() -> ResponseReturnValue:
    """Make an endpoint and show its secret. The form bears the endpoint's id, so that a reload makes no second one."""
    form = NewEndpointForm(keys.listed(session))
    if not form.validate():
        return _form(form, status=422)
    try:
        endpoint, secret = endpoints.create(session, _box(), form.new_endpoint(), current_user.email)
    except AlreadyRotated:
        return htmx.refused(str(SHOWN_BEFORE), url_for(".index"))
    except TooManyEndpoints:
        fault = _(
            "This key has the most webhooks it may have: %(most)d. Delete one first.", most=endpoints.MOST_ENDPOINTS
        )
        form.blame("key", fault)
        return _form(form, status=422)
    audited.record("webhooks.create", endpoint.id)
    session.commit()
    events.wait_until_known()
    part = ChangedPart("webhooks", "webhooks/_list.html", _listing())
    return _secret(endpoint, secret, _("Webhook created"), part)


@bp.get("/<uuid:webhook_id>/edit")
@access.needs(Role.OWNER, proof=True)
def edit(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    return _form(EndpointForm(obj=webhook), webhook)


@bp.post("/<uuid:webhook_id>/edit")
@access.needs(Role.OWNER, proof=True)
def change(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    form = EndpointForm(obj=webhook)
    if not form.validate():
        return _form(form, webhook, form.status)
    form.apply(webhook)
    audited.record("webhooks.change", webhook.id)
    session.commit()
    events.wait_until_known()
    return _changed(webhook, _("Webhook changed"))


@bp.get("/<uuid:webhook_id>/rotate")
@access.needs(Role.OWNER, proof=True)
def ask_rotate(webhook_id: uuid.UUID) -> ResponseReturnValue:
    return _dialog("webhooks/_rotate.html", webhook=_find(webhook_id))


@bp.post("/<uuid:webhook_id>/rotate")
@access.needs(Role.OWNER, proof=True)
def rotate(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """Make a new secret and show it; the form bears the newest one it knew, so that a reload makes no third."""
    webhook, newest = _find(webhook_id), request.form.get("newest", "")
    try:
        secret = endpoints.rotate(session, _box(), webhook, fields.whole(newest) or 0)
    except AlreadyRotated:
        return htmx.refused(str(SHOWN_BEFORE), url_for(".index"))
    audited.record("webhooks.rotate", webhook.id)
    session.commit()
    back = undo.undo(url_for(".take_back_secret", webhook_id=webhook.id), UNDO, {"id": webhook.secrets[-1].id})
    return _secret(webhook, secret, _("New secret created"), _detail_part(webhook), back)


@bp.post("/<uuid:webhook_id>/rotate/undo")
@access.needs(Role.OWNER)
def take_back_secret(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """Forget a secret that was made a moment ago; the one before it signs without an end again."""
    webhook, before = _find(webhook_id), undo.taken_back(UNDO)
    try:
        endpoints.take_back_secret(session, webhook, before["id"])
    except AlreadyRotated:
        return htmx.refused(_("There is a newer secret, or this one was taken back."), url_for(".index"))
    audited.record("webhooks.take_back_secret", webhook.id)
    session.commit()
    return _changed(webhook, _("New secret deleted. The secret before it signs again."))


@bp.get("/<uuid:webhook_id>/disable")
@access.needs(Role.OWNER, proof=True)
def ask_disable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    return _dialog("webhooks/_disable.html", webhook=webhook, backlog=endpoints.backlog(session, webhook))


@bp.post("/<uuid:webhook_id>/disable")
@access.needs(Role.OWNER, proof=True)
def disable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    endpoints.disable(session, webhook)
    audited.record("webhooks.disable", webhook.id)
    session.commit()
    return _changed(webhook, _("Webhook disabled"), Undo(url_for(".enable", webhook_id=webhook.id), {}))


@bp.post("/<uuid:webhook_id>/enable")
@access.needs(Role.OWNER, proof=True)
def enable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """Call it again, and offer what it missed."""
    webhook = _find(webhook_id)
    missed_since = (webhook.failing_since or webhook.disabled_at or utcnow()) - QUEUED
    endpoints.enable(session, webhook)
    audited.record("webhooks.enable", webhook.id)
    session.commit()
    page = url_for(".show", webhook_id=webhook.id, missed=formats.typed_time(missed_since))
    part = ChangedPart("webhook", "webhooks/_detail.html", _detail(webhook, missed_since))
    return htmx.updated(_("Webhook enabled. Replay the events that it missed."), page, part)


@bp.get("/<uuid:webhook_id>/delete")
@access.needs(Role.OWNER, proof=True)
def ask_delete(webhook_id: uuid.UUID) -> ResponseReturnValue:
    return _dialog("webhooks/_delete.html", webhook=_find(webhook_id))


@bp.post("/<uuid:webhook_id>/delete")
@access.needs(Role.OWNER, proof=True)
def delete(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """End it, and lead to the list: the page it was asked on is no more."""
    webhook = _find(webhook_id)
    before = {"id": webhook.id, "was_on": webhook.disabled_at is None}
    endpoints.remove(session, webhook)
    audited.record("webhooks.delete", str(webhook_id))
    session.commit()
    htmx.tell(_("Webhook deleted"), undo.undo(url_for(".restore"), UNDO, before))
    return htmx.redirect(url_for(".index"))


@bp.post("/restore")
@access.needs(Role.OWNER)
def restore() -> ResponseReturnValue:
    """Bring back a webhook that was deleted a moment ago."""
    before = undo.taken_back(UNDO)
    try:
        webhook = endpoints.restore(session, before["id"], was_on=before["was_on"])
    except EndpointNotFound:
        abort(404)
    except TooManyEndpoints:
        return htmx.refused(_("This key has as many webhooks as it may have."), url_for(".index"))
    audited.record("webhooks.restore", webhook.id)
    session.commit()
    events.wait_until_known()
    htmx.tell(_("Webhook restored. Events of the moment between can be replayed."))
    return htmx.redirect(url_for(".show", webhook_id=webhook.id))


@bp.post("/<uuid:webhook_id>/test")
@access.needs(Role.OPERATOR)
def send_test(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _on(webhook_id)
    endpoints.send_test(session, webhook)
    audited.record("webhooks.test", webhook.id)
    return _sent(webhook, _("Test event sent. Its call appears below."))


@bp.get("/<uuid:webhook_id>/replay")
@access.needs(Role.OPERATOR)
def ask_replay(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook, now = _on(webhook_id), utcnow()
    since = fields.local_time(request.args.get("since", "")) or min(
        webhook.failing_since or now, now - timedelta(days=1)
    )
    form = ReplayForm(since=since, until=now + timedelta(minutes=1))
    return _dialog("webhooks/_replay.html", webhook=webhook, form=form)


@bp.post("/<uuid:webhook_id>/replay")
@access.needs(Role.OPERATOR)
def replay(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """One event again, or those of a period."""
    webhook = _on(webhook_id)
    if "event" in request.form:
        try:
            endpoints.replay(session, webhook, request.form["event"])
        except endpoints.EventNotFound:
            abort(404)
        audited.record("webhooks.replay", webhook.id)
        return _sent(webhook, _("The event is sent again."))
    form = ReplayForm()
    if not form.validate():
        return _dialog("webhooks/_replay.html", 422, webhook=webhook, form=form)
    count = endpoints.replay_period(session, webhook, form.since.data, form.until.data, form.only.data)
    audited.record("webhooks.replay", webhook.id, events=(None, count))
    return _sent(webhook, _("Events to be sent again: %(count)d", count=count))


def _listing() -> dict[str, Any]:
    found = endpoints.listed(session)
    off = [one for one in found if one.disabled_for in (DisabledReason.GONE, DisabledReason.FAILING)]
    return {"webhooks": found, "off": off, **_shared()}


def _detail(webhook: WebhookEndpoint, missed_since: datetime | None = None) -> dict[str, Any]:
    place = fields.whole(request.args.get("before", ""))
    calls = endpoints.attempts(session, webhook, place, endpoints.PAGE + 1)
    shown, due = calls[: endpoints.PAGE], endpoints.next_try(session, webhook)
    return {
        "webhook": webhook,
        "calls": shown,
        "more": shown[-1].id if len(calls) > endpoints.PAGE else None,
        "is_first": place is None,
        "missed_since": missed_since or fields.local_time(request.args.get("missed", "")),
        "backlog": endpoints.backlog(session, webhook),
        "next_try": due if due is not None and due > utcnow() else None,
        "older": endpoints.live_secrets(webhook)[1:],
        **_shared(),
    }


def _shared() -> dict[str, Any]:
    return {
        "is_owner": current_user.may(Role.OWNER),
        "is_operator": current_user.may(Role.OPERATOR),
        "state_of": endpoints.state,
        "outcome_of": _outcome,
        "typed_time": formats.typed_time,
        "shown_url": labels.shown_url,
        "why_failed": labels.reason,
        "STATES": labels.STATES,
        "EVENTS": labels.EVENTS,
        "ENVELOPES": labels.ENVELOPES,
        "WHY_OFF": labels.WHY_OFF,
        "MOST_CALLS": queue.MOST_TRIES,
    }


def _outcome(call: WebhookAttempt) -> str:
    return "delivered" if call.error is None else "failed"


def _form(form: EndpointForm, webhook: WebhookEndpoint | None = None, status: int = 200) -> ResponseReturnValue:
    return _dialog("webhooks/_form.html", status, form=form, webhook=webhook)


def _secret(
    webhook: WebhookEndpoint, secret: str, heading: str, part: ChangedPart, back: Undo | None = None
) -> ResponseReturnValue:
    """The one answer that shows a secret."""
    return _dialog("webhooks/_secret.html", part=part, made=webhook, secret=secret, title=heading, undo=back)


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Webhooks"), **context)


def _detail_part(webhook: WebhookEndpoint) -> ChangedPart:
    return ChangedPart("webhook", "webhooks/_detail.html", _detail(webhook))


def _changed(webhook: WebhookEndpoint, message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".show", webhook_id=webhook.id), _detail_part(webhook), back)


def _sent(webhook: WebhookEndpoint, message: str) -> ResponseReturnValue:
    session.commit()
    services().wakeup.notify(Lane.WEBHOOKS)
    return _changed(webhook, message)


def _find(webhook_id: uuid.UUID) -> WebhookEndpoint:
    try:
        return endpoints.find(session, str(webhook_id))
    except EndpointNotFound:
        abort(404)


def _on(webhook_id: uuid.UUID) -> WebhookEndpoint:
    """An endpoint that takes events."""
    webhook = _find(webhook_id)
    if webhook.disabled_at is not None:
        abort(404)
    return webhook


def _box() -> Any:
    return endpoints.cipher(services().settings)
