"""The way in and out: the one-time set-up link, sign-in, sign-out."""

from __future__ import annotations

import re
from dataclasses import replace
from math import ceil
from zoneinfo import available_timezones

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import passwords, user_sessions, users
from dashboard.gateway.accounts.passwords import WeakPassword
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.pages.ui import formats
from dashboard.pages.web import access

LONGEST_NAME = 80
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
@access.public
def sign_in() -> ResponseReturnValue:
    if access.visitor():
        return redirect(access.safe_next())
    return _form()


@bp.post("/sign-in")
@access.public
def enter() -> ResponseReturnValue:
    """Judge name and password; unknown names and wrong passwords answer alike."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        user = user_sessions.sign_in(session, email, password, request.remote_addr or "")
    except BadCredentials:
        return _form(_("The e-mail address or the password is wrong."), 422)
    except LockedOut as error:
        return _locked_out(error.retry_after)
    return access.enter(user)


@bp.post("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    return access.leave()


@bp.get("/setup/<token>")
@access.public
def set_up(token: str) -> ResponseReturnValue:
    """The form of the first owner; looking at it does not use the link up."""
    try:
        users.check_setup_link(session, token)
    except DeadLink:
        return _dead_link()
    return _setup_form(token, {"timezone": formats.zone_name()}, {})


@bp.post("/setup/<token>")
@access.public
def make_owner(token: str) -> ResponseReturnValue:
    """Make the first owner, who is then signed in."""
    values = {name: request.form.get(name, "").strip() for name in ("name", "email", "timezone")}
    wanted = NewPerson(values["email"], "owner", request.form.get("password", ""), values["name"])
    faults = _faults_of_name(wanted.name)
    if values["timezone"] and values["timezone"] not in available_timezones():
        faults["timezone"] = _("Enter the name of a time zone, such as Africa/Nouakchott.")
    try:
        user = users.set_up(session, token, wanted)
    except DeadLink:
        session.rollback()
        return _dead_link()
    except InvalidPerson:
        faults["email"] = _("Enter an e-mail address, such as name@example.org.")
    except WeakPassword as error:
        faults["password"] = _password_fault(error.code)
    if faults:
        session.rollback()  # the link lives on
        return _setup_form(token, values, faults, 422)
    _keep_zone(values["timezone"], user.email)
    return access.enter(user, url_for("pages.keys.index"))


def _setup_form(token: str, values: dict[str, str], errors: dict[str, str], status: int = 200) -> ResponseReturnValue:
    context = {"token": token, "values": values, "errors": errors, "shortest": passwords.SHORTEST}
    return render_template("sign_in/setup.html", **context), status


def _keep_zone(zone: str, by: str) -> None:
    """Unless it is the machine's own, which is followed when it changes."""
    if zone and zone != services().settings.timezone:
        site_settings.save(session, replace(site_settings.read(session), timezone=zone), by)


def _form(fault: str = "", status: int = 200) -> ResponseReturnValue:
    email = request.form.get("email", "")[:254]
    return render_template(
        "sign_in/sign_in.html", fault=fault, email=email, next=request.values.get("next", "")
    ), status


def _locked_out(seconds: int) -> ResponseReturnValue:
    minutes = ceil(seconds / 60)
    fault = ngettext(
        "Too many tries. Try again in %(num)d minute.", "Too many tries. Try again in %(num)d minutes.", minutes
    )
    response = make_response(_form(fault, 429))
    response.headers["Retry-After"] = str(seconds)
    return response


def _dead_link() -> ResponseReturnValue:
    return render_template("sign_in/dead_link.html", someone=users.any_exist(session)), 410


def _faults_of_name(name: str) -> dict[str, str]:
    if not name:
        return {"name": _("Enter your name.")}
    if len(name) > LONGEST_NAME or UNPRINTABLE.search(name):
        return {"name": _("Use at most %(most)d characters, on one line.", most=LONGEST_NAME)}
    return {}


def _password_fault(code: str) -> str:
    if code == "too_short":
        return str(_("Use at least %(least)d characters.", least=passwords.SHORTEST))
    if code == "too_long":
        return str(_("Use at most %(most)d characters.", most=passwords.LONGEST))
    return str(_("Many people use this password, so it is guessed first. Choose another."))
