"""Groups of contacts: named, renamed, removed and brought back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.contacts import contacts, groups
from dashboard.gateway.contacts.groups import KnownName, TooMany
from dashboard.models.contacts import ContactGroup
from dashboard.pages.contacts.forms import GroupForm
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.vocabulary import Role

UNDO_ADD, UNDO_RENAME, UNDO_REMOVE = "contact-group-added", "contact-group-renamed", "contact-group-removed"

bp = Blueprint("groups", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    return htmx.page("contacts/groups.html", "contacts/_groups.html", **_listing())


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    return _form(GroupForm())


@bp.post("/new")
@access.needs(Role.OPERATOR)
def create() -> ResponseReturnValue:
    """Make an empty group."""
    form = GroupForm()
    if not form.validate():
        return _form(form, 422)
    known = {group.search_name for group in groups.listed(session)}
    if contacts.plain(form.name.data) in known:
        return _refuse(form, _("There is a group of this name already."))
    try:
        made = groups.named(session, [form.name.data], current_user.email)
    except TooMany:
        return _refuse(form, _("Most groups: %(most)d.", most=groups.MOST))
    audited.record("contacts.add_group", form.name.data)
    session.commit()
    back = undo.undo(url_for(".take_back"), UNDO_ADD, {"id": next(iter(made.values()))})
    return _changed(_("Group made"), back)


@bp.post("/take-back")
@access.needs(Role.OPERATOR)
def take_back() -> ResponseReturnValue:
    """Remove a group that was made a moment ago; not one that contacts were put into meanwhile."""
    group_id = undo.taken_back(UNDO_ADD)["id"]
    group = groups.find(session, group_id)
    if group is None or groups.sizes(session).get(group_id):
        return _stale()
    audited.record("contacts.remove_group", group.name)
    groups.remove(session, group)
    session.commit()
    return _changed(_("Group removed"))


@bp.get("/<int:group_id>/edit")
@access.needs(Role.OPERATOR)
def edit(group_id: int) -> ResponseReturnValue:
    return _form(GroupForm(_row(group_id)))


@bp.post("/<int:group_id>/edit")
@access.needs(Role.OPERATOR)
def rename(group_id: int) -> ResponseReturnValue:
    """Give a group another name."""
    group = _row(group_id)
    form = GroupForm(group)
    if not form.validate():
        return _form(form, form.status)
    before, after = group.name, form.name.data
    try:
        _rename(group, after)
    except KnownName:
        session.rollback()
        return _refuse(form, _("There is a group of this name already."))
    back = undo.undo(url_for(".rename_back"), UNDO_RENAME, {"id": group_id, "before": before, "after": after})
    return _changed(_("Group renamed"), back)


@bp.post("/rename-back")
@access.needs(Role.OPERATOR)
def rename_back() -> ResponseReturnValue:
    """Give a group the name that it had a moment ago."""
    told = undo.taken_back(UNDO_RENAME)
    group = groups.find(session, told["id"])
    if group is None or group.name != told["after"]:
        return _stale()
    try:
        _rename(group, told["before"])
    except KnownName:
        session.rollback()
        return _stale()
    return _changed(_("Group renamed"))


@bp.get("/<int:group_id>/remove")
@access.needs(Role.OPERATOR)
def ask_remove(group_id: int) -> ResponseReturnValue:
    group = _row(group_id)
    size = groups.sizes(session).get(group_id, 0)
    return htmx.dialog("contacts/_remove_group.html", page_title=_("Groups"), group=group, size=size)


@bp.post("/<int:group_id>/remove")
@access.needs(Role.OPERATOR)
def remove(group_id: int) -> ResponseReturnValue:
    """Remove a group; its contacts stay."""
    group = _row(group_id)
    groups.remove(session, group)
    audited.record("contacts.remove_group", group.name)
    session.commit()
    return _changed(_("Group removed"), undo.undo(url_for(".restore"), UNDO_REMOVE, {"id": group_id}))


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Bring a group back that was removed a moment ago, with its contacts."""
    group_id = undo.taken_back(UNDO_REMOVE)["id"]
    try:
        is_back = groups.restore(session, group_id)
    except KnownName:
        session.rollback()
        is_back = False
    if not is_back:
        return _stale()
    audited.record("contacts.add_group", _row(group_id).name)
    session.commit()
    return _changed(_("Group restored"))


def _rename(group: ContactGroup, name: str) -> None:
    before = group.name
    groups.rename(session, group, name)
    audited.record("contacts.rename_group", name, name=(before, name))
    session.commit()


def _row(group_id: int) -> ContactGroup:
    return groups.find(session, group_id) or abort(404)


def _listing() -> dict[str, Any]:
    sizes, found = groups.sizes(session), groups.listed(session)
    return {"rows": [(group, sizes.get(group.id, 0)) for group in found], "may_change": current_user.may(Role.OPERATOR)}


def _stale() -> ResponseReturnValue:
    return htmx.refused(_("The group has changed meanwhile."), url_for(".index"))


def _refuse(form: GroupForm, sentence: str) -> ResponseReturnValue:
    form.blame("name", sentence)
    return _form(form, 422)


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("groups", "contacts/_groups.html", _listing()), back)


def _form(form: GroupForm, status: int = 200) -> ResponseReturnValue:
    target = url_for(".rename", group_id=form.group.id) if form.group else url_for(".create")
    return htmx.dialog("contacts/_group_form.html", status, page_title=_("Groups"), form=form, target=target)
