"""The second factor of one's own account: an app's codes, and recovery codes for whoever loses the phone."""

from __future__ import annotations

from typing import Any

import segno
from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from dashboard.extensions import services, session
from dashboard.gateway.accounts import second_factor
from dashboard.gateway.accounts.passkeys import RelyingParty
from dashboard.gateway.accounts.second_factor import NewSeed, WrongFactor
from dashboard.gateway.accounts.user_sessions import LockedOut
from dashboard.models.accounts import User
from dashboard.pages.account.forms import NewRecoveryCodesForm, RemoveFactorForm, SetUpFactorForm
from dashboard.pages.account.views import proven
from dashboard.pages.ui import formats, people
from dashboard.pages.web import access, audited, htmx
from dashboard.vocabulary import Role

bp = Blueprint("second_factor", __name__)


@bp.get("/")
def ask() -> ResponseReturnValue:
    """What the app has to read. As long as no code of it was typed in, nothing has changed."""
    user = _me()
    if second_factor.has_app(user):
        return htmx.redirect(url_for("pages.account.index"))
    return _set_up_form(SetUpFactorForm(), second_factor.new_seed(_box(), user, _issuer()))


@bp.post("/")
@access.needs(Role.VIEWER)
def set_up() -> ResponseReturnValue:
    """Ask for a code at each sign-in from now on; the answer alone shows the recovery codes."""
    form = SetUpFactorForm()
    seed = second_factor.offered(_box(), _me(), form.sealed.data or "", _issuer())
    if seed is None:
        flash(_("That took too long. Read the new picture with your app."))
        return htmx.redirect(url_for(".ask"))
    user, codes = proven(form), []
    if user is not None:
        try:
            codes = second_factor.turn_on(session, _box(), user, seed.seed, form.code.data or "")
        except WrongFactor:
            form.blame("code", people.wrong_code())
    if form.is_refused:
        session.rollback()
        return _set_up_form(form, seed, 422)
    audited.record("account.second_factor", current_user.email)
    session.commit()
    return _recovery_codes(codes)


@bp.get("/remove")
def ask_remove() -> ResponseReturnValue:
    return _dialog("account/_remove_factor.html", form=RemoveFactorForm())


@bp.post("/remove")
@access.needs(Role.VIEWER)
def remove() -> ResponseReturnValue:
    """Sign in with the password alone from now on."""
    form = RemoveFactorForm()
    user = proven(form)
    if user is not None:
        try:
            second_factor.prove(session, _box(), user.id, form.code.data or "")
        except WrongFactor:
            form.blame("code", people.wrong_code())
        except LockedOut as error:
            form.blame("code", people.too_many_tries(error.retry_after))
    if user is None or form.faults:
        session.rollback()
        return _dialog("account/_remove_factor.html", 422, form=form)
    second_factor.remove_app(session, user)
    audited.record("account.remove_second_factor", user.email)
    session.commit()
    flash(_("Second factor removed"))
    return htmx.redirect(url_for("pages.account.index"))


@bp.get("/recovery-codes")
def ask_recovery_codes() -> ResponseReturnValue:
    return _dialog("account/_new_recovery_codes.html", form=NewRecoveryCodesForm())


@bp.post("/recovery-codes")
@access.needs(Role.VIEWER)
def renew_recovery_codes() -> ResponseReturnValue:
    """Ten new codes; the ones before them die."""
    form = NewRecoveryCodesForm()
    user = proven(form)
    if user is None or not second_factor.is_on(user):
        session.rollback()
        return _dialog("account/_new_recovery_codes.html", 422, form=form)
    codes = second_factor.new_recovery_codes(session, user)
    audited.record("account.recovery_codes", user.email)
    session.commit()
    return _recovery_codes(codes)


def _set_up_form(form: SetUpFactorForm, seed: NewSeed, status: int = 200) -> ResponseReturnValue:
    form.sealed.data = seed.sealed
    picture = Markup(segno.make(seed.uri, micro=False).svg_inline(scale=4, light="#fff"))  # noqa: S704  no text in it
    may = RelyingParty.of(services().settings) is not None
    return _dialog(
        "account/_set_up_factor.html", status, form=form, seed=seed.seed, picture=picture, may_add_passkeys=may
    )


def _recovery_codes(codes: list[str]) -> ResponseReturnValue:
    """The one answer that shows them."""
    return _dialog("account/_recovery_codes.html", codes=codes)


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Second factor"), **context)


def _issuer() -> str:
    return formats.organisation() or people.PRODUCT


def _box() -> Any:
    return second_factor.cipher(services().settings)


def _me() -> User:
    return session.get_one(User, current_user.id)
