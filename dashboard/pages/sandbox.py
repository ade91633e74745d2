"""The sandbox phone: what test messages look like on a handset, live, and a way to send one.

It shows codes, so it is for operators; everything else in the dashboard masks them.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import RadioField
from wtforms.validators import ValidationError

from dashboard.extensions import services, session
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.costs import estimates
from dashboard.gateway.costs.estimates import ExpectedPrices
from dashboard.gateway.limits.rate_limit import RateLimited
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send
from dashboard.gateway.otp.template_rules import LONE_NUMBER
from dashboard.pages.ui import fields, formats, forms, labels
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, ChoiceField, Form, LinesField
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.providers.sandbox import ENDINGS
from dashboard.sms import emails, encoding, numbers
from dashboard.vocabulary import Channel, KeyMode, KeyState, Kind, Language, Role, Scope

UNDO = "sandbox"
MOST_PHONES = 6
MOST_TEXTS = 20  # on one phone's screen
MOST_SEGMENTS = 10
LONGEST_TYPED = 2 * emails.LONGEST
CODE = re.compile(r"[0-9]{6}")
KINDS: dict[str, Any] = {Kind.OTP: _l("A code"), Kind.MESSAGE: _l("A message")}

bp = Blueprint("sandbox", __name__)


def _body(text: str) -> str:
    body = text.replace("\r\n", "\n")
    if not body.strip():
        raise Fault(_("Write a text."))
    if any(c != "\n" and not c.isprintable() for c in body) or encoding.shape(body).segments > MOST_SEGMENTS:
        raise Fault(_("Use at most 10 SMS segments and no control characters."))
    return body


class SandboxForm(Form):
    """A code or a text, sent with a test key as an app would."""

    phone = forms.recipient_field()
    key = ChoiceField(_l("Test key"), _l("Choose a test key."))
    kind = RadioField(_l("Kind"), choices=forms.choices(KINDS), default=Kind.OTP)
    language = ChoiceField(_l("Language"), choices=forms.languages(), default=Language.FRENCH)
    channel = ChoiceField(_l("Channel"), choices=forms.choices(labels.CHANNELS), default=Channel.SMS)
    text = LinesField(_l("Text"), _body, render_kw={"rows": 3, "dir": "auto", "maxlength": 2000})

    def __init__(self) -> None:
        super().__init__()
        live = (key for key in keys.listed(session) if keys.state(key) == KeyState.ACTIVE)
        self.keys = {key.id: key for key in live if key.mode == KeyMode.TEST}
        self.key.choices = forms.choices({key.id: key.name for key in self.keys.values()})

    def asks(self, name: str) -> bool:
        return name != "text" or self.kind.data == Kind.MESSAGE

    def validate_phone(self, field: BoundField) -> None:
        is_email = self.kind.data == Kind.OTP and self.channel.data == Channel.EMAIL
        if emails.is_email(field.data) != is_email:
            raise ValidationError(_("Codes by e-mail go to an e-mail address, everything else to a number."))

    def validate_key(self, field: BoundField) -> None:
        needed = Scope.SEND if self.kind.data == Kind.MESSAGE else Scope.OTP
        if needed not in self.keys[field.data].scopes:
            raise ValidationError(_("This key may not send that. Choose another, or the other kind."))


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the phones alone when HTMX asks, and nothing when they have not changed."""
    if not htmx.wants_fragment():
        return render_template("sandbox/index.html", **_phones(), **_composer(SandboxForm()))
    if request.args.get("seen") == services().sandbox_inbox.newest() and "X-Poll" in request.headers:
        return htmx.unchanged()
    return render_template("sandbox/_phones.html", **_phones())


@bp.post("/send")
@access.needs(Role.OPERATOR)
def submit() -> ResponseReturnValue:
    """Send a code or a text with a test key, as an app would."""
    form = SandboxForm()
    if not (form.validate() and _send(form)):
        context = {**_composer(form), **({} if htmx.wants_fragment() else _phones())}
        return htmx.page("sandbox/index.html", "sandbox/_composer.html", 422, **context)
    message = _("Sent to %(number)s", number=formats.phone(form.phone.data))
    response = make_response(_updated(message))
    response.headers["HX-Reswap"] = "none"  # the form stays as it is, for the next one
    return response


