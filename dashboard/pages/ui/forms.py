"""Forms: WTForms fields that tell their faults in the reader's language and show again what was typed.

A template draws each with `render_field` of macros/forms.html. CSRFProtect has judged the token before a view runs, so
that forms do not judge it once more.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice, SelectFieldBase
from wtforms.validators import StopValidation, ValidationError

from dashboard.pages.ui import fields, versions
from dashboard.pages.ui.versions import Difference
from dashboard.pages.web import locale
from dashboard.sms import emails

BoundField = Any  # a field of WTForms, which has no types
Sentence = Any  # a lazy translation, which is no str until somebody reads it


def choices(names: Mapping[str, Sentence]) -> list[SelectChoice]:
    """What a field offers, by the value that is sent."""
    return [SelectChoice(str(value), name) for value, name in names.items()]


def languages() -> list[SelectChoice]:
    """Each language under its own name."""
    return [SelectChoice(code, name, {"lang": code}) for code, name in locale.LANGUAGES.items()]


ALIKE = str.maketrans({**dict.fromkeys("‐‑‒–—―−", "-"), **dict.fromkeys("‘’ʼ", "'"), **dict.fromkeys("“”«»„", '"')})


class Form(FlaskForm):  # type: ignore[misc]
    """A form of the dashboard."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = False

        def bind_field(self, form: Form, unbound_field: Any, options: dict[str, Any]) -> Any:
            return super().bind_field(form, unbound_field, {"id": f"f-{options['name']}", **options})

        def render_field(self, field: Any, render_kw: dict[str, Any]) -> Any:
            """The control, tied to its hint and to what is wrong with it."""
            notes = [f"{field.id}-e"] if field.errors else []
            notes += [f"{field.id}-h"] if field.description else []
            tied: dict[str, Any] = {"aria-describedby": " ".join(notes)} if notes else {}
            tied |= {"aria-invalid": "true"} if field.errors else {}
            return super().render_field(field, {**tied, **render_kw})

    @property
    def version(self) -> str:
        """Of what the form was drawn from; see versions.py."""
        return versions.of(self.stored())

    def stored(self) -> dict[str, Any]:
        """What the version is made of: the values that the form was drawn from."""
        return {field.name: field.object_data for field in self._compared()}

    @property
    def conflicts(self) -> list[Difference]:
        """What somebody else has saved since this form was drawn, where it differs from what was typed."""
        if not versions.is_outdated(self.version):
            return []
        compared = self._compared()
        told = [(str(field.label.text), _told(field, field.object_data), _typed(field)) for field in compared]
        return [Difference(*one) for one in told if one[1] != one[2]]

    def _compared(self) -> list[BoundField]:
        return [field for field in self if not isinstance(field, HiddenField | PasswordField)]

    @property
    def status(self) -> int:
        """Of the answer that draws the form once more."""
        return 409 if self.conflicts else 422

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether every field is right, and nobody else has saved another version meanwhile."""
        return bool(super().validate(extra_validators)) and not self.conflicts

    @property
    def faults(self) -> dict[str, str]:
        """The first fault of each field, by its name."""
        return {field.name: str(field.errors[0]) for field in self if field.errors}

    @property
    def is_refused(self) -> bool:
        """Whether anything speaks against it, also what was blamed after it was judged."""
        return bool(self.faults or self.conflicts)

    def asks(self, _name: str) -> bool:
        """Whether a field is asked for, as the others stand; one that is not is not judged."""
        return True

    def blame(self, name: str, sentence: str) -> None:
        """Add a fault that was seen after the form was judged, as by a service."""
        self[name].errors = [*self[name].errors, sentence]


class TextField(StringField):  # type: ignore[misc]
    """A line whose data is what `parse` makes of it; `show` writes stored data as somebody would type it."""

    def __init__(
        self,
        label: Sentence,
        parse: Callable[[str], Any] = str.strip,
        show: Callable[[Any], str] = str,
        *,
        optional: bool = False,
        half: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(label, **more)
        self.parse, self.show = parse, show
        self.flags.optional, self.flags.half = optional, half  # half: it shares its row with the next one

    def process_formdata(self, valuelist: list[str]) -> None:
        """Raise Fault, which WTForms keeps as the field's error."""
        self.data = self.parse(valuelist[0] if valuelist else "")

    def pre_validate(self, form: Form) -> None:
        _skip_unasked(self, form)
        if self.process_errors:  # nothing was understood that further rules could judge
            raise StopValidation

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.show(self.data)


class LinesField(TextField, TextAreaField):  # type: ignore[misc]
    """A field of several lines."""


class DayField(TextField):
    """A date input: a day, until whose end something holds. A time that is stored stays as it is while its day does."""

    def __init__(self, label: Sentence, **more: Any) -> None:
        super().__init__(label, fields.end_of_day, fields.last_day, render_kw={"type": "date"}, **more)

    def process_formdata(self, valuelist: list[str]) -> None:
        typed, stored = (valuelist[0] if valuelist else "").strip(), self.object_data
        self.data = stored if isinstance(stored, datetime) and typed == fields.last_day(stored) else self.parse(typed)


