"""Signing in by a provider of one's own (OpenID Connect): there, back, and out.

The browser is led away by links and redirects, never by a form: the content policy lets forms go to this gateway alone.
What the way back needs is kept in the browser's signed cookie and used once.
"""

from __future__ import annotations

import logging
from dataclasses import astuple

from flask import Blueprint, abort, flash, make_response, redirect, request, url_for
from flask import session as browser_session
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.accounts import identities, oidc, second_factor, user_sessions
from dashboard.gateway.accounts.identities import NotAdmitted
from dashboard.gateway.accounts.oidc import Flow, Identity, IdentityProvider, ProviderFault
from dashboard.gateway.accounts.user_sessions import LockedOut
from dashboard.models.accounts import User
from dashboard.pages import sign_in
from dashboard.pages.account import proof
from dashboard.pages.ui import people
from dashboard.pages.web import access, audited
from dashboard.pages.web.access import ProviderSignIn

KEPT = "oidc"  # where the flow is kept, and the page to come back to
SIGN_IN = "sign in"
STATUS = {"unreachable": 503, "misconfigured": 503, "busy": 503, "refused": 403, "stale": 400, "untrusted": 403}

bp = Blueprint("provider_sign_in", __name__)
log = logging.getLogger(__name__)


@bp.get("/")
@access.public
def start() -> ResponseReturnValue:
    """Lead to the provider, and from there back to the page `next`."""
    return lead_away(SIGN_IN)


@bp.get("/back")
@access.public
def back() -> ResponseReturnValue:
    """Where the provider sends the browser to: judge what it brings, once."""
    provider = _provider_or_404()
    *kept, wanted = browser_session.pop(KEPT, [""])
    flow = Flow(*kept) if kept else Flow("", "", "", "", 0)
    try:
        tries = user_sessions.spend_try(session, "provider", request.remote_addr or "")
        session.commit()  # no transaction is open while the provider is asked
        identity = provider.finish(_back_url(), flow, request.args)
    except LockedOut as error:
        locked = make_response(_refuse(flow, people.too_many_tries(error.retry_after), wanted, 429))
        locked.headers["Retry-After"] = str(error.retry_after)
        return locked
    except ProviderFault as error:
        return _failed(error, flow, wanted)
    user_sessions.forget_tries(session, tries)
    if flow.purpose == SIGN_IN:
        return _sign_in(identity, wanted)
    if current_user.is_authenticated and flow.purpose == f"proof {current_user.id}":
        return _prove(identity, flow, wanted)
    if current_user.is_authenticated and flow.purpose == f"link {current_user.id}":
        return _link(identity)
    return _failed(ProviderFault("stale"), flow, wanted)  # somebody else is signed in by now, or nobody


@bp.get("/sign-out")
@access.public
def sign_out() -> ResponseReturnValue:
    """End the session at the provider, where it has an address for that."""
    here = url_for("pages.sign_in.sign_in")
    try:
        away = _provider_or_404().sign_out_url(services().settings.address + here)
    except ProviderFault as error:
        return _failed(error, Flow(SIGN_IN, "", "", "", 0), "")
    return redirect(away or here)


def lead_away(purpose: str, *, again: bool = False) -> ResponseReturnValue:
    """To the provider; `again` has it ask the person anew, whoever is signed in there."""
    wanted = request.args.get("next", "")
    try:
        url, flow = _provider_or_404().start(_back_url(), purpose, again=again)
    except ProviderFault as error:
        return _failed(error, Flow(purpose, "", "", "", 0), wanted)
    browser_session[KEPT] = [*astuple(flow), wanted if access.is_local(wanted) else ""]
    return redirect(url)


def _provider_or_404() -> IdentityProvider:
    return oidc.of(services().settings) or abort(404)


