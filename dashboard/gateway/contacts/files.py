"""Contacts as files: the rows of a table as contacts, and all contacts as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.gateway import spreadsheets
from dashboard.gateway.contacts import contacts, groups, tables
from dashboard.gateway.contacts.contacts import Consent, ContactFilters, NewContact
from dashboard.gateway.contacts.tables import RecipientTable, UnreadableTable
from dashboard.models.contacts import Contact
from dashboard.sms import numbers
from dashboard.vocabulary import ConsentState

BATCH = 1_000  # rows that are read at a time
HEADS = {  # what people call the columns that contacts have, as `contacts.plain` writes it
    "name": ("name", "full name", "nom", "nom complet", "nom et prenom", "prenom et nom", "الاسم", "الاسم الكامل"),
    "groups": ("groups", "group", "labels", "groupes", "groupe", "etiquettes", "المجموعات", "المجموعة", "مجموعة"),
    "consent": ("consent", "consentement", "accord", "الموافقة", "موافقة"),
    "source": ("consent_source", "source", "source du consentement", "المصدر", "مصدر الموافقة"),
    "date": ("consent_date", "date", "date du consentement", "التاريخ", "تاريخ الموافقة"),
    "by": ("consent_by",),  # of our own export; who imports is who notes it
}
OF_CONSENT = ("source", "date", "by")  # columns that mean something else in a file without consents
YES = ("given", "yes", "y", "oui", "o", "true", "vrai", "1", "x", "donne", "نعم", "موافق")
NO = ("withdrawn", "no", "n", "non", "false", "faux", "0", "retire", "refuse", "لا", "رفض")
DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")  # as French writes it, day first


@dataclass(frozen=True)
class ContactRow:
    """A row of a file that can be imported."""

    line: int
    contact: NewContact
    groups: tuple[str, ...]


@dataclass(frozen=True)
class BadContactRow:
    """A row of a file that cannot, and why: bad_number, fixed_line, duplicate, too_long, bad_consent, bad_date,
    no_source.
    """

    line: int
    phone: str
    code: str


class _Bad(ValueError):
    pass


def read(data: bytes, usual: Consent, today: date) -> tuple[list[ContactRow], list[BadContactRow]]:
    """The rows of a file, CSV or XLSX, with their columns in any order; raise UnreadableTable.

    `usual` is the consent of rows that tell nothing of it; its source and day complete those that say only yes.
    """
    table = tables.read(data)
    columns = _columns(table)
    rows: list[ContactRow] = []
    bad: list[BadContactRow] = []
    seen = set[str]()
    for line, cells in table.rows:
        given = tables.cell(cells, table.phone_column)
        phone = tables.phone_of(given)
        try:
            _check_number(phone, seen)
            rows.append(ContactRow(line, _contact(phone, cells, columns, usual, today), _groups(cells, columns)))
        except _Bad as fault:
            bad.append(BadContactRow(line, phone or given[: len("+222") * 3], str(fault)))
        seen.add(phone)
    return rows, bad


def lines(session: Session, group_id: int | None = None) -> Iterator[str]:
    """All contacts, or those of a group, as CSV that `read` understands, the newest first."""
    names = _detail_names(session)
    yield "\ufeff" + _line(
        ("phone", "name", "groups", "consent", "consent_source", "consent_date", "consent_by", *names)
    )
    before = None
    while rows := contacts.page(session, ContactFilters(group_id=group_id), before, BATCH):
        labels = groups.of_contacts(session, [row.id for row in rows])
        for row in rows:
            details = contacts.details_of(row)
            told = (row.consent, row.consent_source, str(row.consent_on or ""), row.consent_by or "")
            label = ", ".join(group.name for group in labels.get(row.id, ()))
            yield _line(
                (row.phone.removeprefix("+"), row.name, label, *told, *(details.get(name, "") for name in names))
            )
        before = rows[-1].id
        session.expunge_all()


def _columns(table: RecipientTable) -> dict[str, int]:
    """The place of each column: those that all contacts have by the names of HEADS, further ones by their own.

    In a file without a head, the first column beside the numbers is the name.
    """
    others = [(place, name) for place, name in enumerate(table.columns) if place != table.phone_column]
    has_head = any(name != f"{place + 1}" for place, name in enumerate(table.columns))
    known = {head: field for field, heads in HEADS.items() for head in heads}
    fields = {place: known.get(contacts.plain(name), "") for place, name in others}
    if not has_head and others:
        fields[others[0][0]] = "name"
    if "consent" not in fields.values():
        fields = {place: "" if field in OF_CONSENT else field for place, field in fields.items()}
    found: dict[str, int] = {}
    for place, name in others:
        field = fields[place]
        if field and f"={field}" not in found:
            found[f"={field}"] = place
        else:
            found[_free(name[: contacts.LONGEST_COLUMN], found)] = place
    if sum(not name.startswith("=") for name in found) > contacts.MOST_DETAILS:
        raise UnreadableTable("too_many_columns")
    return found


def _free(name: str, taken: dict[str, int]) -> str:
    """A name for a further column that no other one has; braces and `=` stand for something else."""
    plain = " ".join(re.sub("[{}=]", " ", name).split()) or "?"
    used = {*map(str.casefold, taken), *contacts.RESERVED}
    numbered = (plain, *(f"{plain} {number}" for number in range(2, len(used) + 3)))
    return next(one for one in numbered if one.casefold() not in used)


def _contact(phone: str, cells: Sequence[str], columns: dict[str, int], usual: Consent, today: date) -> NewContact:
    name = _words(cells, columns.get("=name"), contacts.LONGEST_NAME)
    told = {each: _words(cells, place, contacts.LONGEST_DETAIL) for each, place in columns.items() if each[0] != "="}
    details = {each: value for each, value in told.items() if value}
    return NewContact(phone, name, details, _consent(cells, columns, usual, today))


def _consent(cells: Sequence[str], columns: dict[str, int], usual: Consent, today: date) -> Consent:
    word = contacts.plain(_words(cells, columns.get("=consent"), contacts.LONGEST_SOURCE))
    if not word or word == ConsentState.UNKNOWN:
        return usual
    if word not in YES and word not in NO:
        raise _Bad("bad_consent")
    state = ConsentState.GIVEN if word in YES else ConsentState.WITHDRAWN
    source = _words(cells, columns.get("=source"), contacts.LONGEST_SOURCE) or usual.source
    if state == ConsentState.GIVEN and not source:
        raise _Bad("no_source")
    return Consent(state, source, _day(_words(cells, columns.get("=date"), 40), today) or usual.on or today)


def _day(text: str, today: date) -> date | None:
    if not text:
        return None
    written = DAY.fullmatch(text)
    try:
        day = date(int(written[3]), int(written[2]), int(written[1])) if written else date.fromisoformat(text[:10])
    except ValueError:
        raise _Bad("bad_date") from None
    if day > today:
        raise _Bad("bad_date")
    return day


def _groups(cells: Sequence[str], columns: dict[str, int]) -> tuple[str, ...]:
    found = groups.names(tables.cell(cells, columns["=groups"])) if "=groups" in columns else ()
    if any(len(name) > groups.LONGEST_NAME for name in found):
        raise _Bad("too_long")
    return found


def _words(cells: Sequence[str], place: int | None, most: int) -> str:
    text = " ".join(tables.cell(cells, place).split()) if place is not None else ""
    text = "".join(one for one in text if one.isprintable())
    if len(text) > most:
        raise _Bad("too_long")
    return text


def _check_number(phone: str, seen: set[str]) -> None:
    if not phone:
        raise _Bad("bad_number")
    if numbers.is_fixed(phone):
        raise _Bad("fixed_line")
    if phone in seen:
        raise _Bad("duplicate")


def _detail_names(session: Session) -> tuple[str, ...]:
    found = session.scalars(select(Contact.details).where(Contact.details != "{}").distinct())
    return tuple(dict.fromkeys(name for details in found for name in json.loads(details)))


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(map(spreadsheets.safe, cells))
    return written.getvalue()
