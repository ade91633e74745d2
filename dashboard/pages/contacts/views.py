"""Contacts: the people whom campaigns may write to, with their groups and their consent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import select

from dashboard.db import Sessions, read_session, utcnow
from dashboard.extensions import services, session
from dashboard.gateway.contacts import contacts, files, groups
from dashboard.gateway.contacts.contacts import ContactFilters, KnownNumber
from dashboard.gateway.contacts.groups import TooMany
from dashboard.models.contacts import Contact
from dashboard.models.opt_outs import OptOut
from dashboard.pages.contacts import group_views, import_views
from dashboard.pages.contacts.forms import CONSENTS, SOURCES, ContactForm
from dashboard.pages.ui import fields, formats
from dashboard.pages.web import access, audited, htmx, undo
from dashboard.pages.web.htmx import ChangedPart, Undo
from dashboard.sms import numbers
from dashboard.vocabulary import ConsentState, Role

LONGEST_SEARCH = 60
UNDO_ADD, UNDO_CHANGE, UNDO_REMOVE = "contact-added", "contact-changed", "contact-removed"

bp = Blueprint("contacts", __name__)
bp.register_blueprint(group_views.bp, url_prefix="/groups")
bp.register_blueprint(import_views.bp, url_prefix="/import")


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; the rows alone when HTMX asks for more of them."""
    context = _listing()
    if htmx.target() == "more":
        return render_template("contacts/_rows.html", **context)
    return htmx.page("contacts/index.html", "contacts/_list.html", **context)


@bp.get("/new")
@access.needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    return _form(ContactForm())


@bp.post("/new")
@access.needs(Role.OPERATOR)
def create() -> ResponseReturnValue:
    """Add a contact."""
    form = ContactForm()
    if not form.validate():
        return _form(form, 422)
    try:
        contact = contacts.add(session, form.wanted(), current_user.email)
        _put_into(contact, form.groups.data)
    except (KnownNumber, TooMany) as fault:
        return _refuse(form, fault)
    audited.record("contacts.add", numbers.masked(contact.phone), consent=(None, contact.consent))
    back = undo.undo(url_for(".take_back"), UNDO_ADD, _mark(contact))
    session.commit()
    return _changed(_("Contact added"), back)


@bp.post("/take-back")
@access.needs(Role.OPERATOR)
def take_back() -> ResponseReturnValue:
    """Delete a contact that was added a moment ago, unless anybody has changed it since."""
    contact = _unchanged(undo.taken_back(UNDO_ADD))
    if contact is None:
        return _stale()
    audited.record("contacts.remove", numbers.masked(contact.phone))
    contacts.remove(session, [contact.id])
    session.commit()
    return _changed(_("Contact deleted"))


@bp.get("/<int:contact_id>/edit")
@access.needs(Role.OPERATOR)
def edit(contact_id: int) -> ResponseReturnValue:
    contact = _row(contact_id)
    return _form(ContactForm(contact, _labels(contact)))


@bp.post("/<int:contact_id>/edit")
@access.needs(Role.OPERATOR)
def change(contact_id: int) -> ResponseReturnValue:
    """Keep what was changed."""
    contact = _row(contact_id)
    form = ContactForm(contact, _labels(contact))
    if not form.validate():
        return _form(form, form.status)
    before = _kept(contact)
    subject, state = numbers.masked(contact.phone), contact.consent
    try:
        contacts.change(session, contact, form.wanted(), current_user.email)
        _put_into(contact, form.groups.data)
    except (KnownNumber, TooMany) as fault:
        return _refuse(form, fault)
    audited.record("contacts.change", subject, consent=(state, contact.consent))
    back = undo.undo(url_for(".change_back"), UNDO_CHANGE, {**before, **_mark(contact)})
    session.commit()
    return _changed(_("Contact changed"), back)


@bp.post("/change-back")
@access.needs(Role.OPERATOR)
def change_back() -> ResponseReturnValue:
    """Bring back what a contact was a moment ago, unless anybody has changed it since."""
    before = undo.taken_back(UNDO_CHANGE)
    contact = _unchanged(before)
    if contact is None:
        return _stale()
    state = contact.consent
    values = {name: value for name, value in undo.read_columns(before["columns"]).items() if name != "id"}
    try:
        contacts.set_columns(session, contact, values)
    except KnownNumber:
        session.rollback()
        return _stale()
    groups.set_of(session, contact.id, groups.those_left(session, before["groups"]))
    audited.record("contacts.change", numbers.masked(contact.phone), consent=(state, contact.consent))
    session.commit()
    return _changed(_("Contact as it was before"))


@bp.get("/<int:contact_id>/remove")
@access.needs(Role.OPERATOR)
def ask_remove(contact_id: int) -> ResponseReturnValue:
    return htmx.dialog("contacts/_remove.html", page_title=_("Contacts"), contact=_row(contact_id))


@bp.post("/<int:contact_id>/remove")
@access.needs(Role.OPERATOR)
def remove(contact_id: int) -> ResponseReturnValue:
    """Delete a contact."""
    contact = _row(contact_id)
    back = undo.undo(url_for(".restore"), UNDO_REMOVE, _kept(contact))
    audited.record("contacts.remove", numbers.masked(contact.phone))
    contacts.remove(session, [contact.id])
    session.commit()
    return _changed(_("Contact deleted"), back)


