"""One's own account: name, address, password, language, time zone, and where one is signed in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.accounts import identities, oidc, passkeys, password_words, second_factor, user_sessions, users
from dashboard.gateway.accounts.passkeys import RelyingParty
from dashboard.gateway.accounts.passwords import WeakPassword
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.gateway.accounts.users import InvalidPerson
from dashboard.models.accounts import User
from dashboard.pages.account import devices
from dashboard.pages.account.forms import EmailForm, PasswordForm, ProfileForm
from dashboard.pages.ui import formats, people
from dashboard.pages.ui.forms import Form
from dashboard.pages.web import access, audited, htmx, locale
from dashboard.pages.web.htmx import ChangedPart
from dashboard.vocabulary import Role

bp = Blueprint("account", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the sessions alone when HTMX asks for them."""
    context = {"form": ProfileForm(_me(), locale.language()), **_sessions()}
    return htmx.page("account/index.html", "account/_sessions.html", **context)


@bp.post("/")
@access.needs(Role.VIEWER)
def save() -> ResponseReturnValue:
    """Keep name, language and time zone."""
    user = _me()
    form = ProfileForm(user, locale.language())
    if not form.validate():
        return htmx.page("account/index.html", "account/_profile.html", 422, form=form, **_sessions())
    user.name, user.language, user.timezone = form.name.data, form.language.data, form.timezone.data
    audited.record("account.change", user.email)
    session.commit()
    flash(_("Account saved"))
    return locale.follow(htmx.redirect(url_for(".index")), form.language.data)


@bp.get("/email")
def ask_email() -> ResponseReturnValue:
    form = EmailForm(data={"email": current_user.email})
    return _dialog("account/_email.html", form=form)


@bp.post("/email")
@access.needs(Role.VIEWER)
def change_email() -> ResponseReturnValue:
    """Sign in with another address from now on, after the password was given."""
    form = EmailForm()
    user = proven(form)
    if user is not None:
        try:
            users.change_email(session, user, form.email.data)
        except InvalidPerson as error:
            form.blame("email", _email_fault(error.code))
    if user is None or form.faults:
        session.rollback()
        return _dialog("account/_email.html", 422, form=form)
    audited.record("account.email", user.email)
    session.commit()
    flash(_("E-mail address changed"))
    return htmx.redirect(url_for(".index"))


@bp.get("/password")
def ask_password() -> ResponseReturnValue:
    return _dialog("account/_password.html", form=PasswordForm())


@bp.post("/password")
@access.needs(Role.VIEWER)
def change_password() -> ResponseReturnValue:
    """Choose another password; every other session ends, and this one gets a new token."""
    form = PasswordForm()
    user = proven(form)
    if user is not None:
        own = (user.email, user.name, formats.organisation())
        session.commit()  # the hash takes long: hold no transaction meanwhile
        try:
            users.change_password(session, user, password_words.new_hash(form.password.data or "", own))
        except WeakPassword as error:
            form.blame("password", people.password_fault(error.code))
    if user is None or form.faults:
        session.rollback()
        return _dialog("account/_password.html", 422, form=form)
    audited.record("account.password", user.email)
    access.sign_in(user)
    flash(_("Password changed. You are signed out everywhere else."))
    return htmx.redirect(url_for(".index"))


@bp.post("/sessions/<digest>/end")
@access.needs(Role.VIEWER)
def end_session(digest: str) -> ResponseReturnValue:
    """End one session; ending this one is signing out."""
    if not user_sessions.end_session_of(session, current_user.id, digest):
        abort(404)
    audited.record("account.end_session", current_user.email)
    session.commit()
    return _ended(_("Session ended"))


@bp.post("/sessions/end")
@access.needs(Role.VIEWER)
def end_sessions() -> ResponseReturnValue:
    """End all sessions but this one, or this one too."""
    is_all = request.form.get("which") == "all"
    users.end_sessions(session, _me(), None if is_all else current_user.token)
    audited.record("account.end_sessions", current_user.email, which=(None, "all" if is_all else "others"))
    session.commit()
    return htmx.redirect(url_for("pages.sign_in.sign_in")) if is_all else _ended(_("All other sessions ended"))


def _sessions() -> dict[str, Any]:
    user = _me()
    rows = user_sessions.sessions_of(session, user.id)
    shown = [
        {
            "row": row,
            "device": devices.browser_and_system(row.agent),
            "is_this": user_sessions.is_of(row, current_user.token),
        }
        for row in rows
    ]
    return {
        "user": user,
        "sessions": shown,
        "PHONES": devices.PHONES,
        "recovery_codes": second_factor.recovery_codes_left(session, user),
        "passkeys": passkeys.of_person(session, user.id),
        "may_add_passkeys": RelyingParty.of(services().settings) is not None,
        "provider": (provider := oidc.of(services().settings)),
        "is_linked": provider is not None and identities.is_linked(session, user, provider.issuer),
    }


def proven(form: Form) -> User | None:
    """The visitor, when the current password in the form is theirs; else the form has the fault.

    Who has no password proves in another way who is there.
    """
    if not current_user.has_password:
        access.require_proof()
        return _me()
    try:
        return user_sessions.prove(session, current_user.id, form.current.data or "")
    except BadCredentials:
        form.blame("current", _("This is not your current password."))
    except LockedOut as error:
        form.blame("current", people.too_many_tries(error.retry_after))
    return None


def _email_fault(code: str) -> str:
    if code == "taken":
        return str(_("Somebody else signs in with this address."))
    return str(_("Enter an e-mail address, such as name@example.org."))


def _ended(message: str) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("sessions", "account/_sessions.html", _sessions()))


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Your account"), **context)


def _me() -> User:
    return session.get_one(User, current_user.id)
