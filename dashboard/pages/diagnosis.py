"""“Why no code?”: one box for a number, one sentence that can be read to the caller, and what led to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.monitoring import diagnosis
from dashboard.gateway.monitoring.diagnosis import Cause
from dashboard.pages.ui import failure_reasons, fields, formats, labels
from dashboard.pages.ui.fields import Fault
from dashboard.pages.web import htmx
from dashboard.vocabulary import Role

# Whether a new code helps now: the app is to ask for one, since a code is never sent twice.
ASK_AGAIN = (
    "expired_unused",
    "expired_delivered",
    "wrong_three_times",
    "never_left",
    "limit_passed",
    "cap_passed",
    "carrier_refused",
    "nothing_asked",
)
LIFTABLE = ("limit_reached",)

bp = Blueprint("diagnosis", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The box, and under it what is known; that alone when HTMX asks."""
    context = _found(request.args.get("phone", "").strip()[:40])
    return htmx.page("diagnosis/index.html", "diagnosis/_story.html", **context)


def _found(typed: str) -> dict[str, Any]:
    context: dict[str, Any] = {"typed": typed, "story": None, "fault": ""}
    if not typed:
        return context
    try:
        number = fields.phone_number(typed)
    except Fault as fault:
        return {**context, "fault": str(fault)}
    story = diagnosis.story(session, number)
    code = story.verdict.code
    return {
        **context,
        "story": story,
        "sentence": sentence(story.verdict),
        "ask_again": code in ASK_AGAIN,
        "liftable": code in LIFTABLE and current_user.may(Role.OPERATOR),
    }


def sentence(verdict: Cause) -> str:
    """The verdict in the reader's words, whole, so that it can be read out."""
    tell = SENTENCES[verdict.code]
    facts: dict[str, Any] = dict(verdict.facts)
    if verdict.event is not None:
        facts |= {"app": verdict.event.key.name, "time": formats.clock(verdict.event.at)}
        facts["day"] = formats.day(verdict.event.at)
    for name, told in TOLD.items():
        if name in facts:
            facts[name] = told(facts[name])
    return str(tell) % facts


def _clock(at: datetime) -> str:
    return formats.clock(at)


TOLD: dict[str, Callable[[Any], str]] = {
    "wait": formats.duration_of,
    "until": _clock,
    "again": _clock,
    "at": _clock,
    "window": lambda window: str(labels.WINDOWS_FULL[window]),
    "quota": formats.number,
    "left": formats.number,
    "wrong": formats.number,
    "reason": lambda code: failure_reasons.reason(code) if code else _("The carrier gave no reason."),
}
SENTENCES = {
    "nothing_asked": _l("No app has asked for a code for this number; the request never reached us."),
    "fixed_line": _l("This is a fixed line: no text reaches it. Give the app a mobile number."),
    "limit_reached": _l(
        "%(app)s asked too often: %(window)s (%(quota)s) is full, and the next code can go out in %(wait)s."
    ),
    "limit_passed": _l(
        "%(app)s asked too often on %(day)s at %(time)s and was refused; that is over, a new code can be asked for now."
    ),
    "cap_reached": _l("%(app)s has sent all the codes it may send today; it can send again after midnight UTC."),
    "cap_passed": _l(
        "%(app)s had sent all the codes it might send on %(day)s; that is over, a new code can be asked for now."
    ),
    "key_ended": _l(
        "The key of %(app)s has ended, so the app can no longer send codes; its developers must replace it."
    ),
    "verified": _l(
        "The last code, sent by %(app)s on %(day)s, was typed in right at %(at)s; nothing is wrong on our side."
    ),
    "carrier_refused": _l("The carrier did not deliver the code that %(app)s sent on %(day)s at %(time)s. %(reason)s"),
    "carrier_busy": _l("The carrier has not taken the code yet; we try again at %(again)s. %(reason)s"),
    "workers_gone": _l(
        "The code waits on our side, because no worker is running; the people who run the gateway must act."
    ),
    "waiting": _l("The code that %(app)s asked for at %(time)s is on its way; wait a moment."),
    "never_left": _l("The code of %(day)s at %(time)s could not be handed to the carrier within its ten minutes."),
    "wrong_three_times": _l(
        "The code of %(day)s at %(time)s arrived, but was typed in wrong three times, so it is dead; ask for a new one."
    ),
    "wrong_so_far": _l(
        "The code of %(time)s was typed in wrong (%(wrong)s times); %(left)s tries are left, until %(until)s."
    ),
    "test_key": _l("%(app)s uses a test key: its codes go to the sandbox phone, never to a real one."),
    "no_carrier": _l("No carrier is set up, so the code went to the sandbox phone instead of the real one."),
    "not_typed": _l(
        "The code of %(time)s arrived on the phone and is good until %(until)s, but nobody has typed it in yet."
    ),
    "no_receipt": _l(
        "The code of %(time)s was handed to the carrier, which has not confirmed it yet; it is good until %(until)s."
    ),
    "expired_delivered": _l(
        "The code of %(day)s at %(time)s arrived on the phone, but nobody typed it in within its ten minutes."
    ),
    "expired_unused": _l(
        "The code of %(day)s at %(time)s was handed to the carrier, which never confirmed it; its ten minutes are over."
    ),
}
