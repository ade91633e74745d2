"""Views of the message log under a name, and the columns that somebody wants to see."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, abort, flash, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.extensions import session
from dashboard.gateway.message_log import saved_views
from dashboard.gateway.message_log.saved_views import NameTaken, TooManyViews
from dashboard.models.accounts import User
from dashboard.pages.messages import columns, filters
from dashboard.pages.ui import formats, forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import CheckboxesField, Form, SwitchField, TextField
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart
from dashboard.vocabulary import Role

UNDO = "saved-view"
LOG = "pages.messages.index"
bp = Blueprint("saved_views", __name__)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name:
        raise Fault(_("Enter a name."))
    if len(name) > saved_views.LONGEST_NAME:
        most = saved_views.LONGEST_NAME
        raise Fault(formats.ngettext("Use at most %(num)s character.", "Use at most %(num)s characters.", most))
    return name


class ViewForm(Form):
    """A name for the filters of this address."""

    name = TextField(_l("Name"), _name, render_kw=forms.length(saved_views.LONGEST_NAME))
    is_shared = SwitchField(_l("Show this view to everybody"), _l("Who sees it"))


class ColumnsForm(Form):
    """Which columns the log has."""

    columns = CheckboxesField(_l("Columns"), columns.COLUMNS, _l("Choose at least one column."))


@bp.get("/")
def index() -> ResponseReturnValue:
    """One's own views, to remove some."""
    return htmx.dialog("messages/_manage_views.html", page_title=_("Messages"), **context(filters.from_request().typed))


@bp.get("/new")
def new() -> ResponseReturnValue:
    return _form(ViewForm())


@bp.post("/new")
@access.needs(Role.VIEWER)
def create() -> ResponseReturnValue:
    """Keep the filters of this address under a name."""
    form = ViewForm()
    if not form.validate():
        return _form(form, 422)
    name, params = form.name.data, kept(filters.from_request().typed)
    try:
        is_shared = form.is_shared.data and current_user.may(Role.OWNER)
        saved_views.save(session, current_user.id, name, params, is_shared=is_shared)
    except NameTaken:
        form.blame("name", _("You have a view of this name. Choose another name, or remove that view first."))
    except TooManyViews:
        form.blame("name", _("You have %(num)s views, which is the most. Remove one first.", num=saved_views.MOST))
    if form.is_refused:
        return _form(form, 422)
    audited.record("saved_views.create", name)
    session.commit()
    return _changed(_("View saved"))


@bp.post("/<int:view_id>/remove")
@access.needs(Role.VIEWER)
def remove(view_id: int) -> ResponseReturnValue:
    view = saved_views.own(session, current_user.id, view_id)
    if view is None:
        abort(404)
    before = {"name": view.name, "params": view.params, "is_shared": view.is_shared}
    session.delete(view)
    audited.record("saved_views.remove", view.name)
    session.commit()
    return _changed(_("View removed"), undo.undo(url_for(".restore"), UNDO, before))


@bp.post("/restore")
@access.needs(Role.VIEWER)
def restore() -> ResponseReturnValue:
    """Bring back a view that was removed a moment ago."""
    before = undo.taken_back(UNDO)
    is_shared = before["is_shared"] and current_user.may(Role.OWNER)
    try:
        saved_views.save(session, current_user.id, before["name"], before["params"], is_shared=is_shared)
    except (NameTaken, TooManyViews):
        return htmx.refused(_("You have a view of this name."), url_for(LOG))
    audited.record("saved_views.create", before["name"])
    session.commit()
    return _changed(_("View restored"))


@bp.get("/columns")
def ask_columns() -> ResponseReturnValue:
    form = ColumnsForm(data={"columns": columns.shown()})
    return _columns_form(form)


@bp.post("/columns")
@access.needs(Role.VIEWER)
def choose_columns() -> ResponseReturnValue:
    """Remember the columns for this person, on every machine."""
    form = ColumnsForm()
    if not form.validate():
        return _columns_form(form, 422)
    session.get_one(User, current_user.id).log_columns = columns.stored(form.columns.data)
    session.commit()
    flash(_("Columns saved"))
    return htmx.redirect(_log())


def context(typed: dict[str, str]) -> dict[str, Any]:
    """What the bar of views is drawn from."""
    views = saved_views.listed(session, current_user.id)
    current = [view.id for view in views if view.params == kept(typed)]
    return {"views": views, "current": current, "typed": typed, "kept": kept(typed), "me": current_user.id}


def kept(typed: dict[str, str]) -> dict[str, str]:
    """The filters without the search: a view may be shared with people who see no numbers."""
    return {name: value for name, value in typed.items() if name != "q"}


def _form(form: ViewForm, status: int = 200) -> ResponseReturnValue:
    typed = filters.from_request().typed
    return htmx.dialog("messages/_save_view.html", status, page_title=_("Messages"), form=form, typed=typed)


def _columns_form(form: ColumnsForm, status: int = 200) -> ResponseReturnValue:
    typed = filters.from_request().typed
    return htmx.dialog("messages/_columns.html", status, page_title=_("Messages"), form=form, typed=typed)


def _log() -> str:
    """The log as the address of this request filters it."""
    typed = filters.from_request().typed
    return f"{url_for(LOG)}?{urlencode(typed)}" if typed else url_for(LOG)


def _changed(message: str, back: htmx.Undo | None = None) -> ResponseReturnValue:
    part = ChangedPart("views", "messages/_views.html", context(filters.from_request().typed))
    return htmx.updated(message, _log(), part, back)
