"""The sandbox phone: what test messages look like on a handset, live, and a way to send one.

It shows codes, so it is for operators; everything else in the dashboard masks them.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from dashboard.extensions import services, session
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send as otp
from dashboard.gateway.otp.template_rules import LONE_NUMBER
from dashboard.models.api_keys import ApiKey
from dashboard.pages.ui import fields, formats, labels
from dashboard.pages.ui.fields import Fault
from dashboard.pages.web import access, htmx
from dashboard.providers.sandbox import ENDINGS
from dashboard.sms import encoding

MOST_PHONES = 6
MOST_TEXTS = 20  # on one phone's screen
MOST_SEGMENTS = 10
CODE = re.compile(r"[0-9]{6}")
USUAL = {"kind": "otp", "phone": "", "language": "fr", "channel": "sms", "text": ""}

bp = Blueprint("sandbox", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the phones alone when HTMX asks, and nothing when they have not changed."""
    if not htmx.wants_fragment():
        return render_template("sandbox/index.html", **_phones(), **_composer(MultiDict(USUAL), {}))
    if request.args.get("seen") == services().sandbox_inbox.newest() and "X-Poll" in request.headers:
        return "", 204
    return render_template("sandbox/_phones.html", **_phones())


@bp.post("/send")
@access.needs("operator")
def send() -> ResponseReturnValue:
    """Send a code or a text with a test key, as an app would."""
    errors: dict[str, str] = {}
    key = _chosen_key(errors)
    number = _number(errors)
    body = _body(errors) if request.form.get("kind") == "message" else None
    if not errors and key is not None:
        _send(key, number, body, errors)
    if not errors:
        told = _("Sent to %(number)s", number=formats.phone(number))
        response = make_response(
            htmx.done(
                told, url_for(".index"), part={"target": "phones", "template": "sandbox/_phones.html"}, **_phones()
            )
        )
        response.headers["HX-Reswap"] = "none"  # the form stays as it is, for the next one
        return response
    context = _composer(request.form, errors)
    if htmx.wants_fragment():
        return render_template("sandbox/_composer.html", **context), 422
    return render_template("sandbox/index.html", **_phones(), **context), 422


@bp.get("/clear")
@access.needs("operator")
def ask_clear() -> ResponseReturnValue:
    return htmx.solo("sandbox/_clear.html", page_title=_("Sandbox phone"), phone=_shown_number(request.args))


@bp.post("/clear")
@access.needs("operator")
def clear() -> ResponseReturnValue:
    """Throw away the texts of one number or of all; their messages stay in the log."""
    count = services().sandbox_inbox.clear(_shown_number(request.form))
    told = ngettext("%(num)s text thrown away", "%(num)s texts thrown away", count)
    return htmx.done(
        told, url_for(".index"), part={"target": "phones", "template": "sandbox/_phones.html"}, **_phones()
    )


@bp.get("/number")
def go() -> ResponseReturnValue:
    """The search box without JavaScript."""
    return redirect(url_for(".index", phone=request.args.get("phone", "")))


def _send(key: ApiKey, number: str, body: str | None, errors: dict[str, str]) -> None:
    """Write it down, commit and ring; a refusal is told at the number."""
    caller, channel = authentication.Caller.from_row(key), "sms"
    try:
        if body is None:
            channel = request.form.get("channel", "sms") if request.form.get("channel") in labels.CHANNELS else "sms"
            language = request.form.get("language", "fr")
            order = otp.Order(number, channel, language if language in ("fr", "en", "ar") else "fr")
            otp.send(session, services().keyring, caller, order)
        else:
            quotas.spend_cap(session, caller, "message")
            outbox.submit(session, caller, outbox.Draft("message", "sms", number, body, body))
    except RateLimited as refusal:
        wait = formats.duration_of(refusal.standing.reset)
        errors["phone"] = _("Refused as an app would be, with 429: the limit is full for %(time)s more.", time=wait)
    except CapReached:
        errors["key"] = _("This key has sent what it may send in a day.")
    session.commit()  # also after a refusal: it leaves a note
    if not errors:
        services().wakeup.notify(channel)


def _phones() -> dict[str, Any]:
    handset, asked = services().sandbox_inbox, _shown_number(request.args)
    seen = handset.newest()  # before the texts: one that comes in between is shown again, not overlooked
    numbers = [asked] if asked else handset.numbers(MOST_PHONES)
    shown = handset.latest(numbers, MOST_TEXTS)
    typed = request.args.get("phone", "")[:30]
    return {"phones": shown, "seen": seen, "asked": asked, "code_in": _code_in, "typed": typed}


def _composer(values: MultiDict[str, str], errors: dict[str, str]) -> dict[str, Any]:
    known = [key for key in keys.listed(session) if key.mode == "test" and keys.state(key) == "active"]
    return {"values": values, "errors": errors, "known": known, "endings": ENDINGS}


def _code_in(body: str) -> str | None:
    found = [number for number in LONE_NUMBER.findall(body) if CODE.fullmatch(number)]
    return found[0] if len(found) == 1 else None


def _chosen_key(errors: dict[str, str]) -> ApiKey | None:
    key = session.get(ApiKey, request.form.get("key", ""))
    if key is None or key.mode != "test" or keys.state(key) != "active":
        errors["key"] = _("Choose a test key.")
        return None
    if ("send" if request.form.get("kind") == "message" else "otp") not in key.scopes:
        errors["key"] = _("This key may not send that. Choose another, or the other kind.")
    return key


def _number(errors: dict[str, str]) -> str:
    try:
        return fields.phone_number(request.form.get("phone", ""))
    except Fault as fault:
        errors["phone"] = str(fault)
        return ""


def _body(errors: dict[str, str]) -> str:
    body = request.form.get("text", "").replace("\r\n", "\n")
    if not body.strip():
        errors["text"] = _("Write a text.")
    elif any(c != "\n" and not c.isprintable() for c in body) or encoding.shape(body).segments > MOST_SEGMENTS:
        errors["text"] = _("Use at most 10 SMS segments and no control characters.")
    return body


def _shown_number(given: MultiDict[str, str]) -> str | None:
    if not given.get("phone"):
        return None
    try:
        return fields.phone_number(given["phone"])
    except Fault:
        if request.method == "POST":
            abort(404)
        return None
