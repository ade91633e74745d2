"""The way in and out: the one-time set-up link, sign-in, sign-out. By a provider: see provider_sign_in.py."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask import session as browser_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import HiddenField, PasswordField

from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import oidc, passkeys, passwords, second_factor, user_sessions, users
from dashboard.gateway.accounts.passkeys import RelyingParty, StaleChallenge, WrongPasskey
from dashboard.gateway.accounts.passwords import WeakPassword
from dashboard.gateway.accounts.second_factor import WrongFactor
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.models.accounts import User
from dashboard.pages.account.forms import PasskeyForm
from dashboard.pages.site_settings import time_zone
from dashboard.pages.ui import formats, forms, people
from dashboard.pages.ui.forms import Form, TextField
from dashboard.pages.web import access, audited, known_device, locale
from dashboard.pages.web.access import ProviderSignIn
from dashboard.vocabulary import Role

HALF = "half_way"  # whose password was right, and when: in the signed cookie of the browser
HALF_WAY_SECONDS = 5 * 60
ALONE = "sign in"  # what a passkey without a password answers for

bp = Blueprint("sign_in", __name__)


class SignInForm(Form):
    """Name and password; `next` is the page to come back to."""

    next = HiddenField()
    email = TextField(_l("E-mail address"), str, render_kw=people.EMAIL)
    password = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password"})


class CodeForm(Form):
    """The second step; `next` is the page to come back to."""

    next = HiddenField()
    code = TextField(
        _l("Code from the app"),
        str,
        description=_l("Six digits. Without your phone: one of your recovery codes."),
        render_kw=forms.length(
            60, autocomplete="one-time-code", dir="ltr", spellcheck="false", autocapitalize="none", required=True
        ),
    )


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
    return page_with("", request.args.get("next", ""), 200)


@bp.post("/sign-in")
@access.public
def enter() -> ResponseReturnValue:
    """Judge name and password; unknown names and wrong passwords answer alike."""
    form = SignInForm()
    if services().settings.oidc_only:
        abort(403)
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
    return ask_second(user, form.next.data or "") if second_factor.is_on(user) else let_in(user)


@bp.get("/sign-in/code")
@access.public
def ask_code() -> ResponseReturnValue:
    """The second step, for whoever has passed the first a moment ago."""
    if _half_way() is None:
        return redirect(url_for(".sign_in"))
    return _code_form(CodeForm(data={"next": request.args.get("next", "")}))


@bp.post("/sign-in/code")
@access.public
def enter_code() -> ResponseReturnValue:
    """Judge a code of the app, or a recovery code, which is used up."""
    form, user_id = CodeForm(), _half_way()
    if user_id is None:
        flash(_("That took too long. Sign in again."))
        return redirect(url_for(".sign_in", next=form.next.data or None), 303)
    try:
        is_recovery = second_factor.prove(
            session, second_factor.cipher(services().settings), user_id, form.code.data or ""
        )
    except WrongFactor:
        return _code_form(form, people.wrong_code(), 422)
    except LockedOut as error:
        locked = make_response(_code_form(form, people.too_many_tries(error.retry_after), 429))
        locked.headers["Retry-After"] = str(error.retry_after)
        return locked
    user = session.get_one(User, user_id)
    response = _let_in_after_second(user)
    if is_recovery:
        left = second_factor.recovery_codes_left(session, user)
        flash(formats.ngettext("%(num)s recovery code is left.", "%(num)s recovery codes are left.", left))
    return response


@bp.post("/sign-in/passkey")
@access.public
def enter_by_passkey() -> ResponseReturnValue:
    """Let in with a passkey alone: it is something that one has, and it knew its person."""
    form = PasskeyForm()
    if services().settings.oidc_only:
        abort(403)
    try:
        user = passkeys.prove(session, people.relying_party(), ALONE, form.passkey.data or "", alone=True)
    except (WrongPasskey, StaleChallenge) as error:
        session.rollback()
        return _sign_in_form(SignInForm(data={"next": form.next.data}), people.passkey_fault(error), 422)
    return let_in(user)


@bp.post("/sign-in/code/passkey")
@access.public
def enter_second_by_passkey() -> ResponseReturnValue:
    """The second step with a passkey."""
    form, user_id = PasskeyForm(), _half_way()
    if user_id is None:
        flash(_("That took too long. Sign in again."))
        return redirect(url_for(".sign_in", next=form.next.data or None), 303)
    try:
        user = passkeys.prove(session, people.relying_party(), _second(user_id), form.passkey.data or "", user_id)
    except (WrongPasskey, StaleChallenge) as error:
        session.rollback()
        return _code_form(CodeForm(data={"next": form.next.data}), people.passkey_fault(error), 422)
    return _let_in_after_second(user)


@bp.post("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    """End the session here; who came by the provider is asked whether to end it there, too."""
    left = 1 if access.came_by_provider() else None
    if current_user.is_authenticated:
        audited.record("sign_in.leave", current_user.email)
    access.sign_out()
    return redirect(url_for(".sign_in", left=left), 303)


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
    if form.is_refused:
        session.rollback()  # the link lives on
        return _setup_form(token, form, 422)
    _keep_zone(form.timezone.data, user.email)
    audited.record("sign_in.set_up", user.email, by=user.email)
    return access.sign_in(user, url_for("pages.home"))


def page_with(fault: str, wanted: str, status: int) -> ResponseReturnValue:
    """The page, after another way of signing in failed."""
    return _sign_in_form(SignInForm(data={"next": wanted}), fault, status)


def ask_second(user: User, wanted: str, provider: ProviderSignIn | None = None) -> ResponseReturnValue:
    """The first step is taken: ask for the second; commits."""
    session.commit()
    browser_session[HALF] = [user.id, int(time.time()), provider is not None]
    return redirect(url_for("pages.sign_in.ask_code", next=wanted or None), 303)


def let_in(
    user: User, where: str | None = None, provider: ProviderSignIn | None = None, **facts: tuple[Any, Any]
) -> ResponseReturnValue:
    """Begin the session, in the person's language; tell them of failed tries since the last one."""
    tries, user.failed_tries = user.failed_tries, 0
    audited.record("sign_in.provider" if provider else "sign_in.enter", user.email, by=user.email, **facts)
    response = locale.follow(access.sign_in(user, where, provider), user.language)
    if tries:
        flash(
            formats.ngettext(
                "%(num)s wrong password was tried for your account since you last signed in. If that was not you, "
                "choose another password.",
                "%(num)s wrong passwords were tried for your account since you last signed in. If that was not you, "
                "choose another password.",
                tries,
            )
        )
    return response