class ChoiceField(SelectField):  # type: ignore[misc]
    """One of several; `fault` says what to do when it is none of them."""

    def __init__(self, label: Sentence, fault: Sentence = None, **more: Any) -> None:
        super().__init__(label, invalid_choice_message=fault, **more)

    def pre_validate(self, form: Form) -> None:
        _skip_unasked(self, form)
        try:
            super().pre_validate(form)
        except ValidationError as fault:  # further rules may rely on its being one of them
            raise StopValidation(str(fault)) from None


class CheckboxesField(SelectMultipleField):  # type: ignore[misc]
    """At least one of several, or none too where no `fault` says otherwise; others than these are not read.

    The data is a tuple in their order, once it is judged: a form may get its choices after it was read.
    """

    def __init__(self, label: Sentence, names: Mapping[str, Sentence], fault: Sentence = None, **more: Any) -> None:
        super().__init__(label, choices=choices(names), **more)
        self.fault = fault

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = tuple(valuelist)

    def pre_validate(self, _form: Form) -> None:
        offered = map(SelectChoice.from_input, self.choices)
        self.data = tuple(choice.value for choice in offered if choice.value in self.data)
        if not self.data and self.fault is not None:
            raise ValidationError(str(self.fault))


def _typed(field: BoundField) -> str:
    """What was typed, also where it has a fault."""
    if isinstance(field, TextField) and field.raw_data:
        return str(field.raw_data[0]).strip().replace("\r\n", "\n")
    return _told(field, field.data)


def _told(field: BoundField, value: Any) -> str:
    """A value of a field as its reader knows it."""
    if isinstance(field, BooleanField):
        return str(_("Yes") if value else _("No"))
    if isinstance(field, SelectFieldBase):
        chosen = [str(one) for one in (value if isinstance(value, list | tuple) else [value])]
        named = {str(option.value): str(option.label) for option in map(SelectChoice.from_input, field.choices)}
        return ", ".join(named.get(one, one) for one in chosen if one != "None")
    if value is None:
        return ""
    return str(field.show(value)).strip() if hasattr(field, "show") else str(value)


def _skip_unasked(field: BoundField, form: Form) -> None:
    if not form.asks(field.short_name):
        field.errors = []
        raise StopValidation


class SwitchField(BooleanField):  # type: ignore[misc]
    """Yes or no, under a legend."""

    def __init__(self, label: Sentence, legend: Sentence = "", **more: Any) -> None:
        super().__init__(label, **more)
        self.legend = legend


class ConfirmForm(Form):
    """Asks to type a name before something is lost; `fault` says that it was another one."""

    name = TextField("", render_kw={"autocomplete": "off", "spellcheck": "false", "dir": "auto", "autofocus": True})

    def __init__(self, expected: str, label: str, fault: str) -> None:
        super().__init__()
        self.expected, self.fault = expected, fault
        self.name.label.text = label

    def validate_name(self, field: BoundField) -> None:
        if _plain(field.data or "") != _plain(self.expected):
            raise ValidationError(self.fault)


def _plain(name: str) -> str:
    """A name without what is hard to type again: kinds of dashes, quotes and spaces, capitals."""
    return " ".join(unicodedata.normalize("NFKC", name).translate(ALIKE).casefold().split())


class NewIdField(HiddenField):  # type: ignore[misc]
    """The id of what a form makes, drawn with the form, so that one that is sent twice makes one thing."""

    def __init__(self, **more: Any) -> None:
        super().__init__(default=_new_id, **more)

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            self.data = str(uuid.UUID(valuelist[0]))
        except (ValueError, IndexError):
            self.data = _new_id()


def _new_id() -> str:
    return str(uuid.uuid4())


def length(most: int, **more: Any) -> dict[str, Any]:
    """Attributes of a field of people's words. What is too long is refused in words, not cut while it is pasted."""
    return {"maxlength": 4 * most, "dir": "auto", "autocomplete": "off", **more}


PHONE = {  # attributes of a field for a number
    "type": "tel",
    "dir": "ltr",
    "inputmode": "tel",
    "autocomplete": "off",
    "maxlength": 30,
    "placeholder": "38 08 93 36",
}
RECIPIENT = {  # of a field for a number or an e-mail address
    "type": "text",
    "dir": "ltr",
    "inputmode": "email",
    "autocomplete": "off",
    "autocapitalize": "none",
    "spellcheck": "false",
    "maxlength": 2 * emails.LONGEST,
    "placeholder": "38 08 93 36",
}
NUMBER = {"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"}  # of a field for a whole number


def phone_field(label: Sentence, **more: Any) -> Any:
    return TextField(label, fields.phone_number, render_kw=PHONE, **more)


def email_field(label: Sentence, **more: Any) -> Any:
    return TextField(label, fields.email, render_kw={**RECIPIENT, "placeholder": "name@example.org"}, **more)


def recipient_field(**more: Any) -> Any:
    """A number or an e-mail address."""
    return TextField(_l("Number or e-mail address"), fields.recipient, render_kw=RECIPIENT, **more)
