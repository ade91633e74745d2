"""Limits of codes: the rules in force, overrides with a reason and an end, live usage, and what was refused lately."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.limits import overrides, rate_limit, rejections, simulation
from dashboard.gateway.limits.overrides import AlreadySet
from dashboard.models.limits import UNLIMITED, LimitOverride
from dashboard.pages.limits.forms import KEEP, OverrideForm
from dashboard.pages.ui import fields
from dashboard.pages.ui.fields import Fault
from dashboard.pages.web import access, htmx

MOST_REFUSALS = 20
LIFTED = {"minute": "10", "hour": "30", "day": "60"}  # three times the default, for an hour, on one number and key
LIFTED_FOR = "1h"

bp = Blueprint("limits", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the list or the usage of one number alone when HTMX asks for it."""
    if htmx.wants_fragment():
        if htmx.target() == "usage":
            return render_template("limits/_usage.html", **_usage())
        return render_template("limits/_list.html", **_listing())
    return render_template("limits/index.html", **{**_listing(), **_usage()})


@bp.get("/new")
@access.needs("operator")
def new() -> ResponseReturnValue:
    """The form, filled in from a refusal or from the desk; an override that is there already is changed instead."""
    values = _asked_values()
    there = overrides.find_for(session, values["key"] or None, _stored_phone(values["phone"]))
    if there is not None and overrides.is_in_force(there):
        return _form(there, MultiDict({**_values_of(there), **(_lifted() if "lift" in request.args else {})}), {})
    return _form(None, values, {})


@bp.post("/new")
@access.needs("operator")
def create() -> ResponseReturnValue:
    """Make an override. One that would have kept real people out is shown its week first, and saved when sent again."""
    form = OverrideForm(request.form)
    shown = _not_yet(form, None)
    if shown is not None:
        return shown
    try:
        overrides.add(session, form.wanted, access.me())
    except AlreadySet:
        form.errors["scope"] = _("There is an override for this already. Change that one, or remove it first.")
        return _form(None, request.form, form.errors)
    session.commit()
    return _done(_("Override saved"))


@bp.get("/<int:override_id>/edit")
@access.needs("operator")
def edit(override_id: int) -> ResponseReturnValue:
    row = _row(override_id)
    return _form(row, MultiDict(_values_of(row)), {})


@bp.post("/<int:override_id>/edit")
@access.needs("operator")
def change(override_id: int) -> ResponseReturnValue:
    """Change windows, reason or end; whom it is for stays."""
    row = _row(override_id)
    form = OverrideForm(request.form, row)
    shown = _not_yet(form, row)
    if shown is not None:
        return shown
    overrides.alter(session, row, form.wanted, access.me())
    session.commit()
    return _done(_("Override saved"))


@bp.get("/<int:override_id>/remove")
@access.needs("operator")
def ask_remove(override_id: int) -> ResponseReturnValue:
    return _solo("limits/_remove.html", row=_row(override_id))


@bp.post("/<int:override_id>/remove")
@access.needs("operator")
def remove(override_id: int) -> ResponseReturnValue:
    session.delete(_row(override_id))
    session.commit()
    return _done(_("Override removed"))


@bp.get("/reset")
@access.needs("operator")
def ask_reset() -> ResponseReturnValue:
    return _solo("limits/_reset.html", **_subject(request.args))


@bp.post("/reset")
@access.needs("operator")
def reset() -> ResponseReturnValue:
    """Stop counting what a number was sent so far."""
    subject = _subject(request.form)
    count = rate_limit.reset(session, subject["phone"], subject["key"].id if subject["key"] else None)
    session.commit()
    told = ngettext("%(num)s code no longer counts", "%(num)s codes no longer count", count)
    usage = {"typed": {"phone": subject["phone"], "key": subject["key"].id if subject["key"] else ""}}
    back = url_for(".index", phone=subject["phone"], key=usage["typed"]["key"])
    return htmx.done(told, back, part={"target": "usage", "template": "limits/_usage.html"}, **_usage(usage["typed"]))


def _not_yet(form: OverrideForm, row: LimitOverride | None) -> ResponseReturnValue | None:
    """The form once more, unless it is whole and may be saved: with its faults, or with what it would have done."""
    if form.errors:
        return _form(row, request.form, form.errors)
    if "confirmed" in request.form:
        return None
    replay = simulation.replay(session, form.wanted)
    if "rehearse" in request.form or replay.refused_users:
        return _form(row, request.form, {}, replay=replay, must_confirm=replay.refused_users > 0)
    return None


