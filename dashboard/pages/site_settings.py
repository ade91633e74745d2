"""Settings of the gateway, for owners: how long things are kept, and what was deleted; names, time zone, language."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.maintenance import retention
from dashboard.gateway.otp import templates
from dashboard.gateway.site_settings import LEAST_DAYS, MOST_DAYS, Preferences
from dashboard.pages.ui import fields, formats
from dashboard.pages.web import access, htmx

LONGEST_NAME = 60
KINDS = ("texts", "numbers", "sandbox", "refusals", "callers")

bp = Blueprint("settings", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    return render_template("settings/index.html", **_context(vars(site_settings.read(session)), {}))


@bp.post("/")
@access.needs("owner")
def save() -> ResponseReturnValue:
    """Keep the settings, or say what is wrong with them."""
    errors: dict[str, str] = {}
    wanted = _read(errors)
    if errors:
        template = "settings/_form.html" if htmx.wants_fragment() else "settings/index.html"
        return render_template(template, **_context(request.form, errors)), 422
    site_settings.save(session, wanted, access.me())
    session.commit()
    flash(_("Settings saved"))
    where = url_for(".index")
    return ("", 200, {"HX-Redirect": where}) if htmx.wants_fragment() else redirect(where, 303)


def _context(values: Any, errors: dict[str, str]) -> dict[str, Any]:
    return {
        "values": values,
        "errors": errors,
        "least": LEAST_DAYS,
        "usual": Preferences(),
        "machine_zone": services().settings.timezone,
        "done": retention.done(session),
        "kinds": KINDS,
    }


def _read(errors: dict[str, str]) -> Preferences:
    days = {name: _days(name, least, errors) for name, least in LEAST_DAYS.items()}
    language = request.form.get("otp_language", "")
    if language not in templates.LANGUAGES:
        errors["otp_language"] = _("Choose a language.")
    return Preferences(_organisation(errors), _zone(errors), language, **days)


def _organisation(errors: dict[str, str]) -> str:
    name = " ".join(request.form.get("organisation", "").split())
    if len(name) > LONGEST_NAME or fields.UNPRINTABLE.search(name):
        errors["organisation"] = _("Use at most %(most)d characters, on one line.", most=LONGEST_NAME)
    return name


def _zone(errors: dict[str, str]) -> str:
    zone = request.form.get("timezone", "").strip()
    if zone and zone not in available_timezones():
        errors["timezone"] = _("Enter the name of a time zone, such as Africa/Nouakchott.")
    return zone


def _days(name: str, least: int, errors: dict[str, str]) -> int:
    given = request.form.get(name, "").strip()
    if given.isascii() and given.isdigit() and len(given) < 6 and least <= int(given) <= MOST_DAYS:
        return int(given)
    errors[name] = _(
        "Enter a whole number of days from %(least)s to %(most)s.",
        least=formats.number(least),
        most=formats.number(MOST_DAYS),
    )
    return least
