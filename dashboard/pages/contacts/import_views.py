"""Imports of contacts: a file, what became of its rows, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from dashboard.db import Sessions, read_session
from dashboard.extensions import services, session
from dashboard.gateway.contacts import groups, imports
from dashboard.gateway.contacts.groups import TooMany
from dashboard.gateway.contacts.imports import NewImport
from dashboard.gateway.contacts.tables import UnreadableTable
from dashboard.models.contacts import ContactImport
from dashboard.pages.contacts.forms import BAD_ROWS, UNREADABLE, ImportForm, today
from dashboard.pages.ui import formats
from dashboard.pages.web import access, audited, htmx, input_guard
from dashboard.request_arrival import TABLE_BYTES
from dashboard.vocabulary import Role

bp = Blueprint("imports", __name__)


@bp.get("/")
@access.needs(Role.OPERATOR)
def index() -> ResponseReturnValue:
    """Ask for a file."""
    return render_template("contacts/import.html", form=ImportForm())


@bp.post("/")
@access.needs(Role.OPERATOR)
@input_guard.takes_file(TABLE_BYTES)
def create() -> ResponseReturnValue:
    """Import a file, and lead to what became of it."""
    form = ImportForm()
    if not form.validate():
        return render_template("contacts/import.html", form=form), 422
    new = NewImport(form.content, form.groups.data or (), form.usual(), today(), current_user.email)
    session.rollback()  # the import has transactions of its own, which must not wait for this one
    try:
        import_id = imports.take(services().sessions, new)
    except UnreadableTable as fault:
        form.blame("file", str(UNREADABLE[fault.code]))
        return render_template("contacts/import.html", form=form), 422
    except TooMany:
        form.blame("file", _("With this file there would be too many groups; at most: %(most)d.", most=groups.MOST))
        return render_template("contacts/import.html", form=form), 422
    made = session.get_one(ContactImport, import_id)
    audited.record("contacts.import", str(import_id), rows=(0, made.added + made.known))
    session.commit()
    return htmx.redirect(url_for(".show", import_id=import_id))


@bp.get("/<int:import_id>")
@access.needs(Role.OPERATOR)
def show(import_id: int) -> ResponseReturnValue:
    """What became of a file's rows."""
    return render_template("contacts/imported.html", **_shown(_found(import_id)))


@bp.get("/<int:import_id>/bad-rows.csv")
@access.needs(Role.OPERATOR)
def export_bad(import_id: int) -> Response:
    """The rows that were not imported, and why."""
    made = _found(import_id)
    headers = {"Content-Disposition": f"attachment; filename=import-{made.id}-bad-rows.csv"}
    return Response(_lines(services().sessions, made.id), headers=headers, mimetype="text/csv")


@bp.post("/<int:import_id>/take-back")
@access.needs(Role.OPERATOR)
def take_back(import_id: int) -> ResponseReturnValue:
    """Delete the contacts that an import added, but for those that were changed since."""
    row_id = _found(import_id).id
    session.rollback()  # as above
    count = imports.take_back(services().sessions, row_id)
    if not count:
        return htmx.refused(_("It was taken back already."), url_for(".show", import_id=import_id))
    audited.record("contacts.take_back_import", str(row_id), rows=(count, 0))
    session.commit()
    htmx.tell(formats.ngettext("%(num)s contact deleted", "%(num)s contacts deleted", count))
    return htmx.redirect(url_for(".show", import_id=import_id))


def _found(import_id: int) -> ContactImport:
    return session.get(ContactImport, import_id) or abort(404)


def _lines(sessions: Sessions, import_id: int) -> Iterator[str]:
    with read_session(sessions) as reader:
        yield from imports.fault_lines(reader, import_id)


def _shown(made: ContactImport) -> dict[str, Any]:
    return {
        "made": made,
        "faults": imports.faults(session, made.id),
        "untouched": imports.untouched(session, made.id),
        "BAD_ROWS": BAD_ROWS,
    }