def _form(
    row: LimitOverride | None, values: MultiDict[str, str], errors: dict[str, str], **more: Any
) -> ResponseReturnValue:
    known = [key for key in keys.listed(session) if key.revoked_at is None]
    status = 422 if errors else 200
    return _solo(
        "limits/_form.html", status, row=row, values=values, errors=errors, known=known, today=utcnow().date(), **more
    )


def _solo(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.solo(fragment, status, page_title=_("Limits"), **context)


def _done(message: str) -> ResponseReturnValue:
    """Back to the page that asked: this one changes its list in place, the desk is drawn anew."""
    asking = urlsplit(request.headers.get("HX-Current-URL", ""))
    elsewhere = f"{asking.path}?{asking.query}"
    if htmx.wants_fragment() and asking.path != url_for(".index") and access.is_local(elsewhere):
        flash(message)
        return "", 200, {"HX-Redirect": elsewhere}
    return htmx.done(
        message, url_for(".index"), part={"target": "limits", "template": "limits/_list.html"}, **_listing()
    )


def _listing() -> dict[str, Any]:
    now = utcnow()
    rows = [{"row": row, "state": _state(row)} for row in overrides.listed(session)]
    return {
        "rows": sorted(rows, key=lambda item: item["state"] != "active"),
        "defaults": rate_limit.DEFAULTS,
        "refused": rejections.latest(session, MOST_REFUSALS),
        "may_change": access.may("operator"),
        "now": now,
    }


def _state(row: LimitOverride) -> str:
    """`active`, `expired`, or `revoked`: its key was, so it touches nobody."""
    if row.key is not None and row.key.revoked_at is not None:
        return "revoked"
    return "active" if overrides.is_in_force(row) else "expired"


def _usage(typed: dict[str, str] | None = None) -> dict[str, Any]:
    """Where a number stands on one key, or on every key that sent to it in the last day."""
    typed = typed or {name: request.args.get(name, "").strip()[:40] for name in ("phone", "key")}
    known = keys.listed(session)
    context: dict[str, Any] = {
        "typed": typed,
        "known": known,
        "standings": [],
        "fault": "",
        "may_change": access.may("operator"),
    }
    if not typed["phone"]:
        return {**context, "subject": None}
    try:
        number = fields.phone_number(typed["phone"])
    except Fault as fault:
        return {**context, "subject": None, "fault": str(fault)}
    asked = [key for key in known if key.id == typed["key"]]
    shown = asked or [key for key in known if key.revoked_at is None]
    found: list[dict[str, Any]] = [{"key": key, "windows": rate_limit.look(session, key.id, number)} for key in shown]
    if not asked:
        found = [item for item in found if any(window.left < window.quota for window in item["windows"])]
    return {**context, "subject": number, "asked": asked[0] if asked else None, "standings": found}


def _subject(given: MultiDict[str, str]) -> dict[str, Any]:
    try:
        number = fields.phone_number(given.get("phone", ""))
    except Fault:
        abort(404)
    key = next((key for key in keys.listed(session) if key.id == given.get("key")), None)
    if given.get("key") and key is None:
        abort(404)
    return {"phone": number, "key": key}


def _asked_values() -> MultiDict[str, str]:
    key, number = request.args.get("key", ""), request.args.get("phone", "")
    scope = "pair" if key and number else "phone" if number or not key else "key"
    values = {"scope": scope, "key": key, "phone": number, "lasting": "7d"}
    return MultiDict({**values, **(_lifted() if "lift" in request.args else {})})


def _lifted() -> dict[str, str]:
    no_marks = {f"no_{window}": "" for window in rate_limit.WINDOWS}
    return {**LIFTED, **no_marks, "lasting": LIFTED_FOR, "reason": _("Support call")}


def _stored_phone(text: str) -> str | None:
    try:
        return fields.phone_number(text)
    except Fault:
        return None


def _values_of(row: LimitOverride) -> dict[str, str]:
    values = {"reason": row.reason, "lasting": KEEP if overrides.is_in_force(row) else LIFTED_FOR}
    for window in rate_limit.WINDOWS:
        value = getattr(row, window)
        values[window] = "" if value is None or value == UNLIMITED else str(value)
        values[f"no_{window}"] = "1" if value == UNLIMITED else ""
    return values


def _row(override_id: int) -> LimitOverride:
    row = session.get(LimitOverride, override_id)
    if row is None:
        abort(404)
    return row
