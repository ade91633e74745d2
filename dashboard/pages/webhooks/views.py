"""Webhooks: owners make, change and end them; operators try and replay; the others look."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.webhooks import endpoints, events, queue
from dashboard.gateway.webhooks.endpoints import AlreadyRotated, EndpointNotFound, NewEndpoint, TooManyEndpoints
from dashboard.models.api_keys import ApiKey
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint
from dashboard.pages.ui import fields, formats
from dashboard.pages.web import access, htmx

bp = Blueprint("webhooks", __name__)

STATES = {"active": _l("Active"), "failing": _l("Failing"), "disabled": _l("Disabled")}
EVENTS = {
    "message.sent": _l("Message handed to the carrier"),
    "message.delivered": _l("Message delivered"),
    "message.failed": _l("Message failed"),
    "message.expired": _l("Message expired"),
    "otp.verified": _l("Code verified"),
    "otp.exhausted": _l("Three wrong codes"),
}
URL_FAULTS = {
    "url_format": _l("Enter a web address without user name and password, such as https://example.org/hooks."),
    "url_scheme": _l("The address must begin with https://."),
    "url_private": _l("This address is private: webhooks go to public addresses, unless a setting allows others."),
}
WHY_OFF = {
    "asked": _l("Disabled by hand."),
    "gone": _l("It answered “410 Gone”, which asks for no more calls."),
    "failing": _l("Every call failed for five days."),
}
REASONS = {
    "refused": _l("It did not answer with a status from 200 to 299."),
    "redirected": _l("It answered with a redirect; those are not followed."),
    "no_answer": _l("It did not answer within 15 seconds."),
    "connection_lost": _l("The connection broke before it answered."),
    "unreachable": _l("It could not be reached."),
    "name_not_found": _l("Its name has no address."),
    "address_refused": _l("Its address is private, or not https: the settings do not allow it."),
    "certificate_refused": _l("Its certificate is not valid."),
    "secret_unreadable": _l("Its secret cannot be read: DATA_SECRET has changed. Rotate the secret."),
}
ONLY = {"undelivered": _l("What has not arrived"), "all": _l("Everything")}


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; the list alone when HTMX asks for it."""
    template = "webhooks/_list.html" if htmx.wants_fragment() else "webhooks/index.html"
    return render_template(template, **_listing())


