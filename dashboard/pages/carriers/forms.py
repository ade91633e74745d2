"""The form of a carrier, drawn from what its kind says of its settings. A secret is only ever written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from dashboard.models.carriers import Carrier
from dashboard.pages.carriers import labels
from dashboard.pages.ui import fields, versions
from dashboard.pages.ui.forms import Form, TextField, email_field, length, phone_field
from dashboard.pages.ui.versions import Difference
from dashboard.providers import registry
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import InvalidSettings, Scalar, SettingField
from dashboard.vocabulary import Channel

PREFIX = "v-"  # keeps the names of settings apart from the form's own
LONGEST_LABEL = 60
WHOLE = "form"  # what is wrong with no field alone


class TestForm(Form):
    """To which phone a carrier is tried."""

    phone = phone_field(_l("Number"))


class EmailTestForm(TestForm):
    """To which mailbox."""

    phone = email_field(_l("E-mail address"))


def test_form(kind: CarrierKind) -> TestForm:
    """Asks for what carriers of this kind send to."""
    return EmailTestForm() if kind.channels[0] == Channel.EMAIL else TestForm()


def _label(text: str) -> str | None:
    return fields.words(text, LONGEST_LABEL) or None


class CarrierForm(Form):
    """What people call a carrier; its settings are drawn from what its kind says of them.

    Its version is the carrier's own, which grows with every change, of a secret too.
    """

    label = TextField(
        _l("Label"),
        _label,
        optional=True,
        description=_l("What people call it, such as “Mauritel, main line”. It may be changed."),
        render_kw=length(LONGEST_LABEL),
    )

    def __init__(self, carrier: Carrier | None = None) -> None:
        super().__init__(obj=carrier)
        self.drawn_from = str(carrier.version) if carrier else ""
        self.differences: list[Difference] = []  # between settings that are stored and those that were typed

    @property
    def version(self) -> str:
        return self.drawn_from

    @property
    def conflicts(self) -> list[Difference]:
        return [*super().conflicts, *self.differences] if versions.is_outdated(self.version) else []


class NewCarrierForm(CarrierForm):
    """The form of a carrier that is to be made."""

    name = TextField(
        _l("Name"),
        description=_l(
            "Small letters, digits, - and _, such as mauritel. It never changes: the log and the routes go by it."
        ),
        render_kw=length(40, required=True, dir="ltr", spellcheck="false", autocapitalize="none"),
    )


@dataclass(frozen=True)
class FormField:
    """A setting as it is drawn: with what to show in it and, of a secret, whether there is one."""

    setting: SettingField
    title: str
    value: str = ""
    is_on: bool = False
    is_set: bool = False

    @property
    def name(self) -> str:
        return PREFIX + self.setting.name

    @property
    def help(self) -> str:
        return str(_(self.setting.help)) if self.setting.help else ""

    @property
    def is_usual(self) -> bool:
        """Whether it is as it would be if nobody had looked at it."""
        if self.setting.type == "secret":
            return not self.is_set
        usual = self.setting.default
        return self.is_on == bool(usual) if self.setting.type == "switch" else self.value == _typed(usual)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """Values with their names."""
        return [(value, self.named(value)) for value in self.setting.choices]

    def named(self, value: str) -> str:
        """What people call this choice."""
        name = self.setting.names.get(value)
        return str(_(name)) if name else value


@dataclass(frozen=True)
class Group:
    """Fields under a title; without one they stand by themselves."""

    title: str
    fields: list[FormField]


def given(kind: str, form: MultiDict[str, str]) -> dict[str, Any]:
    """The settings as typed, for the kind to judge."""
    return {
        one.name: (PREFIX + one.name in form) if one.type == "switch" else form.get(PREFIX + one.name, "")
        for one in registry.describe(kind)
    }


def setting_fields(kind: str, values: Mapping[str, Scalar | None]) -> list[FormField]:
    """All fields with these values; of a secret only whether there is one is looked at."""
    described = registry.describe(kind)
    titles = Counter(one.title for one in described)
    return [_field(one, values.get(one.name), titles[one.title] > 1) for one in described]


def groups(drawn: list[FormField]) -> list[Group]:
    """Those that are not advanced, in order, what belongs together under its title."""
    plain = (one for one in drawn if not one.setting.advanced)
    return [Group(title, list(members)) for title, members in groupby(plain, key=_title)]


def advanced(drawn: Iterable[FormField]) -> list[FormField]:
    return [one for one in drawn if one.setting.advanced]


def defaults(kind: str) -> dict[str, Scalar | None]:
    return {one.name: one.default for one in registry.describe(kind)}


def errors(kind: str, error: InvalidSettings) -> dict[str, str]:
    """By the field of the form, in the reader's words."""
    names = {one.name for one in registry.describe(kind)}
    sentences: dict[str, str] = {}
    for problem in error.errors:
        name = problem.field.partition(".")[0]
        place = PREFIX + name if name in names else name if name == "name" else WHOLE
        sentences.setdefault(place, labels.problem(kind, problem))
    return sentences


def shown(drawn: list[FormField], *, usual: bool) -> list[tuple[str, str]]:
    """Titles and values for reading, of those that were set or of the usual ones; what is empty is left out."""
    ordered = sorted(drawn, key=lambda one: one.setting.advanced)
    rows = [(one.title, _shown_value(one)) for one in ordered if one.is_usual == usual]
    return [(title, value) for title, value in rows if value]


def differences(kind: str, stored: Mapping[str, Any], typed: Mapping[str, Any]) -> list[Difference]:
    """Settings that are not what was typed; a secret is one as soon as another is typed, and neither is shown."""
    found = []
    for saved, wanted in zip(setting_fields(kind, stored), setting_fields(kind, typed), strict=True):
        if saved.setting.type == "secret" and wanted.is_set:
            found.append(Difference(saved.title, _shown_value(saved), str(_("another one"))))
        elif saved.setting.type != "secret" and _plain(saved) != _plain(wanted):
            found.append(Difference(saved.title, _shown_value(saved), _shown_value(wanted)))
    return found


def _plain(one: FormField) -> tuple[str, bool]:
    return one.value.strip().replace("\r\n", "\n"), one.is_on


def _field(one: SettingField, value: Scalar | None, is_double: bool) -> FormField:
    title = str(_(one.title))
    if is_double:  # two of the same title are told apart by the end of their names
        title = f"{title} ({one.name.rpartition('_')[2]})"
    if one.type == "secret":
        return FormField(one, title, is_set=bool(value))
    if one.type == "switch":
        return FormField(one, title, is_on=value is True)
    return FormField(one, title, _typed(value))


def _typed(value: Scalar | None) -> str:
    """As somebody would type it."""
    if isinstance(value, list | tuple):
        return "\n".join(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _title(one: FormField) -> str:
    return str(_(one.setting.group)) if one.setting.group else ""


def _shown_value(one: FormField) -> str:
    if one.setting.type == "secret":
        return str(_("set")) if one.is_set else str(_("not set"))
    if one.setting.type == "switch":
        return str(_("yes")) if one.is_on else str(_("no"))
    return one.named(one.value) if one.setting.type == "choice" else one.value
