"""Numbers that want no texts: who wrote STOP, and whom somebody of the team put on the list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import services, session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.opt_outs import lists, opt_outs
from dashboard.models.opt_outs import OptOut
from dashboard.pages.ui import fields, formats
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import ChoiceField, Form, LinesField
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.sms import numbers
from dashboard.vocabulary import KeyState, Role

LONGEST_SEARCH = 30
UNDO_ADD, UNDO_REMOVE = "opt-outs-added", "opt-out-removed"

bp = Blueprint("opt_outs", __name__)


def _phones(text: str) -> list[str]:
    """The numbers of a list; raise Fault."""
    try:
        phones = lists.read(text)
    except lists.BadLine as bad:
        raise Fault(_("Line %(line)d is no number of a mobile phone: %(text)s", line=bad.line, text=bad.text)) from None
    if not phones:
        raise Fault(_("Enter at least one number."))
    return phones


class OptOutForm(Form):
    """Which numbers, and whose texts they do not want."""

    phones = LinesField(
        _l("Numbers"),
        _phones,
        description=_l("One a line; of a line of CSV the first cell counts. Numbers that are on the list stay."),
        render_kw={"rows": 8, "dir": "ltr", "autocomplete": "off", "spellcheck": "false"},
    )
    key = ChoiceField(_l("Texts of"), _l("Choose a key of the list."))

    def __init__(self) -> None:
        super().__init__()
        known = [key for key in keys.listed(session) if keys.state(key) == KeyState.ACTIVE]
        self.key.choices = [("", _("All keys")), *((key.id, key.name) for key in known)]


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the rows alone when HTMX asks for more of them."""
    context = _listing()
    if htmx.target() == "more":
        return render_template("opt_outs/_rows.html", **context)
    return htmx.page("opt_outs/index.html", "opt_outs/_list.html", **context)


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    return _form(OptOutForm())


@bp.post("/new")
@access.needs(Role.OPERATOR)
def create() -> ResponseReturnValue:
    """Put numbers on a list."""
    form = OptOutForm()
    if not form.validate():
        return _form(form, 422)
    subject = _subject(form.phones.data, form.key.data)
    added = opt_outs.add(session, form.phones.data, form.key.data or None, by=current_user.email)
    audited.record("opt_outs.add", subject, rows=(0, added.new))
    session.commit()
    before = {"at": added.at.isoformat(), "key": form.key.data or None, "subject": subject}
    back = undo.undo(url_for(".take_back"), UNDO_ADD, before) if added.new else None
    return _changed(formats.ngettext("%(num)s number added.", "%(num)s numbers added.", added.new), back)


@bp.post("/take-back")
@access.needs(Role.OPERATOR)
def take_back() -> ResponseReturnValue:
    """Take the numbers off again that were put on a list a moment ago; those that stood on it stay."""
    before = undo.taken_back(UNDO_ADD)
    count = opt_outs.take_back(session, datetime.fromisoformat(before["at"]), before["key"], current_user.email)
    if not count:
        return htmx.refused(_("It was taken back already."), url_for(".index"))
    audited.record("opt_outs.remove", before["subject"], rows=(count, 0))
    session.commit()
    return _changed(formats.ngettext("%(num)s number taken off the list", "%(num)s numbers taken off the list", count))


@bp.get("/<int:row_id>/remove")
@access.needs(Role.OPERATOR)
def ask_remove(row_id: int) -> ResponseReturnValue:
    return htmx.dialog("opt_outs/_remove.html", page_title=_("Opt-outs"), row=_row(row_id))


@bp.post("/<int:row_id>/remove")
@access.needs(Role.OPERATOR)
def remove(row_id: int) -> ResponseReturnValue:
    """Take a number off a list."""
    row = _row(row_id)
    back = undo.undo(url_for(".restore"), UNDO_REMOVE, undo.columns(row))
    opt_outs.remove(session, row.phone, row.key_id)
    audited.record("opt_outs.remove", _subject([row.phone], row.key_id))
    session.commit()
    return _changed(_("Number taken off the list"), back)


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Put a number on the list again that was taken off a moment ago, with what is known of how it came there."""
    row = undo.put_back(OptOut, undo.taken_back(UNDO_REMOVE))
    if row is None:
        return htmx.refused(_("This number is on the list already."), url_for(".index"))
    audited.record("opt_outs.add", _subject([row.phone], row.key_id))
    session.commit()
    return _changed(_("Number put on the list again"))


@bp.get("/export.csv")
@access.needs(Role.OPERATOR)
def export_csv() -> Response:
    """The whole list as a file that is written while it is read."""
    headers = {"Content-Disposition": f"attachment; filename=opt-outs-{utcnow():%Y%m%d-%H%M}.csv"}
    return Response(_lines(services().sessions), headers=headers, mimetype="text/csv")


def _lines(sessions: Sessions) -> Iterator[str]:
    with read_session(sessions) as reader:
        yield from lists.lines(reader)


def _listing() -> dict[str, Any]:
    typed = request.args.get("phone", "").strip()[:LONGEST_SEARCH] if request.method == "GET" else ""
    wanted = typed if formats.sees_numbers() else ""  # by asking, a masked number would be guessed
    before = fields.whole(request.args.get("before", ""))
    phone = (numbers.of_carrier("".join(wanted.split())) or wanted) if wanted else ""
    found = opt_outs.page(session, phone, before, opt_outs.PAGE + 1)
    shown = found[: opt_outs.PAGE]
    more = shown[-1].id if len(found) > opt_outs.PAGE else None
    return {"rows": shown, "more": more, "typed": wanted, "may_change": current_user.may(Role.OPERATOR)}


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("opt-outs", "opt_outs/_list.html", _listing()), back)


def _row(row_id: int) -> OptOut:
    return session.get(OptOut, row_id) or abort(404)


def _subject(phones: list[str], key_id: str | None) -> str:
    """What the audit log keeps for good: one number without its middle, of several only the key."""
    return " ".join(part for part in (numbers.masked(phones[0]) if len(phones) == 1 else "", key_id or "") if part)


def _form(form: OptOutForm, status: int = 200) -> ResponseReturnValue:
    return htmx.dialog("opt_outs/_form.html", status, page_title=_("Opt-outs"), form=form)