@bp.get("/<uuid:webhook_id>")
def show(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """One endpoint and its calls; further calls alone when HTMX asks for more of them."""
    context = _detail(_find(webhook_id))
    if not htmx.wants_fragment():
        return render_template("webhooks/show.html", **context)
    return render_template("webhooks/_rows.html" if htmx.target() == "more" else "webhooks/_detail.html", **context)


@bp.get("/new")
@access.needs("owner")
def new() -> ResponseReturnValue:
    usual = MultiDict([("id", str(uuid.uuid4())), *(("events", kind) for kind in events.KINDS)])
    return _solo("webhooks/_form.html", **_form(usual, {}))


@bp.post("/new")
@access.needs("owner")
def create() -> ResponseReturnValue:
    """Make an endpoint and show its secret. The form bears the endpoint's id, so that a reload makes no second one."""
    form = EndpointForm(request.form)
    key = session.get(ApiKey, request.form.get("key", ""))
    if key is None or key.revoked_at is not None:
        form.errors["key"] = _("Choose the key whose events it is to hear.")
    if form.errors or key is None:
        return _solo("webhooks/_form.html", 422, **_form(request.form, form.errors))
    wanted = NewEndpoint(key.id, form.url, form.events, form.description, form.id)
    try:
        endpoint, secret = endpoints.create(session, _box(), wanted, _me())
    except AlreadyRotated:
        return _shown_before()
    except TooManyEndpoints:
        errors = {"key": _("This key has %(most)d webhooks already. Delete one first.", most=endpoints.MOST_ENDPOINTS)}
        return _solo("webhooks/_form.html", 422, **_form(request.form, errors))
    session.commit()
    events.wait_until_known()
    title = _("Webhook created")
    return _solo("webhooks/_secret.html", made=endpoint, secret=secret, title=title, **_list_part())


@bp.get("/<uuid:webhook_id>/edit")
@access.needs("owner")
def edit(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    held = [("url", webhook.url), ("description", webhook.description), *(("events", kind) for kind in webhook.events)]
    return _solo("webhooks/_form.html", **_form(MultiDict(held), {}, webhook))


@bp.post("/<uuid:webhook_id>/edit")
@access.needs("owner")
def change(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook, form = _find(webhook_id), EndpointForm(request.form)
    if form.errors:
        return _solo("webhooks/_form.html", 422, **_form(request.form, form.errors, webhook))
    webhook.url, webhook.description, webhook.events = form.url, form.description, list(form.events)
    session.commit()
    events.wait_until_known()
    return _changed(webhook, _("Webhook changed"))


@bp.get("/<uuid:webhook_id>/rotate")
@access.needs("owner")
def ask_rotate(webhook_id: uuid.UUID) -> ResponseReturnValue:
    return _solo("webhooks/_rotate.html", webhook=_find(webhook_id))


@bp.post("/<uuid:webhook_id>/rotate")
@access.needs("owner")
def rotate(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """Make a new secret and show it; the form bears the newest one it knew, so that a reload makes no third."""
    webhook, newest = _find(webhook_id), request.form.get("newest", "")
    try:
        secret = endpoints.rotate(session, _box(), webhook, int(newest) if newest.isascii() and newest.isdigit() else 0)
    except AlreadyRotated:
        return _shown_before()
    session.commit()
    title = _("New secret created")
    return _solo("webhooks/_secret.html", made=webhook, secret=secret, title=title, **_detail_part(webhook))


@bp.get("/<uuid:webhook_id>/disable")
@access.needs("owner")
def ask_disable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    return _solo("webhooks/_disable.html", webhook=webhook, backlog=endpoints.backlog(session, webhook))


@bp.post("/<uuid:webhook_id>/disable")
@access.needs("owner")
def disable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    endpoints.disable(session, webhook)
    session.commit()
    return _changed(webhook, _("Webhook disabled"))


@bp.post("/<uuid:webhook_id>/enable")
@access.needs("owner")
def enable(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _find(webhook_id)
    endpoints.enable(session, webhook)
    session.commit()
    return _changed(webhook, _("Webhook enabled. Replay what it missed."))


@bp.get("/<uuid:webhook_id>/delete")
@access.needs("owner")
def ask_delete(webhook_id: uuid.UUID) -> ResponseReturnValue:
    return _solo("webhooks/_delete.html", webhook=_find(webhook_id))


@bp.post("/<uuid:webhook_id>/delete")
@access.needs("owner")
def delete(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """End it, and lead to the list: the page it was asked on is no more."""
    endpoints.remove(session, _find(webhook_id))
    session.commit()
    flash(_("Webhook deleted"))
    if htmx.wants_fragment():
        return "", 204, {"HX-Redirect": url_for(".index")}
    return redirect(url_for(".index"), 303)


@bp.post("/<uuid:webhook_id>/test")
@access.needs("operator")
def send_test(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook = _on(webhook_id)
    endpoints.send_test(session, webhook)
    return _sent(webhook, _("Test event sent. Its call appears below."))


@bp.get("/<uuid:webhook_id>/replay")
@access.needs("operator")
def ask_replay(webhook_id: uuid.UUID) -> ResponseReturnValue:
    webhook, now = _on(webhook_id), utcnow()
    since = min(webhook.failing_since or now, now - timedelta(days=1))
    usual = {"since": _typed(since), "until": _typed(now + timedelta(minutes=1))}
    return _solo("webhooks/_replay.html", webhook=webhook, values=usual, errors={}, choices=ONLY)


@bp.post("/<uuid:webhook_id>/replay")
@access.needs("operator")
def replay(webhook_id: uuid.UUID) -> ResponseReturnValue:
    """One event again, or those of a period."""
    webhook = _on(webhook_id)
    if "event" in request.form:
        try:
            endpoints.replay(session, webhook, request.form["event"])
        except endpoints.EventNotFound:
            abort(404)
        return _sent(webhook, _("The event is sent again."))
    since, until = _moment("since"), _moment("until")
    only = "all" if request.form.get("only") == "all" else "undelivered"
    if since is None or until is None or since >= until:
        fault = {"since": _("Enter two times, the earlier one first.")}
        context = {"webhook": webhook, "values": request.form, "errors": fault, "choices": ONLY}
        return _solo("webhooks/_replay.html", 422, **context)
    count = endpoints.replay_period(session, webhook, since, until, only)
    return _sent(webhook, _("Events to be sent again: %(count)d", count=count))


class EndpointForm:
    """The form of an endpoint. `errors` is by field; the rest holds when there are none."""

    def __init__(self, form: MultiDict[str, str]) -> None:
        self.errors: dict[str, str] = {}
        self.url = form.get("url", "").strip()
        self.description = " ".join(form.get("description", "").split(" ")).strip()
        self.events = tuple(kind for kind in events.KINDS if kind in form.getlist("events"))
        self.id = _uuid(form.get("id", ""))
        fault = endpoints.url_fault(self.url, endpoints.guard(services().settings))
        if fault:
            self.errors["url"] = str(URL_FAULTS[fault])
        if len(self.description) > endpoints.LONGEST_DESCRIPTION or fields.UNPRINTABLE.search(self.description):
            most = endpoints.LONGEST_DESCRIPTION
            self.errors["description"] = _("Use at most %(most)d characters, on one line.", most=most)
        if not self.events:
            self.errors["events"] = _("Choose at least one event.")


def shown_url(webhook: WebhookEndpoint) -> str:
    """Viewers see where it leads, but not the path: some services put a secret there."""
    person = access.visitor()
    if person and person.may("operator"):
        return webhook.url
    parts = urlsplit(webhook.url)
    return f"{parts.scheme}://{parts.netloc}/…"


def reason(code: str | None, status: int | None = None) -> str:
    """Why a call failed."""
    if code == "refused" and status is not None:
        return str(_("It answered with the status %(status)d.", status=status))
    return str(REASONS.get(code or "") or _("The call failed: “%(code)s”.", code=code or ""))


def _listing() -> dict[str, Any]:
    found = endpoints.listed(session)
    off = [one for one in found if one.disabled_for in ("gone", "failing")]
    return {"webhooks": found, "off": off, **_shared()}


def _detail(webhook: WebhookEndpoint) -> dict[str, Any]:
    before = request.args.get("before", "")
    place = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    calls = endpoints.attempts(session, webhook, place, endpoints.PAGE + 1)
    shown, due = calls[: endpoints.PAGE], endpoints.next_try(session, webhook)
    return {
        "webhook": webhook,
        "calls": shown,
        "more": shown[-1].id if len(calls) > endpoints.PAGE else None,
        "is_first": place is None,
        "backlog": endpoints.backlog(session, webhook),
        "next_try": due if due is not None and due > utcnow() else None,
        "older": endpoints.live_secrets(webhook)[1:],
        **_shared(),
    }


def _shared() -> dict[str, Any]:
    person = access.visitor()
    return {
        "is_owner": person is not None and person.may("owner"),
        "is_operator": person is not None and person.may("operator"),
        "state_of": endpoints.state,
        "outcome_of": _outcome,
        "shown_url": shown_url,
        "why_failed": reason,
        "STATES": STATES,
        "EVENTS": EVENTS,
        "WHY_OFF": WHY_OFF,
        "MOST_CALLS": queue.MOST_TRIES,
    }


def _outcome(call: WebhookAttempt) -> str:
    return "delivered" if call.error is None else "failed"


def _form(
    values: MultiDict[str, str], errors: dict[str, str], webhook: WebhookEndpoint | None = None
) -> dict[str, Any]:
    return {
        "values": values,
        "chosen": values.getlist("events"),
        "errors": errors,
        "webhook": webhook,
        "keys": [key for key in keys.listed(session) if keys.state(key) == "active"],
        "EVENTS": EVENTS,
    }


def _list_part() -> dict[str, Any]:
    return {"part": {"target": "webhooks", "template": "webhooks/_list.html"}, **_listing()}


def _detail_part(webhook: WebhookEndpoint) -> dict[str, Any]:
    return {"part": {"target": "webhook", "template": "webhooks/_detail.html"}, **_detail(webhook)}


def _changed(webhook: WebhookEndpoint, message: str) -> ResponseReturnValue:
    return htmx.done(message, url_for(".show", webhook_id=webhook.id), **_detail_part(webhook))


def _sent(webhook: WebhookEndpoint, message: str) -> ResponseReturnValue:
    session.commit()
    services().wakeup.notify(queue.LANE)
    return _changed(webhook, message)


def _shown_before() -> ResponseReturnValue:
    """The same form came twice: nothing is made, nothing is shown again."""
    message = _("This was done already. A secret is shown once; rotate it if you did not keep it.")
    if htmx.wants_fragment():
        return htmx.toast(409, message)
    flash(message)
    return redirect(url_for(".index"), 303)


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


def _moment(name: str) -> datetime | None:
    """A time typed in the gateway's time zone."""
    try:
        typed = datetime.fromisoformat(request.form.get(name, ""))
        return typed.replace(tzinfo=ZoneInfo(formats.zone_name())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _typed(at: datetime) -> str:
    """A time as a field for one holds it, to the minute, in the gateway's time zone."""
    return at.astimezone(ZoneInfo(formats.zone_name())).strftime("%Y-%m-%dT%H:%M")


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid4())


def _box() -> Any:
    return endpoints.cipher(services().settings)


def _me() -> str:
    person = access.visitor()
    return person.email if person else ""


def _solo(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.solo(fragment, status, page_title=_("Webhooks"), **context)
