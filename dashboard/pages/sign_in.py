"""The way in and out: the one-time set-up link, sign-in, sign-out."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from wtforms import HiddenField, PasswordField

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import passwords, user_sessions, users
from dashboard.gateway.accounts.passwords import WeakPassword
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.models.accounts import User
from dashboard.pages.site_settings import time_zone
from dashboard.pages.ui import formats, forms, people
from dashboard.pages.ui.forms import Form, TextField
from dashboard.pages.web import access, audited, known_device, locale
from dashboard.vocabulary import Role

bp = Blueprint("sign_in", __name__)


class SignInForm(Form):
    """Name and password; `next` is the page to come back to."""

    next = HiddenField()
    email = TextField(_l("E-mail address"), str, render_kw=people.EMAIL)
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password"})


class SetUpForm(Form):
    """The first owner, and the time zone."""

    name = people.name_field()
    email = TextField(
        _l("E-mail address"),
        description=_l("You sign in with this address. Nothing is sent to it."),
        render_kw=people.EMAIL,
    )
    password = people.new_password_field(_l("Password"))
    timezone = TextField(
        _l("Time zone"),
        time_zone,
        description=_l("Times are shown and days begin in this zone. You can change it later."),
        render_kw=forms.length(60, dir="ltr", spellcheck="false"),
    )

    def __init__(self) -> None:
        super().__init__(data={"timezone": formats.zone_name()})
        self.password.description = people.password_hint()


@bp.get("/sign-in")
@access.public
def sign_in() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(access.safe_next())
    return _sign_in_form(SignInForm(data={"next": request.args.get("next", "")}))


@bp.post("/sign-in")
@access.public
def enter() -> ResponseReturnValue:
    """Judge name and password; unknown names and wrong passwords answer alike."""
    form = SignInForm()
    try:
        user = user_sessions.sign_in(
            session,
            form.email.data or "",
            form.password.data or "",
            request.remote_addr or "",
            known_device.of(form.email.data or ""),
        )
    except BadCredentials:
        return _sign_in_form(form, _("The e-mail address or the password is wrong."), 422)
    except LockedOut as error:
        return _locked_out(form, error.retry_after)
    except passwords.Busy:
        return _busy(form)
    return _enter(user)


@bp.post("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    if current_user.is_authenticated:
        audited.record("sign_in.leave", current_user.email)
    return access.sign_out()


@bp.get("/setup/<token>")
@access.public
def set_up(token: str) -> ResponseReturnValue:
    """The form of the first owner; looking at it does not use the link up."""
    try:
        users.check_setup_link(session, token)
    except DeadLink:
        return _dead_link()
    return _setup_form(token, SetUpForm())


@bp.post("/setup/<token>")
@access.public
def make_owner(token: str) -> ResponseReturnValue:
    """Make the first owner, who is then signed in."""
    form = SetUpForm()
    form.validate()
    try:
        owner = NewPerson(
            form.email.data, Role.OWNER, form.password.data or "", form.name.data or "", formats.organisation()
        )
        user = users.set_up(session, token, owner)
    except DeadLink:
        session.rollback()
        return _dead_link()
    except InvalidPerson:
        form.blame("email", _("Enter an e-mail address, such as name@example.org."))
    except WeakPassword as error:
        form.blame("password", people.password_fault(error.code))
    if form.faults:
        session.rollback()  # the link lives on
        return _setup_form(token, form, 422)
    _keep_zone(form.timezone.data, user.email)
    audited.record("sign_in.set_up", user.email, by=user.email)
    return access.sign_in(user, url_for("pages.home"))


def _enter(user: User) -> ResponseReturnValue:
    """Begin the session, in the person's language; tell them of failed tries since the last one."""
    tries, user.failed_tries = user.failed_tries, 0
    audited.record("sign_in.enter", user.email, by=user.email)
    response = locale.follow(access.sign_in(user), user.language)
    if tries:
        flash(
            ngettext(
                "%(num)d wrong password was tried for your account since you last signed in. If that was not you, "
                "choose another password.",
                "%(num)d wrong passwords were tried for your account since you last signed in. If that was not you, "
                "choose another password.",
                tries,
            )
        )
    return response


def _setup_form(token: str, form: SetUpForm, status: int = 200) -> ResponseReturnValue:
    return render_template("sign_in/setup.html", token=token, form=form), status


def _keep_zone(zone: str, by: str) -> None:
    """Unless it is the machine's own, which is followed when it changes."""
    if zone and zone != services().settings.timezone:
        site_settings.save(session, replace(site_settings.read(session), timezone=zone), by)


def _sign_in_form(form: SignInForm, fault: str = "", status: int = 200) -> ResponseReturnValue:
    return render_template("sign_in/sign_in.html", form=form, fault=fault), status


def _locked_out(form: SignInForm, seconds: int) -> ResponseReturnValue:
    minutes = ceil(seconds / 60)
    fault = ngettext(
        "Too many tries. Try again in %(num)d minute.", "Too many tries. Try again in %(num)d minutes.", minutes
    )
    response = make_response(_sign_in_form(form, fault, 429))
    response.headers["Retry-After"] = str(seconds)
    return response


def _busy(form: SignInForm) -> ResponseReturnValue:
    """Many people sign in at once, or somebody guesses; nothing was counted against anybody."""
    response = make_response(
        _sign_in_form(form, _("Many people are signing in right now. Try again in a moment."), 429)
    )
    response.headers["Retry-After"] = str(passwords.PATIENCE_SECONDS)
    return response


def _dead_link() -> ResponseReturnValue:
    return render_template("sign_in/dead_link.html", someone=users.any_exist(session)), 410
