"""“Why no code?”: one box for a number, one sentence that can be read to the caller, and what led to it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import KeyNotFound
from dashboard.gateway.carriers import carriers
from dashboard.gateway.limits import lifts, overrides
from dashboard.gateway.limits.overrides import AlreadySet
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import NotSearchable
from dashboard.gateway.monitoring import diagnosis, lookups, notes, widespread
from dashboard.gateway.monitoring.diagnosis import Cause, CauseCode, Diagnosis
from dashboard.gateway.monitoring.notes import NoteRefused
from dashboard.gateway.monitoring.widespread import Widespread
from dashboard.pages.diagnosis import sentences
from dashboard.pages.ui import fields, formats
from dashboard.pages.ui.fields import Fault
from dashboard.pages.web import access, audited, htmx
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.pages.web.locale import language
from dashboard.sms import emails, numbers
from dashboard.vocabulary import Channel, Kind, Role, Side

LONGEST_TYPED = 2 * emails.LONGEST
MOST_MATCHES = 10
TRIP = ("app", "us", "operator", "phone")  # the way of a code
STOPS = {Side.NOTHING: "app", Side.US: "us", Side.OPERATOR: "operator", Side.PHONE: "phone", Side.NUMBER: "phone"}
WAITS_AT = {CauseCode.LIMIT_MINUTE: "us", CauseCode.ON_ITS_WAY: "operator", CauseCode.TRIED_AGAIN: "operator"}
UNCONFIRMED = (CauseCode.UNCONFIRMED, CauseCode.EXPIRED_UNCONFIRMED)
bp = Blueprint("diagnosis", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The box, and under it what is known; that alone when HTMX asks. A number that was found goes on one's list."""
    context = _found(request.args.get("phone", "").strip()[:LONGEST_TYPED])
    found: Diagnosis | None = context["found"]
    if found is not None:
        _remember(found)
    context["recents"] = lookups.latest(session, current_user.email)
    return htmx.page("diagnosis/index.html", "diagnosis/_found.html", **context)


def _remember(found: Diagnosis) -> None:
    """Put the number on one's list, in a transaction that writes; a database that is busy costs the list, no more."""
    with suppress(SQLAlchemyError), services().sessions.begin() as writer:
        lookups.remember(writer, current_user.email, found.phone, found.verdict.side)


@bp.post("/lift")
@access.needs(Role.DESK)
def lift() -> ResponseReturnValue:
    """Lift the limits of a number on a key for an hour, at one press."""
    phone = _phone()
    try:
        key = keys.find(session, request.form.get("key", ""))
        row = lifts.lift(session, key.id, phone, _("Caller on the phone"), current_user.email)
    except KeyNotFound:
        abort(404)
    except AlreadySet:
        return htmx.refused(_("This number has limits of its own already."), _page_of(phone))
    audited.record("limits.lift", overrides.told(phone, key.id))
    session.commit()
    return _changed(phone, _("Limit lifted for an hour"), url_for(".end_lift", override_id=row.id))


@bp.post("/lift/<int:override_id>/end")
@access.needs(Role.DESK)
def end_lift(override_id: int) -> ResponseReturnValue:
    """Take a lift back; that it was made stays in the list of overrides."""
    phone = _phone()
    if not lifts.end(session, override_id, phone):
        return htmx.refused(_("It has ended already."), _page_of(phone))
    audited.record("limits.end_lift", overrides.told(phone, None))
    session.commit()
    return _changed(phone, _("The usual limits hold again"))


@bp.post("/notes")
@access.needs(Role.DESK)
def add_note() -> ResponseReturnValue:
    phone, text = _phone(), request.form.get("note", "")
    try:
        note = notes.add(session, phone, text, current_user.email)
    except NoteRefused as refusal:
        return _refuse_note(phone, text, refusal.code)
    audited.record("notes.add", numbers.masked(phone))
    session.commit()
    return _changed(phone, _("Note added"), url_for(".remove_note", note_id=note.id))


@bp.post("/notes/<int:note_id>/remove")
@access.needs(Role.DESK)
def remove_note(note_id: int) -> ResponseReturnValue:
    phone = _phone()
    if not notes.remove(session, phone, note_id):
        abort(404)
    audited.record("notes.remove", numbers.masked(phone))
    session.commit()
    return _changed(phone, _("Note removed"), url_for(".restore_note", note_id=note_id))


@bp.post("/notes/<int:note_id>/restore")
@access.needs(Role.DESK)
def restore_note(note_id: int) -> ResponseReturnValue:
    phone = _phone()
    if not notes.restore(session, phone, note_id):
        abort(404)
    audited.record("notes.restore", numbers.masked(phone))
    session.commit()
    return _changed(phone, _("Note added"))


