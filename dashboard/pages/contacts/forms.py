"""The forms of contacts, their groups and their imports, and the words for what a file may hold."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField
from wtforms.validators import ValidationError

from dashboard.gateway.contacts import contacts, groups
from dashboard.gateway.contacts.contacts import Consent, NewContact
from dashboard.models.contacts import Contact, ContactGroup
from dashboard.pages.ui import fields, formats, forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, ChoiceField, Form, LinesField, TextField
from dashboard.sms import numbers
from dashboard.vocabulary import ConsentState

CONSENTS: dict[str, Any] = {
    ConsentState.UNKNOWN: _l("Not noted"),
    ConsentState.GIVEN: _l("Given"),
    ConsentState.WITHDRAWN: _l("Withdrawn"),
}
SOURCES = {contacts.STOP_SOURCE: _l("STOP by SMS"), contacts.START_SOURCE: _l("START by SMS")}
UNREADABLE = {
    "not_a_table": _l("This is no CSV or XLSX file that can be read."),
    "no_numbers": _l("No column of this file holds Mauritanian numbers."),
    "too_many_rows": _l("The file is too long: at most 50,000 rows."),
    "too_many_columns": _l("The file has too many columns: at most 20 beside number, name, groups and consent."),
}
BAD_ROWS = {
    "bad_number": _l("No Mauritanian number"),
    "fixed_line": _l("Fixed line, which gets no SMS"),
    "duplicate": _l("Number that stands in the file twice"),
    "too_long": _l("A name, a group or another cell is too long"),
    "bad_consent": _l("Consent that is neither yes nor no"),
    "bad_date": _l("Date that cannot be read, or lies ahead"),
    "no_source": _l("Consent without a source"),
}


def today() -> date:
    """The day that it is in the gateway's time zone."""
    return datetime.now(ZoneInfo(formats.zone_name())).date()


def _mobile(text: str) -> str:
    phone = fields.phone_number(text)
    if numbers.is_fixed(phone):
        raise Fault(_("This is a fixed line, which gets no SMS."))
    return phone


def _name(text: str) -> str:
    return fields.words(text, contacts.LONGEST_NAME)


def _source(text: str) -> str:
    return fields.words(text, contacts.LONGEST_SOURCE)


def _groups(text: str) -> tuple[str, ...]:
    found = groups.names(text)
    for name in found:
        fields.words(name, groups.LONGEST_NAME)
    return found


def _group(text: str) -> str:
    name = fields.words(text, groups.LONGEST_NAME)
    if not contacts.plain(name):
        raise Fault(_("Give the group a name."))
    if len(groups.names(name)) != 1:
        raise Fault(_("The name of a group may hold no comma and no semicolon."))
    return name


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise Fault(_("Enter a date, such as 2027-06-30.")) from None
    if day > today():
        raise Fault(_("The day lies ahead."))
    return day


def _details(text: str) -> dict[str, str]:
    """`city: Atar`, one a line."""
    found: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        name, separator, value = line.partition(":")
        name = fields.words(name, contacts.LONGEST_COLUMN)
        if not separator or not name:
            raise Fault(_("Write a name, a colon and what it is on each line, such as city: Atar."))
        if any(letter in name for letter in "{}=") or name.casefold() in (
            *contacts.RESERVED,
            *map(str.casefold, found),
        ):
            raise Fault(_("“%(name)s” cannot be the name of a further column.", name=name))
        found[name] = fields.words(value, contacts.LONGEST_DETAIL)
    if len(found) > contacts.MOST_DETAILS:
        raise Fault(_("Most further columns: %(most)d.", most=contacts.MOST_DETAILS))
    return found


def _shown_details(details: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in details.items())


