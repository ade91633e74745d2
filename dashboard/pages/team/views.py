"""The team: who has access and as what. Owners invite, change roles, shut out and hand over links for passwords."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import utcnow
from dashboard.extensions import services, session
from dashboard.gateway.accounts import links, second_factor, user_sessions, users
from dashboard.gateway.accounts.users import InvalidPerson, LastOwner
from dashboard.models.accounts import PersonLink, User
from dashboard.pages.team.forms import CAN, RIGHTS, InviteForm, RoleForm
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.vocabulary import Role

UNDO = "invitation"

bp = Blueprint("team", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    """The list; the list alone when HTMX asks for it."""
    return htmx.page("team/index.html", "team/_list.html", **_listing())


@bp.get("/invite")
@access.needs(Role.OWNER, proof=True)
def ask_invite() -> ResponseReturnValue:
    return _dialog("team/_invite.html", form=InviteForm(), CAN=CAN)


@bp.post("/invite")
@access.needs(Role.OWNER, proof=True)
def invite() -> ResponseReturnValue:
    """Make an invitation and show its link, once."""
    form = InviteForm()
    token = ""
    if form.validate():
        try:
            token = links.invite(session, form.email.data, form.role.data, current_user.email)
        except InvalidPerson as error:
            form.blame("email", _email_fault(error.code))
    if form.is_refused:
        return _dialog("team/_invite.html", 422, form=form, CAN=CAN)
    audited.record("team.invite", form.email.data)
    session.commit()
    return _invitation(users.valid_email(form.email.data), token)


@bp.post("/invitations/<int:link_id>/renew")
@access.needs(Role.OWNER, proof=True)
def renew(link_id: int) -> ResponseReturnValue:
    """A new link for somebody who did not come in time; the old one dies."""
    link = _unused(link_id)
    email = link.email
    try:
        token = links.invite(session, email, link.role or "", current_user.email)
    except InvalidPerson:
        return htmx.refused(str(_("This person has an account already.")), url_for(".index"))
    audited.record("team.renew", email)
    session.commit()
    return _invitation(email, token)


@bp.post("/invitations/<int:link_id>/withdraw")
@access.needs(Role.OWNER, proof=True)
def withdraw(link_id: int) -> ResponseReturnValue:
    link = _unused(link_id)
    email, back = link.email, undo.undo(url_for(".restore_invitation"), UNDO, undo.columns(link))
    links.withdraw(session, link)
    audited.record("team.withdraw", email)
    session.commit()
    return _done(_("Invitation withdrawn"), back)


@bp.post("/invitations/restore")
@access.needs(Role.OWNER, proof=True)
def restore_invitation() -> ResponseReturnValue:
    """Let an invitation hold again that was withdrawn a moment ago: the link that was handed over works on."""
    before = undo.taken_back(UNDO)
    link = undo.put_back(PersonLink, before) if links.has_room_for(session, before["email"][1]) else None
    if link is None:
        return htmx.refused(_("This person has an account, or a newer invitation."), url_for(".index"))
    audited.record("team.invite", link.email)
    session.commit()
    return _done(_("Invitation restored. Its link works again."))


@bp.get("/<int:user_id>")
@access.needs(Role.OWNER, proof=True)
def manage(user_id: int) -> ResponseReturnValue:
    """What can be done with somebody's access."""
    return _person(_find(user_id))


@bp.post("/<int:user_id>/role")
@access.needs(Role.OWNER, proof=True)
def change_role(user_id: int) -> ResponseReturnValue:
    user, form = _find(user_id), RoleForm()
    if not form.validate():
        return _person(user, 422)
    before = user.role
    try:
        users.change_role(session, user, form.role.data)
    except LastOwner:
        return _last_owner()
    audited.record("team.role", user.email, role=(before, form.role.data))
    session.commit()
    return _done(_("Role changed"), _back(user, url_for(".change_role", user_id=user.id), role=before))


@bp.post("/<int:user_id>/disable")
@access.needs(Role.OWNER, proof=True)
def disable(user_id: int) -> ResponseReturnValue:
    user = _find(user_id)
    try:
        users.disable(session, user)
    except LastOwner:
        return _last_owner()
    audited.record("team.disable", user.email)
    session.commit()
    return _done(_("Access withdrawn"), _back(user, url_for(".enable", user_id=user.id)))


