"""What the one-time links of people open: an invitation makes an account, a reset chooses another password."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField

from dashboard.db import read_session
from dashboard.extensions import services, session
from dashboard.gateway.accounts import links, oidc, password_words, users
from dashboard.gateway.accounts.passwords import WeakPassword
from dashboard.gateway.accounts.users import DeadLink, InvalidPerson, NewPerson
from dashboard.models.accounts import PersonLink
from dashboard.pages.ui import formats
from dashboard.pages.ui.forms import Form
from dashboard.pages.ui.people import name_field, new_password_field, password_fault, password_hint
from dashboard.pages.web import access, audited, locale
from dashboard.vocabulary import LinkKind

bp = Blueprint("person_links", __name__)


@bp.before_request
def _lead_to_provider() -> ResponseReturnValue | None:
    """Where people sign in by a provider alone, links make no passwords: the provider knows who somebody is."""
    if not services().settings.oidc_only:
        return None
    flash(
        _(
            "Sign in with %(name)s. An invitation to your e-mail address holds there.",
            name=oidc.label(services().settings),
        )
    )
    return redirect(url_for("pages.sign_in.sign_in"), 303)


class ResetForm(Form):
    """A new password."""

    password = new_password_field(_l("New password"))

    def __init__(self) -> None:
        super().__init__()
        self.password.description = password_hint()


class JoinForm(Form):
    """Name and password of who was invited."""

    name = name_field()
    password: PasswordField = new_password_field(_l("Password"))

    def __init__(self) -> None:
        super().__init__()
        self.password.description = password_hint()


@bp.get("/join/<token>")
@access.public
def join(token: str) -> ResponseReturnValue:
    """The form of an invitation; looking at it does not use it up."""
    try:
        return _join_form(token, _read(LinkKind.INVITATION, token), JoinForm())
    except DeadLink:
        return _dead()


@bp.post("/join/<token>")
@access.public
def accept(token: str) -> ResponseReturnValue:
    """Make the account; its owner is then signed in."""
    form = JoinForm()
    form.validate()
    try:
        link = _read(LinkKind.INVITATION, token)
        wanted = NewPerson(
            link.email, link.role or "", form.password.data or "", form.name.data or "", formats.organisation()
        )
        if not form.is_refused:
            user = links.accept(session, token, wanted)
    except (DeadLink, InvalidPerson):
        session.rollback()
        return _dead()
    except WeakPassword as error:
        form.blame("password", password_fault(error.code))
    if form.is_refused:
        session.rollback()
        return _join_form(token, link, form, 422)
    audited.record("account.join", user.email, by=user.email)
    return locale.follow(access.sign_in(user, url_for("pages.home")), user.language)


@bp.get("/reset/<token>")
@access.public
def reset(token: str) -> ResponseReturnValue:
    """The form of another password; looking at it does not use the link up."""
    try:
        return _reset_form(token, _read(LinkKind.RESET, token), ResetForm())
    except DeadLink:
        return _dead()


@bp.post("/reset/<token>")
@access.public
def choose(token: str) -> ResponseReturnValue:
    """Set another password, which is then signed in with."""
    form = ResetForm()
    try:
        link = _read(LinkKind.RESET, token)
        own = (link.email, _name_of(link), formats.organisation())
        links.choose_password(session, token, password_words.new_hash(form.password.data or "", own))
    except DeadLink:
        session.rollback()
        return _dead()
    except WeakPassword as error:
        form.blame("password", password_fault(error.code))
        return _reset_form(token, link, form, 422)
    audited.record("account.reset_password", link.email, by=link.email)
    session.commit()
    flash(_("Password changed. Sign in with it."))
    return redirect(url_for("pages.sign_in.sign_in"), 303)


def _read(kind: LinkKind, token: str) -> PersonLink:
    """Outside the request's transaction, which must not wait for a hash; raise DeadLink."""
    with read_session(services().sessions) as reader:
        return links.read(reader, kind, token)


def _name_of(link: PersonLink) -> str:
    with read_session(services().sessions) as reader:
        user = users.find(reader, link.email)
        return user.name if user else ""


def _join_form(token: str, link: PersonLink, form: JoinForm, status: int = 200) -> ResponseReturnValue:
    return render_template("person_links/join.html", token=token, link=link, form=form), status


def _reset_form(token: str, link: PersonLink, form: ResetForm, status: int = 200) -> ResponseReturnValue:
    return render_template("person_links/reset.html", token=token, link=link, form=form), status


def _dead() -> ResponseReturnValue:
    return render_template("person_links/dead.html"), 410