def _sign_in(identity: Identity, wanted: str) -> ResponseReturnValue:
    try:
        admitted = identities.admit(session, services().settings, identity)
    except NotAdmitted as error:
        session.rollback()
        name = f"oidc {identity.subject}"[:200]
        audited.record("sign_in.refuse", identity.email, by=name, reason=(None, error.code))
        session.commit()
        return sign_in.page_with(_not_admitted(error.code), wanted, 403)
    user, changes = admitted.user, admitted.changes
    word = ProviderSignIn(identity.auth_time or 0, identity.is_strong)
    if second_factor.is_on(user) and not identity.is_strong:
        if changes:
            audited.record("team.role", user.email, by=user.email, **changes)
        return sign_in.ask_second(user, wanted, word)
    return sign_in.let_in(user, access.local_or_home(wanted), word, **changes)


def _prove(identity: Identity, flow: Flow, wanted: str) -> ResponseReturnValue:
    """The provider has just asked this very person again."""
    is_own = identities.is_of(session, current_user.id, identity)
    if not is_own or (identity.auth_time or 0) < flow.started_at - oidc.LEEWAY_SECONDS:
        session.commit()
        return proof.page_with(_("%(name)s did not ask you again who you are.", name=_name()), wanted, 403)
    return proof.proven(access.local_or_home(wanted))


def _link(identity: Identity) -> ResponseReturnValue:
    user = session.get_one(User, current_user.id)
    try:
        identities.link(session, user, identity)
    except NotAdmitted as error:
        session.rollback()
        flash(_not_admitted(error.code))
    else:
        audited.record("account.link", user.email)
        session.commit()
        flash(_("You can sign in with %(name)s now.", name=_name()))
    return redirect(url_for("pages.account.index"))


def _failed(error: ProviderFault, flow: Flow, wanted: str) -> ResponseReturnValue:
    if error.code not in ("stale", "refused"):
        log.warning("signing in with %s failed: %s %.200r", services().settings.oidc_issuer, error.code, error.detail)
    session.commit()
    return _refuse(flow, _fault(error.code), wanted, STATUS[error.code])


def _refuse(flow: Flow, fault: str, wanted: str, status: int) -> ResponseReturnValue:
    """Say it where the way began."""
    if flow.purpose.startswith("proof") and current_user.is_authenticated:
        return proof.page_with(fault, wanted, status)
    if flow.purpose.startswith("link") and current_user.is_authenticated:
        flash(fault)
        return redirect(url_for("pages.account.index"))
    return sign_in.page_with(fault, wanted, status)


def _fault(code: str) -> str:
    """What happened and what to do, by the code of ProviderFault."""
    if code == "unreachable":
        if services().settings.oidc_only:
            return str(_("%(name)s cannot be reached. Try again in a moment.", name=_name()))
        return str(_("%(name)s cannot be reached. Try again in a moment, or use your password.", name=_name()))
    texts = {
        "misconfigured": _("%(name)s is not set up correctly here. Tell the owner of this gateway.", name=_name()),
        "busy": _("Many people are signing in right now. Try again in a moment."),
        "refused": _("%(name)s did not let you in. Try again, or ask its administrator.", name=_name()),
        "stale": _("That took too long. Sign in again."),
        "untrusted": _(
            "The answer of %(name)s could not be verified. Try again; if it stays so, tell the owner of this gateway.",
            name=_name(),
        ),
    }
    return str(texts[code])


def _not_admitted(code: str) -> str:
    """Why somebody whom the provider knows is not let in, and what to do, by the code of NotAdmitted."""
    texts = {
        "no_role": _("%(name)s gives you no role for this gateway. Ask its administrator for one.", name=_name()),
        "disabled": _("Your access was withdrawn. Ask an owner of this gateway."),
        "unverified": _(
            "%(name)s has not verified your e-mail address. Verify it there, then try again.", name=_name()
        ),
        "not_invited": _("You have no account yet. Ask an owner of this gateway to invite your e-mail address."),
        "has_account": _(
            "Your e-mail address has an account here. Sign in with its password, then connect %(name)s under "
            "“Your account”.",
            name=_name(),
        ),
        "linked_elsewhere": _("Somebody else signs in here with this account of %(name)s.", name=_name()),
    }
    return str(texts[code])


def _back_url() -> str:
    return services().settings.address + url_for("pages.provider_sign_in.back")


def _name() -> str:
    return oidc.label(services().settings)