@bp.post("/<int:user_id>/enable")
@access.needs(Role.OWNER, proof=True)
def enable(user_id: int) -> ResponseReturnValue:
    user = _find(user_id)
    users.enable(session, user)
    audited.record("team.enable", user.email)
    session.commit()
    return _done(_("Access given back"))


@bp.post("/<int:user_id>/unlock")
@access.needs(Role.OWNER, proof=True)
def unlock(user_id: int) -> ResponseReturnValue:
    """Let somebody try again who is locked out after too many wrong passwords."""
    user = _find(user_id)
    user_sessions.unlock(session, user)
    audited.record("team.unlock", user.email)
    session.commit()
    return _done(_("The sign-in is unlocked."))


@bp.post("/<int:user_id>/reset")
@access.needs(Role.OWNER, proof=True)
def reset(user_id: int) -> ResponseReturnValue:
    """A link with which somebody chooses another password."""
    user = _find(user_id)
    if user.disabled_at is not None:
        abort(404)
    token, email = links.reset(session, user, current_user.email), user.email
    audited.record("team.reset", email)
    session.commit()
    return _link(_("Link for another password"), email, url_for("pages.person_links.reset", token=token))


@bp.post("/<int:user_id>/second-factor/reset")
@access.needs(Role.OWNER, proof=True)
def reset_second_factor(user_id: int) -> ResponseReturnValue:
    """Let somebody in with the password alone who lost phone and recovery codes; every session of theirs ends."""
    user = _find(user_id)
    if not second_factor.is_on(user):
        abort(404)
    second_factor.reset(session, user)
    audited.record("team.reset_second_factor", user.email)
    session.commit()
    return _done(_("Second factor removed"))


def _listing() -> dict[str, Any]:
    people = users.listed(session)
    is_owner = current_user.may(Role.OWNER)
    return {
        "people": sorted(people, key=lambda user: (user.disabled_at is not None, -users.RANK[user.role])),
        "invitations": links.invitations(session) if is_owner else [],
        "is_owner": is_owner,
        "unprotected": _without_second_factor(people) if is_owner else set(),
        "is_locked": {user.id: user_sessions.is_locked(session, user) for user in people} if is_owner else {},
        "now": (now := utcnow()),
        "online_since": now - user_sessions.ONLINE,
        "week_ago": now - timedelta(days=7),
        "away_since": now - user_sessions.AWAY,
        "RIGHTS": RIGHTS,
        "RANK": users.RANK,
        "shown_name": shown_name,
    }


def _without_second_factor(people: list[User]) -> set[int]:
    """Who has access by the password alone."""
    with_password = (user for user in people if user.disabled_at is None and user.password_hash)
    return {user.id for user in with_password if not second_factor.is_on(user)}


def shown_name(user: User) -> str:
    """A name for everyone to read: an address is for owners."""
    return user.name or user.email.partition("@")[0]


def _person(user: User, status: int = 200) -> ResponseReturnValue:
    return _dialog(
        "team/_person.html",
        status,
        user=user,
        form=RoleForm(obj=user),
        CAN=CAN,
        is_locked=user_sessions.is_locked(session, user),
        shown_name=shown_name,
    )


def _invitation(email: str, token: str) -> ResponseReturnValue:
    return _link(_("Invitation"), email, url_for("pages.person_links.join", token=token))


def _link(heading: str, email: str, path: str) -> ResponseReturnValue:
    """The one answer that shows a link."""
    address = services().settings.address + path
    part = ChangedPart("team", "team/_list.html", _listing())
    return _dialog("team/_link.html", part=part, heading=heading, email=email, address=address)


def _back(user: User, url: str, **params: str) -> Undo | None:
    """What takes an act back; nothing for who has just lost the right to."""
    return None if user.id == current_user.id else Undo(url, params)


def _last_owner() -> ResponseReturnValue:
    session.rollback()
    return htmx.refused(str(_("Nobody else owns the gateway. Make somebody else an owner first.")), url_for(".index"))


def _done(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("team", "team/_list.html", _listing()), back)


def _dialog(fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    return htmx.dialog(fragment, status, page_title=_("Team"), **context)


def _email_fault(code: str) -> str:
    if code == "taken":
        return str(_("This person has an account already."))
    return str(_("Enter an e-mail address, such as name@example.org."))


def _find(user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        abort(404)
    return user


def _unused(link_id: int) -> PersonLink:
    link = links.invitation(session, link_id)
    if link is None:
        abort(404)
    return link
