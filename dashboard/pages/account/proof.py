"""The password or a code once more, before what a stolen session must not do: keys, people, carriers, exports."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from wtforms import HiddenField, PasswordField

from dashboard.extensions import services, session
from dashboard.gateway.accounts import identities, oidc, passkeys, second_factor, user_sessions
from dashboard.gateway.accounts.oidc import IdentityProvider
from dashboard.gateway.accounts.passkeys import RelyingParty, StaleChallenge, WrongPasskey
from dashboard.gateway.accounts.second_factor import WrongFactor
from dashboard.gateway.accounts.user_sessions import BadCredentials, LockedOut
from dashboard.models.accounts import User
from dashboard.pages.account.forms import PasskeyForm
from dashboard.pages.ui import people
from dashboard.pages.ui.forms import Form
from dashboard.pages.web import access, audited
from dashboard.vocabulary import Role

CODE_DIGITS = 6

bp = Blueprint("proof", __name__)


class ProofForm(Form):
    """The password, or six digits of the app; `next` is the page to come back to."""

    next = HiddenField()
    proof = PasswordField(_l("Password"), render_kw={"autocomplete": "current-password"})


@bp.get("/")
def ask() -> ResponseReturnValue:
    return _page(ProofForm(data={"next": request.args.get("next", "")}))


@bp.post("/")
@access.needs(Role.VIEWER)
def prove() -> ResponseReturnValue:
    """Open the doors that ask for it for fifteen minutes, in this browser."""
    form = ProofForm()
    try:
        _judge("".join((form.proof.data or "").split()), form.proof.data or "")
    except (BadCredentials, WrongFactor):
        return _page(form, _("That is not right."), 422)
    except LockedOut as error:
        return _page(form, people.too_many_tries(error.retry_after), 429)
    return proven(access.safe_next())


@bp.post("/passkey")
@access.needs(Role.VIEWER)
def prove_by_passkey() -> ResponseReturnValue:
    """The same with a passkey that knew its person."""
    form = PasskeyForm()
    try:
        answer, own_id = form.passkey.data or "", current_user.id
        passkeys.prove(session, people.relying_party(), _purpose(), answer, own_id, alone=True)
    except (WrongPasskey, StaleChallenge) as error:
        session.rollback()
        return _page(ProofForm(data={"next": form.next.data}), people.passkey_fault(error), 422)
    return proven(access.safe_next())


def _judge(code: str, password: str) -> None:
    """Raise BadCredentials, WrongFactor or LockedOut."""
    if current_user.has_app and len(code) == CODE_DIGITS and code.isdigit():
        second_factor.prove(session, second_factor.cipher(services().settings), current_user.id, code)
    else:
        user_sessions.prove(session, current_user.id, password)


def _page(form: ProofForm, fault: str = "", status: int = 200) -> ResponseReturnValue:
    if current_user.has_app:
        form.proof.description = _("Or the six digits of your app.")
    context = {"options": _options(), "provider": _provider()}
    return render_template("account/proof.html", form=form, fault=fault, **context), status


def _provider() -> IdentityProvider | None:
    """The provider by which the visitor can prove it, too."""
    provider = oidc.of(services().settings)
    if provider is None:
        return None
    user = session.get_one(User, current_user.id)
    return provider if identities.is_linked(session, user, provider.issuer) else None


def page_with(fault: str, wanted: str, status: int) -> ResponseReturnValue:
    """The page once more, after another way of proving it failed."""
    return _page(ProofForm(data={"next": wanted}), fault, status)


def proven(where: str) -> ResponseReturnValue:
    """Open the doors that ask for it, and lead on."""
    audited.record("account.proof", current_user.email)
    session.commit()
    access.note_proof()
    return redirect(where, 303)


def _options() -> str:
    """What a passkey is asked with; empty for who has none."""
    party = RelyingParty.of(services().settings)
    if party is None or not current_user.has_passkey:
        return ""
    own = passkeys.of_person(session, current_user.id)
    return passkeys.request_options(party, _purpose(), own, alone=True)


def _purpose() -> str:
    return f"proof {current_user.id}"
