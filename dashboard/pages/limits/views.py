"""Limits of codes: the rules in force, overrides with a reason and an end, live usage, and what was refused lately."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import keys
from dashboard.gateway.limits import lifts, overrides, pumping, rate_limit, rejections, simulation, wrong_codes
from dashboard.gateway.limits.overrides import AlreadySet, NewOverride
from dashboard.models.limits import LimitOverride, PumpedRange
from dashboard.pages.limits.forms import KEY, PAIR, PHONE, NewOverrideForm, OverrideForm, UsualLimitsForm
from dashboard.pages.ui import fields, formats
from dashboard.pages.ui.fields import Fault
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.sms import emails
from dashboard.vocabulary import KeyState, PumpingStep, Role, Window

MOST_REFUSALS = 20
LONGEST_TYPED = 2 * emails.LONGEST
MOST_RANGES = 20
LIFTED_FOR = "1h"
ENDS_SOON = timedelta(days=3)
MOST_COUNTED_AGAIN = 100  # by an undo: a page that is drawn anew keeps it in a cookie
UNDO, UNDO_USUAL, UNDO_RELEASE, UNDO_RESET = "override", "usual-limits", "range", "reset"

bp = Blueprint("limits", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the list or the usage of one number alone when HTMX asks for it."""
    if htmx.wants_fragment():
        if htmx.target() == "usage" and formats.sees_numbers():
            return render_template("limits/_usage.html", **_usage())
        return render_template("limits/_list.html", **_listing())
    return render_template("limits/index.html", **{**_listing(), **_usage(), **_ranges()})


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    """The form, filled in from a refusal or from a caller's page; an override that is there is changed instead."""
    key_id, typed = request.args.get("key", ""), request.args.get("phone", "")
    lifted = _lifted() if "lift" in request.args else {}
    there = overrides.find_for(session, key_id or None, _stored_phone(typed))
    if there is not None and overrides.is_in_force(there):
        return _form(OverrideForm(there, **lifted))
    scope = PAIR if key_id and typed else PHONE if typed or not key_id else KEY
    values: dict[str, Any] = {"lasting": "7d", **lifted, "scope": scope, "key": key_id, "phone": typed}
    return _form(NewOverrideForm(keys.listed(session), **values))


@bp.post("/new")
@access.needs(Role.OPERATOR)
def create() -> ResponseReturnValue:
    """Make an override. One that would have kept real people out is shown its week first, and saved when sent again."""
    form = NewOverrideForm(keys.listed(session))
    shown = _not_yet(form)
    if shown is not None:
        return shown
    try:
        wanted = form.wanted()
        overrides.add(session, wanted, current_user.email)
    except AlreadySet:
        form.blame("scope", _("There is an override for this already. Change that one, or remove it first."))
        return _form(form, 422)
    audited.record("limits.create", overrides.told(wanted.phone, wanted.key_id))
    session.commit()
    return _done(_("Override saved"))


@bp.get("/<int:override_id>/edit")
@access.needs(Role.OPERATOR)
def edit(override_id: int) -> ResponseReturnValue:
    return _form(OverrideForm(_row(override_id)))


@bp.post("/<int:override_id>/edit")
@access.needs(Role.OPERATOR)
def change(override_id: int) -> ResponseReturnValue:
    """Change windows, reason or end; whom it is for stays."""
    row = _row(override_id)
    form = OverrideForm(row)
    shown = _not_yet(form)
    if shown is not None:
        return shown
    overrides.alter(session, row, form.wanted(), current_user.email)
    audited.record("limits.change", overrides.told(row.phone, row.key_id))
    session.commit()
    return _done(_("Override saved"))


@bp.get("/<int:override_id>/remove")
@access.needs(Role.OPERATOR)
def ask_remove(override_id: int) -> ResponseReturnValue:
    return _dialog("limits/_remove.html", row=_row(override_id))