def _refuse_note(phone: str, text: str, code: str) -> ResponseReturnValue:
    told = {
        "empty": _("Write the note first."),
        "too_long": formats.ngettext(
            "Use at most %(num)s character.", "Use at most %(num)s characters.", notes.LONGEST
        ),
        "digits": _("A note may hold no six digits in a row: they could be a code."),
    }
    context = {**_found(phone), "note": text[: 2 * notes.LONGEST], "note_fault": told[code]}
    context["recents"] = lookups.latest(session, current_user.email)
    if htmx.wants_fragment():
        return render_template("diagnosis/_notes.html", **context), 422
    return render_template("diagnosis/index.html", **context), 422


def _changed(phone: str, message: str, undo: str | None = None) -> ResponseReturnValue:
    """The number's page as it is now, with a toast; `undo` is the address that takes the act back."""
    context = {**_found(phone), "recents": lookups.latest(session, current_user.email)}
    part = ChangedPart("found", "diagnosis/_found.html", context)
    return htmx.updated(message, _page_of(phone), part, Undo(undo, {"phone": phone}) if undo else None)


def _page_of(phone: str) -> str:
    return url_for(".index", phone=phone)


def _phone() -> str:
    try:
        return fields.recipient(request.form.get("phone", ""))
    except Fault:
        abort(404)


def _found(typed: str) -> dict[str, Any]:
    """What the page shows of what was typed: a number's diagnosis, numbers that begin so, or what is wrong with it."""
    context: dict[str, Any] = {"typed": typed, "found": None, "fault": "", "matches": [], "whose": _whose}
    if not typed:
        return context
    try:
        number = fields.recipient(typed)
    except Fault as fault:
        return {**context, **_matches(typed, str(fault))}
    return {**context, **_answer(diagnosis.of_phone(session, number))}


def _answer(found: Diagnosis) -> dict[str, Any]:
    verdict, may_change = found.verdict, current_user.may(Role.DESK)
    spoken, others = sentences.spoken(verdict, found.phone), widespread.of(session, verdict)
    return {
        "found": found,
        "sentence": spoken[language()],
        "spoken": spoken,
        "spoken_first": found.language or language(),
        "now": utcnow(),
        "trip": _trip(verdict),
        "is_email": emails.is_email(found.phone),
        "has_receipts": _has_receipts(verdict),
        "may_change": may_change,
        "liftable": may_change and verdict.is_limit and found.lift is None,
        "others": others,
        "others_url": _others_url(others, found.phone) if others else "",
        "notes": notes.of_phone(session, found.phone),
        "LONGEST_NOTE": notes.LONGEST,
    }


def _whose(phone: str, side: str) -> str:
    """Whose turn it is with a number or an address, in a word."""
    return str((sentences.WHOSE_BY_EMAIL if emails.is_email(phone) else sentences.WHOSE)[side])


def _trip(verdict: Cause) -> list[tuple[str, str]]:
    """The places that a code passes, each with ok, stop or off. After the one where it stopped nothing is known."""
    if verdict.side is Side.WELL:
        return [(place, "ok") for place in TRIP]
    stop = TRIP.index(WAITS_AT.get(verdict.code) or STOPS[verdict.side])
    return [(place, "ok" if i < stop else "stop" if i == stop else "off") for i, place in enumerate(TRIP)]


def _has_receipts(verdict: Cause) -> bool:
    """Whether the carrier of a code that nobody has confirmed could have; a mere "not yet" would blame the operator."""
    if verdict.code not in UNCONFIRMED or verdict.event is None or verdict.event.otp is None:
        return True
    carrier = carriers.named(session, verdict.event.otp.message.carrier)
    return carrier is None or carriers.has_receipts(carriers.cipher(services().settings), carrier)


def _others_url(others: Widespread, phone: str) -> str:
    """Where the others are listed."""
    if others.status is None:
        return url_for("pages.limits.index")
    alike = {"channel": Channel.EMAIL} if emails.is_email(phone) else {"operator": numbers.operator(phone).lower()}
    return url_for("pages.messages.index", status=others.status, kind=Kind.OTP, **alike)


def _matches(typed: str, fault: str) -> dict[str, Any]:
    """The numbers that begin so, for those who may read whole numbers; else what is wrong with what was typed."""
    try:
        prefix = search.sought(typed).prefix
    except NotSearchable:
        prefix = None
    if prefix is None or not formats.sees_numbers():
        return {"fault": fault}
    matches = search.numbers_beginning(session, prefix, MOST_MATCHES)
    return {"matches": matches, "fault": "" if matches else _("No number that begins so has asked for a code.")}