@bp.post("/restore")
@access.needs(Role.OPERATOR)
def restore() -> ResponseReturnValue:
    """Bring back a contact that was deleted a moment ago, with its groups. A STOP that came meanwhile holds."""
    before = undo.taken_back(UNDO_REMOVE)
    contact = undo.put_back(Contact, before["columns"])
    if contact is None:
        return htmx.refused(_("There is a contact with this number."), url_for(".index"))
    groups.put(session, [(one, contact.id) for one in groups.those_left(session, before["groups"])])
    stopped = select(OptOut).where(OptOut.phone == contact.phone, OptOut.word.is_not(None))
    for row in session.scalars(stopped.where(OptOut.created_at > contact.changed_at)):
        contacts.hear_stop(session, contact.phone, row.created_at.date())
    audited.record("contacts.add", numbers.masked(contact.phone), consent=(None, contact.consent))
    session.commit()
    return _changed(_("Contact restored"))


@bp.get("/export.csv")
@access.needs(Role.OPERATOR)
def export_csv() -> Response:
    """All contacts, or those of a group, as a file that is written while it is read."""
    group_id = fields.whole(request.args.get("group", ""))
    headers = {"Content-Disposition": f"attachment; filename=contacts-{utcnow():%Y%m%d-%H%M}.csv"}
    return Response(_lines(services().sessions, group_id), headers=headers, mimetype="text/csv")


def _lines(sessions: Sessions, group_id: int | None) -> Iterator[str]:
    with read_session(sessions) as reader:
        yield from files.lines(reader, group_id)


def _listing() -> dict[str, Any]:
    asked = request.args if request.method == "GET" else {}
    typed = {name: str(asked.get(name, "")).strip()[:LONGEST_SEARCH] for name in ("q", "group", "consent")}
    typed["consent"] = typed["consent"] if typed["consent"] in list(ConsentState) else ""
    before = fields.whole(str(asked.get("before", "")))
    found = contacts.page(session, _wanted(typed), before, contacts.PAGE + 1)
    shown = found[: contacts.PAGE]
    out = select(OptOut.phone).where(OptOut.phone.in_([row.phone for row in shown]))
    counts = contacts.counts(session)
    return {
        "rows": shown,
        "labels": groups.of_contacts(session, [row.id for row in shown]),
        "opted_out": set(session.scalars(out)) if shown else set(),
        "more": shown[-1].id if len(found) > contacts.PAGE else None,
        "typed": typed,
        "is_narrowed": any(typed.values()),
        "groups": groups.listed(session),
        "counts": counts,
        "total": sum(counts.values()),
        "CONSENTS": CONSENTS,
        "SOURCES": SOURCES,
        "may_change": current_user.may(Role.OPERATOR),
    }


def _wanted(typed: dict[str, str]) -> ContactFilters:
    """What is typed is a number where it is made of digits. By asking, a masked number would be guessed."""
    bare = "".join(one for one in typed["q"] if one not in "  .-()")
    digits = bare.removeprefix("+").removeprefix("00").removeprefix("222") if len(bare) > len("38089336") else bare
    group_id = fields.whole(typed["group"])
    if not (digits.isascii() and digits.isdigit()):
        return ContactFilters("", typed["q"], group_id, typed["consent"])
    return ContactFilters(digits if formats.sees_numbers() else "", "", group_id, typed["consent"])


def _row(contact_id: int) -> Contact:
    return session.get(Contact, contact_id) or abort(404)


def _labels(contact: Contact) -> tuple[str, ...]:
    return tuple(group.name for group in groups.of_contacts(session, [contact.id]).get(contact.id, ()))


def _put_into(contact: Contact, names: Iterable[str] | None) -> None:
    groups.set_of(session, contact.id, groups.named(session, names or (), current_user.email).values())


def _kept(contact: Contact) -> dict[str, Any]:
    """What brings a contact back."""
    ids = [group.id for group in groups.of_contacts(session, [contact.id]).get(contact.id, ())]
    return {"columns": undo.columns(contact), "groups": ids}


def _mark(contact: Contact) -> dict[str, Any]:
    """What tells whether anybody has changed a contact since."""
    return {"id": contact.id, "changed_at": contact.changed_at.isoformat()}


def _unchanged(mark: dict[str, Any]) -> Contact | None:
    contact = session.get(Contact, mark["id"], with_for_update=True)
    return contact if contact is not None and contact.changed_at.isoformat() == mark["changed_at"] else None


def _stale() -> ResponseReturnValue:
    return htmx.refused(_("The contact has changed meanwhile."), url_for(".index"))


def _refuse(form: ContactForm, fault: Exception) -> ResponseReturnValue:
    session.rollback()
    if isinstance(fault, KnownNumber):
        form.blame("phone", _("There is a contact with this number already."))
    else:
        form.blame("groups", _("Most groups: %(most)d.", most=groups.MOST))
    return _form(form, 422)


def _changed(message: str, back: Undo | None = None) -> ResponseReturnValue:
    return htmx.updated(message, url_for(".index"), ChangedPart("contacts", "contacts/_list.html", _listing()), back)


def _form(form: ContactForm, status: int = 200) -> ResponseReturnValue:
    target = url_for(".change", contact_id=form.contact.id) if form.contact else url_for(".create")
    return htmx.dialog("contacts/_form.html", status, page_title=_("Contacts"), form=form, target=target)
