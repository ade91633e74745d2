"""The passkeys of one's own account, and the forms that ask a browser for one."""

from __future__ import annotations

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.accounts import passkeys, second_factor
from dashboard.gateway.accounts.passkeys import StaleChallenge, WrongPasskey
from dashboard.models.accounts import Passkey, User
from dashboard.pages.account import devices
from dashboard.pages.account.forms import AddPasskeyForm, RemovePasskeyForm, RenamePasskeyForm
from dashboard.pages.account.views import proven
from dashboard.pages.ui import formats, people
from dashboard.pages.web import access, audited, htmx
from dashboard.vocabulary import Role

bp = Blueprint("passkeys", __name__)


@bp.get("/new")
def ask() -> ResponseReturnValue:
    """The browser makes one when the form is sent; as long as it did not come back, nothing has changed."""
    name = ", ".join(filter(None, devices.browser_and_system(request.user_agent.string)))
    return _add_form(AddPasskeyForm(data={"device": name}))


@bp.post("/new")
@access.needs(Role.VIEWER)
def add() -> ResponseReturnValue:
    """Keep it; where it is the first second factor, the answer alone shows the recovery codes."""
    form, codes = AddPasskeyForm(), []
    user = proven(form) if form.validate() else None
    if user is not None:
        try:
            name, answer = form.device.data, form.passkey.data or ""
            codes = second_factor.add_passkey(session, people.relying_party(), user, name, answer)
        except (WrongPasskey, StaleChallenge) as error:
            form.blame("device", people.passkey_fault(error))
            form.passkey.data = ""
    if user is None or form.faults:
        session.rollback()
        return _add_form(form, 422)
    audited.record("account.add_passkey", user.email, name=(None, form.device.data))
    session.commit()
    if codes:
        return htmx.dialog("account/_recovery_codes.html", page_title=_("Your recovery codes"), codes=codes)
    flash(_("Passkey added"))
    return htmx.redirect(url_for("pages.account.index"))


@bp.get("/<int:passkey_id>/rename")
def ask_name(passkey_id: int) -> ResponseReturnValue:
    passkey = _own(passkey_id)
    return _rename_form(RenamePasskeyForm(data={"device": passkey.name}), passkey)


@bp.post("/<int:passkey_id>/rename")
@access.needs(Role.VIEWER)
def rename(passkey_id: int) -> ResponseReturnValue:
    """Call it something else: it signs its person in as before, so no password is asked for."""
    form, passkey = RenamePasskeyForm(), _own(passkey_id)
    if not form.validate():
        return _rename_form(form, passkey, 422)
    audited.record("account.rename_passkey", current_user.email, name=(passkey.name, form.device.data))
    passkey.name = form.device.data
    session.commit()
    flash(_("Passkey renamed"))
    return htmx.redirect(url_for("pages.account.index"))


@bp.get("/<int:passkey_id>/remove")
def ask_remove(passkey_id: int) -> ResponseReturnValue:
    return _remove_form(RemovePasskeyForm(), _own(passkey_id))


@bp.post("/<int:passkey_id>/remove")
@access.needs(Role.VIEWER)
def remove(passkey_id: int) -> ResponseReturnValue:
    """It signs nobody in from now on."""
    form, passkey = RemovePasskeyForm(), _own(passkey_id)
    user = proven(form)
    if user is None:
        session.rollback()
        return _remove_form(form, _own(passkey_id), 422)
    audited.record("account.remove_passkey", user.email, name=(passkey.name, None))
    second_factor.remove_passkey(session, user, passkey)
    session.commit()
    flash(_("Passkey removed"))
    return htmx.redirect(url_for("pages.account.index"))


def _add_form(form: AddPasskeyForm, status: int = 200) -> ResponseReturnValue:
    user, gateway = session.get_one(User, current_user.id), formats.organisation() or people.PRODUCT
    options = passkeys.creation_options(session, people.relying_party(), user, gateway)
    context = {"form": form, "options": options, "page_title": _("Add a passkey")}
    return htmx.dialog("account/_add_passkey.html", status, **context)


def _rename_form(form: RenamePasskeyForm, passkey: Passkey, status: int = 200) -> ResponseReturnValue:
    context = {"form": form, "passkey": passkey, "page_title": _("Rename a passkey")}
    return htmx.dialog("account/_rename_passkey.html", status, **context)


def _remove_form(form: RemovePasskeyForm, passkey: Passkey, status: int = 200) -> ResponseReturnValue:
    context = {"form": form, "passkey": passkey, "page_title": _("Remove a passkey")}
    return htmx.dialog("account/_remove_passkey.html", status, **context)


def _own(passkey_id: int) -> Passkey:
    passkey = session.get(Passkey, passkey_id)
    if passkey is None or passkey.user_id != current_user.id:
        abort(404)
    return passkey