def _let_in_after_second(user: User) -> ResponseReturnValue:
    """With both steps taken, whoever has judged the first."""
    by_provider = browser_session.get(HALF, ())[2:] == [True]
    return let_in(user, provider=ProviderSignIn(int(time.time()), is_strong=True) if by_provider else None)


def _half_way() -> int | None:
    """Who has passed the first step in this browser during the last five minutes."""
    user_id, at, *_ = browser_session.get(HALF, (None, 0))
    return user_id if 0 <= time.time() - at < HALF_WAY_SECONDS else None


def _code_form(form: CodeForm, fault: str = "", status: int = 200) -> ResponseReturnValue:
    party, user_id = RelyingParty.of(services().settings), _half_way()
    own = passkeys.of_person(session, user_id) if party and user_id else []
    options = passkeys.request_options(party, _second(user_id), own) if party and user_id and own else ""
    return render_template("sign_in/code.html", form=form, fault=fault, options=options), status


def _second(user_id: int) -> str:
    """What a passkey in the second step answers for."""
    return f"second step {user_id}"


def _setup_form(token: str, form: SetUpForm, status: int = 200) -> ResponseReturnValue:
    return render_template("sign_in/setup.html", token=token, form=form), status


def _keep_zone(zone: str, by: str) -> None:
    """Unless it is the machine's own, which is followed when it changes."""
    if zone and zone != services().settings.timezone:
        site_settings.save(session, replace(site_settings.read(session), timezone=zone), by)


def _sign_in_form(form: SignInForm, fault: str = "", status: int = 200) -> ResponseReturnValue:
    settings = services().settings
    party, is_only = RelyingParty.of(settings), settings.oidc_only
    options = passkeys.request_options(party, ALONE, alone=True) if party and not is_only else ""
    context = {"options": options, "provider": oidc.of(settings), "is_only": is_only}
    return render_template("sign_in/sign_in.html", form=form, fault=fault, **context), status


def _locked_out(form: SignInForm, seconds: int) -> ResponseReturnValue:
    response = make_response(_sign_in_form(form, people.too_many_tries(seconds), 429))
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
