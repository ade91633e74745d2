"""The form of a new campaign, and the words for what its file may hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FileField
from wtforms.validators import ValidationError

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.campaigns.campaigns import FASTEST
from dashboard.gateway.contacts import groups, recipients, tables
from dashboard.gateway.contacts.tables import RecipientTable, UnreadableTable
from dashboard.models.api_keys import ApiKey
from dashboard.pages.ui import fields, formats, forms
from dashboard.pages.ui.fields import Fault
from dashboard.pages.ui.forms import BoundField, CheckboxesField, ChoiceField, Form, LinesField, TextField
from dashboard.vocabulary import KeyMode, KeyState

LONGEST_TEXT = 1_530
LATEST = timedelta(days=7)
UNREADABLE = {
    "not_a_table": _l("This is no CSV or XLSX file that can be read."),
    "no_numbers": _l("No column of this file holds Mauritanian numbers."),
    "too_many_rows": _l("The file is too long: at most 50,000 rows."),
}
EMPTY_GROUPS = {
    "nobody": _l("Nobody is in these groups."),
    "too_many_rows": _l("These groups hold too many contacts: at most 50,000."),
}
DROPPED = {
    "bad_number": _l("No Mauritanian number"),
    "fixed_line": _l("Fixed line, which gets no SMS"),
    "duplicate": _l("Number that stands in the file twice"),
    "opted_out": _l("Opted out"),
    "consent_withdrawn": _l("Consent withdrawn"),
    "no_consent": _l("Contact without a consent that is noted"),
    "bad_text": _l("Empty text, or control characters"),
    "too_long": _l("Longer than 10 segments"),
}


def _text(typed: str) -> str:
    text = typed.replace("\r\n", "\n").strip()
    if not text:
        raise Fault(_("Write the text."))
    if len(text) > LONGEST_TEXT:
        raise Fault(_("Most characters: %(most)s.", most=formats.number(LONGEST_TEXT)))
    return text


def _pace(typed: str) -> int | None:
    if not typed.strip():
        return None
    number = fields.whole(typed.strip())
    if number is None or not 1 <= number <= FASTEST:
        raise Fault(_("Enter a whole number from 1 to %(most)s, or leave it empty.", most=formats.number(FASTEST)))
    return number


def _start(typed: str) -> datetime | None:
    if not typed.strip():
        return None
    at = fields.local_time(typed.strip())
    if at is None or not utcnow() - timedelta(minutes=1) < at < utcnow() + LATEST:
        raise Fault(_("Choose a time within the next seven days, or leave it empty."))
    return at


class CampaignForm(Form):
    """A new campaign."""

    name = TextField(_l("Name"), fields.one_line, render_kw=forms.length(fields.LONGEST_NAME, autofocus=True))
    key = ChoiceField(
        _l("API key"),
        _l("Choose a key of the list."),
        description=_l("Its sender, caps and routes hold. Texts of a test key go to the sandbox phone."),
    )
    file = FileField(
        _l("File with the numbers"),
        description=_l("CSV or XLSX with up to 50,000 rows, columns in any order. The first row may name them."),
        render_kw={"accept": ".csv,.txt,.tsv,.xlsx"},
    )
    groups = CheckboxesField(_l("Or groups of contacts"), {})
    text = LinesField(
        _l("Text"),
        _text,
        description=_l(
            "A column in braces, such as {name}, stands for what each row or contact holds there. Say how to opt out."
        ),
        render_kw={"rows": 5, "dir": "auto", "autocomplete": "off"},
    )
    start = TextField(
        _l("Start"),
        _start,
        optional=True,
        half=True,
        description=_l("Leave empty to start at once."),
        render_kw={"type": "datetime-local"},
    )
    pace = TextField(
        _l("Texts a second"),
        _pace,
        optional=True,
        half=True,
        description=_l("Leave empty to send as fast as the carriers take them."),
        render_kw={**forms.NUMBER, "maxlength": 4},
    )
    table: RecipientTable | None = None

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, ApiKey] = {
            key.id: key for key in keys.listed(session) if keys.state(key) == KeyState.ACTIVE
        }
        self.groups.choices = [(str(group.id), group.name) for group in groups.listed(session)]
        marks = {KeyMode.TEST: _("test key")}
        self.key.choices = [
            (key.id, f"{key.name} ({marks[KeyMode.TEST]})" if key.mode == KeyMode.TEST else key.name)
            for key in self.known.values()
        ]

    def stored(self) -> dict[str, Any]:
        return {}

    def validate_file(self, field: BoundField) -> None:
        """Read the table."""
        data = field.data.read() if hasattr(field.data, "read") else b""  # a form without files sends words
        if data and self.groups.data:
            raise ValidationError(_("Choose a file or groups, not both."))
        if not data and not self.groups.data:
            raise ValidationError(
                _("Choose a file, or groups of contacts.") if self.groups.choices else _("Choose a file.")
            )
        if not data:
            return
        try:
            self.table = tables.read(data)
        except UnreadableTable as fault:
            raise ValidationError(str(UNREADABLE[fault.code])) from None

    def validate_groups(self, field: BoundField) -> None:
        """Have the contacts of the groups be the table."""
        if not field.data:
            return
        try:
            self.table = recipients.of_groups(session, [int(chosen) for chosen in field.data])
        except UnreadableTable as fault:
            raise ValidationError(str(EMPTY_GROUPS[fault.code])) from None