class ContactForm(Form):
    """A contact, new or changed."""

    phone = TextField(_l("Number"), _mobile, formats.phone, render_kw={**forms.PHONE, "autofocus": True})
    name = TextField(_l("Name"), _name, optional=True, render_kw=forms.length(contacts.LONGEST_NAME))
    groups = TextField(
        _l("Groups"),
        _groups,
        ", ".join,
        optional=True,
        description=_l("Separated by commas; a group that does not exist yet is made."),
        render_kw={"dir": "auto", "autocomplete": "off", "maxlength": 1_000},
    )
    details = LinesField(
        _l("Further columns"),
        _details,
        _shown_details,
        optional=True,
        description=_l("One a line, such as city: Atar. Texts of campaigns may name them: {city}."),
        render_kw={"rows": 3, "dir": "auto", "autocomplete": "off"},
    )
    consent = ChoiceField(_l("Consent"), _l("Choose one of the list."), choices=forms.choices(CONSENTS))
    consent_source = TextField(
        _l("Where it is known from"),
        _source,
        optional=True,
        description=_l("Such as: registration form, signed on paper."),
        render_kw=forms.length(contacts.LONGEST_SOURCE),
    )
    consent_on = TextField(_l("Since the day"), _day, date.isoformat, optional=True, render_kw={"type": "date"})

    def __init__(self, contact: Contact | None = None, labels: tuple[str, ...] = ()) -> None:
        self.contact = contact
        drawn: dict[str, Any] = {"consent": ConsentState.UNKNOWN, "groups": labels}
        if contact is not None:
            names = ("phone", "name", "consent", "consent_source", "consent_on")
            drawn |= {name: getattr(contact, name) for name in names}
            drawn["details"] = contacts.details_of(contact)
        super().__init__(data=drawn)

    def validate_consent_source(self, field: BoundField) -> None:
        if self.consent.data == ConsentState.GIVEN and not field.data:
            raise ValidationError(_("Say where the consent is known from."))

    def wanted(self) -> NewContact:
        return NewContact(self.phone.data, self.name.data or "", self.details.data or {}, self._consent())

    def _consent(self) -> Consent:
        state = ConsentState(self.consent.data)
        if state == ConsentState.UNKNOWN:
            return Consent()
        return Consent(state, self.consent_source.data or "", self.consent_on.data or today())


class GroupForm(Form):
    """The name of a group."""

    name = TextField(_l("Name"), _group, render_kw=forms.length(groups.LONGEST_NAME, autofocus=True))

    def __init__(self, group: ContactGroup | None = None) -> None:
        self.group = group
        super().__init__(data={"name": group.name} if group else None)


class ImportForm(Form):
    """A file of contacts, and what holds for all its rows."""

    file = FileField(
        _l("File with the contacts"),
        description=_l(
            "CSV or XLSX with up to 50,000 rows, columns in any order. The first row names them: name, groups, "
            "consent, source, date; further columns are kept under their own names."
        ),
        render_kw={"accept": ".csv,.txt,.tsv,.xlsx"},
    )
    groups = TextField(
        _l("Put all of them into the groups"),
        _groups,
        ", ".join,
        optional=True,
        description=_l("Separated by commas; a group that does not exist yet is made."),
        render_kw={"dir": "auto", "autocomplete": "off", "maxlength": 1_000},
    )
    consent = ChoiceField(
        _l("Consent of rows that tell nothing of it"),
        _l("Choose one of the list."),
        choices=forms.choices({state: CONSENTS[state] for state in (ConsentState.UNKNOWN, ConsentState.GIVEN)}),
        description=_l("Whoever has withdrawn their consent stays so, whatever a file says."),
    )
    consent_source = TextField(
        _l("Where it is known from"),
        _source,
        optional=True,
        description=_l("Such as: registration form, signed on paper."),
        render_kw=forms.length(contacts.LONGEST_SOURCE),
    )
    consent_on = TextField(_l("Since the day"), _day, date.isoformat, optional=True, render_kw={"type": "date"})
    content = b""

    def stored(self) -> dict[str, Any]:
        return {}

    def validate_file(self, field: BoundField) -> None:
        self.content = field.data.read() if hasattr(field.data, "read") else b""  # a form without files sends words
        if not self.content:
            raise ValidationError(_("Choose a file."))

    def validate_consent_source(self, field: BoundField) -> None:
        if self.consent.data == ConsentState.GIVEN and not field.data:
            raise ValidationError(_("Say where the consent is known from."))

    def usual(self) -> Consent:
        """The consent of rows that tell nothing of it."""
        return Consent(ConsentState(self.consent.data), self.consent_source.data or "", self.consent_on.data)