@bp.post("/<int:override_id>/remove")
@access.needs(Role.OPERATOR)
def remove(override_id: int) -> ResponseReturnValue:
    row = _row(override_id)
    back = undo.undo(url_for(".restore"), UNDO, _before(row))
    session.delete(row)
    audited.record("limits.remove", overrides.told(row.phone, row.key_id))
    session.commit()
    return _done(_("Override removed"), back)


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Bring back an override that was removed a moment ago."""
    before = undo.taken_back(UNDO)
    until = datetime.fromisoformat(before["until"]) if before["until"] else None
    try:
        row = overrides.add(session, NewOverride(**before | {"until": until}), current_user.email)
    except AlreadySet:
        return htmx.refused(_("There is an override for this already."), url_for(".index"))
    audited.record("limits.create", overrides.told(row.phone, row.key_id))
    session.commit()
    return _done(_("Override restored"))


def _before(row: LimitOverride) -> dict[str, Any]:
    """An override as `restore` reads it."""
    names = ("key_id", "phone", *Window, "reason")
    return {str(name): getattr(row, name) for name in names} | {"until": row.until.isoformat() if row.until else ""}


@bp.get("/usual")
@access.needs(Role.OWNER, proof=True)
def edit_usual() -> ResponseReturnValue:
    return _usual_form(UsualLimitsForm(_usual_now()))


@bp.post("/usual")
@access.needs(Role.OWNER, proof=True)
def change_usual() -> ResponseReturnValue:
    """Set the usual limits. Limits that would have kept real people out show their week first."""
    before = _usual_now()
    form = UsualLimitsForm(before)
    if not form.validate():
        return _usual_form(form, form.status)
    wanted = form.wanted()
    if "confirmed" not in request.form:
        replay = simulation.replay_usual(session, wanted)
        if "rehearse" in request.form or replay.refused_users:
            return _usual_form(form, replay=replay, must_confirm=replay.refused_users > 0)
    _set_usual(wanted)
    htmx.tell(
        _("Usual limits saved"),
        undo.undo(url_for(".restore_usual"), UNDO_USUAL, {str(window): most for window, most in before.items()}),
    )
    return htmx.redirect(url_for(".index"))


@bp.post("/usual/restore")
@access.needs(Role.OWNER, proof=True)
def restore_usual() -> ResponseReturnValue:
    """Bring back the usual limits of a moment ago."""
    before = undo.taken_back(UNDO_USUAL)
    _set_usual({window: before[window] for window in Window})
    htmx.tell(_("Usual limits restored"))
    return htmx.redirect(url_for(".index"))


def _usual_now() -> rate_limit.Quotas:
    """Not as they were a second ago."""
    return rate_limit.usual_of(site_settings.read(session))


def _set_usual(wanted: rate_limit.Quotas) -> None:
    rate_limit.set_usual(session, wanted, current_user.email)
    audited.record("limits.usual")
    session.commit()


def _usual_form(form: UsualLimitsForm, status: int = 200, **more: Any) -> ResponseReturnValue:
    return _dialog("limits/_usual.html", status, form=form, **more)


@bp.post("/ranges/<int:range_id>/release")
@access.needs(Role.OPERATOR)
def release(range_id: int) -> ResponseReturnValue:
    """Let the codes to a range of numbers through for a day."""
    row = session.get(PumpedRange, range_id)
    if row is None or row.until <= utcnow() or row.step == PumpingStep.RELEASED:
        abort(404)
    before = {"id": row.id, "step": row.step, "until": row.until.isoformat()}
    pumping.release(session, row)
    audited.record("pumping.release", pumping.told(row), step=(before["step"], row.step))
    session.commit()
    back = undo.undo(url_for(".hold"), UNDO_RELEASE, before)
    return htmx.updated(_("The range is let through for a day"), url_for(".index"), _ranges_part(), back)


@bp.post("/ranges/hold")
@access.needs(Role.OPERATOR)
def hold() -> ResponseReturnValue:
    """Hold a range back again that was let through a moment ago."""
    before = undo.taken_back(UNDO_RELEASE)
    row = pumping.hold(session, before["id"], before["step"], datetime.fromisoformat(before["until"]))
    if row is None:
        abort(404)
    audited.record("pumping.hold", pumping.told(row), step=(PumpingStep.RELEASED, row.step))
    session.commit()
    return htmx.updated(_("The range is held back again"), url_for(".index"), _ranges_part())


def _ranges_part() -> ChangedPart:
    return ChangedPart("ranges", "limits/_ranges.html", _ranges())


def _ranges() -> dict[str, Any]:
    """Where pumping is suspected, or was."""
    return {
        "ranges": pumping.latest(session, MOST_RANGES),
        "most_numbers": site_settings.read(session).pumping_numbers,
        "may_change": current_user.may(Role.OPERATOR),
        "now": utcnow(),
    }


@bp.get("/reset")
@access.needs(Role.OPERATOR)
def ask_reset() -> ResponseReturnValue:
    return _dialog("limits/_reset.html", **_subject(request.args))


@bp.post("/reset")
@access.needs(Role.OPERATOR)
def reset() -> ResponseReturnValue:
    """Stop counting what a number was sent so far, and the wrong codes that were typed in for it."""
    subject = _subject(request.form)
    phone, key_id = subject["phone"], subject["key"].id if subject["key"] else ""
    codes = rate_limit.reset(session, phone, key_id or None)
    wrong = wrong_codes.lift(session, phone)
    audited.record("limits.reset", overrides.told(phone, None), codes=(len(codes), 0), wrong_codes=(len(wrong), 0))
    session.commit()
    guesses = [(guess, cleared_at.isoformat() if cleared_at else None) for guess, cleared_at in wrong]
    before = {"phone": phone, "key": key_id, "codes": codes, "guesses": guesses}
    can_come_back = 0 < len(codes) + len(wrong) <= MOST_COUNTED_AGAIN
    back = undo.undo(url_for(".count_again"), UNDO_RESET, before) if can_come_back else None
    told = formats.ngettext("%(num)s code no longer counts", "%(num)s codes no longer count", len(codes))
    return _usage_changed(told, phone, key_id, back)


@bp.post("/count-again")
@access.needs(Role.OPERATOR)
def count_again() -> ResponseReturnValue:
    """Let codes and wrong codes count again that were forgotten a moment ago."""
    before = undo.taken_back(UNDO_RESET)
    phone = before["phone"]
    guesses = [(guess, datetime.fromisoformat(at) if at else None) for guess, at in before["guesses"]]
    codes = rate_limit.count_again(session, before["codes"])
    wrong = wrong_codes.count_again(session, phone, guesses)
    if not codes + wrong:
        return htmx.refused(_("They count again already."), url_for(".index"))
    audited.record("limits.count_again", overrides.told(phone, None), codes=(0, codes), wrong_codes=(0, wrong))
    session.commit()
    told = formats.ngettext("%(num)s code counts again", "%(num)s codes count again", codes)
    return _usage_changed(told, phone, before["key"])


def _usage_changed(message: str, phone: str, key_id: str, back: Undo | None = None) -> ResponseReturnValue:
    part = ChangedPart("usage", "limits/_usage.html", _usage({"phone": phone, "key": key_id}))
    return htmx.updated(message, url_for(".index", phone=phone, key=key_id), part, back)


def _not_yet(form: OverrideForm) -> ResponseReturnValue | None:
    """The form once more, unless it is whole and may be saved: with its faults, or with what it would have done."""
    if not form.validate():
        return _form(form, form.status)
    if "confirmed" in request.form:
        return None
    replay = simulation.replay(session, form.wanted())
    if "rehearse" in request.form or replay.refused_users:
        return _form(form, replay=replay, must_confirm=replay.refused_users > 0)
    return None


def _form(form: OverrideForm, status: int = 200, **more: Any) -> ResponseReturnValue:
    return _dialog("limits/_form.html", status, row=form.row, form=form, today=utcnow().date(), **more)


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Limits"), **context)


def _done(message: str, back: Undo | None = None) -> ResponseReturnValue:
    """Back to the page that asked: this one changes its list in place, another one is drawn anew."""
    asking = htmx.current_page()
    if not htmx.is_alone() and asking.partition("?")[0] != url_for(".index") and access.is_local(asking):
        flash(message)
        return htmx.redirect(asking)
    return htmx.updated(message, url_for(".index"), ChangedPart("limits", "limits/_list.html", _listing()), back)


def _listing() -> dict[str, Any]:
    now = utcnow()
    rows = [
        {"row": row, "state": _state(row), "ends_soon": row.until is not None and now < row.until < now + ENDS_SOON}
        for row in overrides.listed(session)
    ]
    return {
        "rows": sorted(rows, key=lambda item: (item["state"] != KeyState.ACTIVE, not item["ends_soon"])),
        "usual": _usual_now(),
        "is_owner": current_user.may(Role.OWNER),
        "refused": rejections.latest(session, MOST_REFUSALS),
        "may_change": current_user.may(Role.OPERATOR),
        "now": now,
    }


def _state(row: LimitOverride) -> KeyState:
    """How an override stands; with its key revoked, it touches nobody."""
    if row.key is not None and row.key.revoked_at is not None:
        return KeyState.REVOKED
    return KeyState.ACTIVE if overrides.is_in_force(row) else KeyState.EXPIRED


def _usage(typed: dict[str, str] | None = None) -> dict[str, Any]:
    """Where a number stands on one key, or on every key that sent to it in the last day."""
    asked_for = request.args if formats.sees_numbers() else {}  # by asking, a masked number would be guessed
    typed = typed or {name: asked_for.get(name, "").strip()[:LONGEST_TYPED] for name in ("phone", "key")}
    known = keys.listed(session)
    context: dict[str, Any] = {
        "typed": typed,
        "known": known,
        "standings": [],
        "fault": "",
        "may_change": current_user.may(Role.OPERATOR),
    }
    if not typed["phone"]:
        return {**context, "subject": None}
    try:
        number = fields.recipient(typed["phone"])
    except Fault as fault:
        return {**context, "subject": None, "fault": str(fault)}
    asked = [key for key in known if key.id == typed["key"]]
    shown = asked or [key for key in known if key.revoked_at is None]
    found: list[dict[str, Any]] = [{"key": key, "windows": rate_limit.look(session, key.id, number)} for key in shown]
    if not asked:
        found = [item for item in found if any(window.left < window.quota for window in item["windows"])]
    context["wrong"] = wrong_codes.look(session, number)
    return {**context, "subject": number, "asked": asked[0] if asked else None, "standings": found}


def _subject(given: MultiDict[str, str]) -> dict[str, Any]:
    try:
        number = fields.recipient(given.get("phone", ""))
    except Fault:
        abort(404)
    key = next((key for key in keys.listed(session) if key.id == given.get("key")), None)
    if given.get("key") and key is None:
        abort(404)
    return {"phone": number, "key": key}


def _lifted() -> dict[str, Any]:
    """Three times the usual limits, for an hour: what one press gives to a number on a key."""
    unmarked = {f"no_{window}": False for window in Window}
    lifted = {str(window): lifts.more(window, most) for window, most in rate_limit.usual(session).items()}
    return {**lifted, **unmarked, "lasting": LIFTED_FOR, "reason": _("Support call")}


def _stored_phone(text: str) -> str | None:
    try:
        return fields.recipient(text)
    except Fault:
        return None


def _row(override_id: int) -> LimitOverride:
    row = session.get(LimitOverride, override_id)
    if row is None:
        abort(404)
    return row
