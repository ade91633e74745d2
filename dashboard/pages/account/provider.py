"""One's own account and the provider that people sign in with: connected, proven by it, disconnected."""

from __future__ import annotations

from flask import Blueprint, abort, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import services, session
from dashboard.gateway.accounts import identities, oidc
from dashboard.pages import provider_sign_in
from dashboard.pages.account.forms import ProvenForm
from dashboard.pages.account.views import proven
from dashboard.pages.web import access, audited, htmx
from dashboard.vocabulary import Role

bp = Blueprint("account_provider", __name__)


@bp.get("/link")
@access.needs(Role.VIEWER, proof=True)
def link() -> ResponseReturnValue:
    """To the provider; who comes back from there can sign in by it from then on."""
    return provider_sign_in.lead_away(f"link {current_user.id}")


@bp.get("/prove")
def prove() -> ResponseReturnValue:
    """To the provider, which asks again who is there."""
    return provider_sign_in.lead_away(f"proof {current_user.id}", again=True)


@bp.get("/unlink")
def ask_unlink() -> ResponseReturnValue:
    return _form(ProvenForm())


@bp.post("/unlink")
@access.needs(Role.VIEWER)
def unlink() -> ResponseReturnValue:
    """Sign in without the provider from now on; who has no password could not."""
    if not current_user.has_password:
        abort(404)
    form = ProvenForm()
    user = proven(form)
    if user is None:
        session.rollback()
        return _form(form, 422)
    identities.unlink(session, user)
    audited.record("account.unlink", user.email)
    session.commit()
    flash(_("Disconnected"))
    return htmx.redirect(url_for("pages.account.index"))


def _form(form: ProvenForm, status: int = 200) -> ResponseReturnValue:
    name = oidc.label(services().settings)
    title = _("Disconnect %(name)s", name=name)
    return htmx.dialog("account/_unlink.html", status, form=form, name=name, page_title=title)