@bp.get("/clear")
@access.needs(Role.OPERATOR)
def ask_clear() -> ResponseReturnValue:
    return htmx.dialog("sandbox/_clear.html", page_title=_("Sandbox phone"), phone=_shown_number(request.args))


@bp.post("/clear")
@access.needs(Role.OPERATOR)
def clear() -> ResponseReturnValue:
    """Throw away the texts of one number or of all; their messages stay in the log."""
    number = _shown_number(request.form)
    cleared = services().sandbox_inbox.clear(number)
    audited.record("sandbox.clear", numbers.masked(number) if number else "", texts=(cleared.count, 0))
    session.commit()
    message = formats.ngettext("%(num)s message deleted", "%(num)s messages deleted", cleared.count)
    return _updated(message, undo.undo(url_for(".restore"), UNDO, {"at": cleared.at.isoformat()}))


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Bring back the texts that were cleared a moment ago."""
    count = services().sandbox_inbox.restore(datetime.fromisoformat(undo.taken_back(UNDO)["at"]))
    audited.record("sandbox.restore", texts=(0, count))
    session.commit()
    return _updated(formats.ngettext("%(num)s message restored", "%(num)s messages restored", count))


@bp.get("/number")
def go() -> ResponseReturnValue:
    """The search box without JavaScript."""
    return redirect(url_for(".index", phone=request.args.get("phone", "")))


def _updated(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("phones", "sandbox/_phones.html", _phones()), back)


def _send(form: SandboxForm) -> bool:
    """Submit the message, commit and notify its lane; false: it was refused, which the form now says."""
    caller = authentication.Caller.from_row(form.keys[form.key.data])
    number, channel = form.phone.data, Channel.SMS
    try:
        if form.kind.data == Kind.MESSAGE:
            quotas.spend_cap(session, caller, Kind.MESSAGE)
            outbox.submit(session, caller, outbox.Draft.text(number, form.text.data))
        else:
            channel = Channel(form.channel.data)
            send.send(session, services().keyring, caller, send.Order(number, channel, form.language.data))
    except RateLimited as refusal:
        wait = formats.duration_of(refusal.standing.reset)
        form.blame(
            "phone",
            _(
                "Refused with 429, as for an app: the limit is reached. Sending is possible again in %(time)s.",
                time=wait,
            ),
        )
    except CapReached:
        form.blame("key", _("The daily cap of this key is reached."))
    if not form.is_refused:
        audited.record("sandbox.send", numbers.masked(number), key=(None, caller.id))
    session.commit()  # also after a refusal: it leaves a note
    if form.is_refused:
        return False
    services().wakeup.notify(channel)
    return True


def _phones() -> dict[str, Any]:
    handset, asked = services().sandbox_inbox, _shown_number(request.args)
    seen = handset.newest()  # before the texts: one that comes in between is shown again, not overlooked
    numbers = [asked] if asked else handset.numbers(MOST_PHONES)
    shown = handset.latest(numbers, MOST_TEXTS)
    typed = request.args.get("phone", "")[:LONGEST_TYPED]
    expected = estimates.read(session)
    return {
        "phones": shown,
        "seen": seen,
        "asked": asked,
        "code_in": _code_in,
        "typed": typed,
        "real_cost": lambda *text: _real_cost(expected, *text),
    }


def _real_cost(expected: ExpectedPrices, phone: str, channel: str, body: str) -> tuple[int, int] | None:
    """Segments and 1/10,000 MRU of a text, were it sent for real; None where its price is not known."""
    price, segments = expected.find("", channel, phone), encoding.shape(body).segments
    return None if price is None else (segments, price * segments)


def _composer(form: SandboxForm) -> dict[str, Any]:
    return {"form": form, "endings": ENDINGS}


def _code_in(body: str) -> str | None:
    found = [number for number in LONE_NUMBER.findall(body) if CODE.fullmatch(number)]
    return found[0] if len(found) == 1 else None


def _shown_number(given: MultiDict[str, str]) -> str | None:
    if not given.get("phone"):
        return None
    try:
        return fields.recipient(given["phone"])
    except Fault:
        if request.method == "POST":
            abort(404)
        return None
