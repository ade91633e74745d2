"""A carrier's settings: declared once, validated, and described for whoever draws a form of them."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

from dashboard.outbound.client import Guard, HttpClient
from dashboard.providers.codes import _l
from dashboard.sms import senders

Scalar = str | int | float | bool | list[str]


class SettingProblem(NamedTuple):
    """What is wrong with a setting: its field (empty: with no field alone), a code, and what the sentence names.

    `PROBLEMS` and a kind's own `problems` hold the sentences; no secret stands in `params`. Of these, `line`, `column`
    and `at` say where in the field.
    """

    field: str
    code: str
    params: Mapping[str, str | int | float] = {}


class InvalidSettings(ValueError):
    """The settings do not make a carrier."""

    def __init__(self, errors: list[SettingProblem]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.code}" if error.field else error.code for error in errors))
        self.errors = errors


class BadSetting(ValueError):
    """What a reader of one setting's text raises: a code, and what its sentence names. See Problem."""

    def __init__(self, code: str, /, **params: str | int | float) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def at(self, **place: str | int | float) -> Self:
        """The same, with its place in the field."""
        return type(self)(self.code, **{**self.params, **place})


@dataclass(frozen=True)
class SettingField:
    """A field of a form. `type` is text, lines, secret, switch, choice or number; a secret is only ever written.

    `names` says to people what a choice means; one without a name is a word of the trade, such as POST.
    """

    name: str
    title: str
    help: str
    type: str
    required: bool
    default: Scalar | None
    choices: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    advanced: bool = False
    group: str = ""  # the title under which fields of one matter stand together


def setting(
    title: str,
    about: str = "",
    *,
    rows: int = 0,
    advanced: bool = False,
    group: str = "",
    names: Mapping[str, str] | None = None,
    **limits: Any,
) -> Any:
    """Declare a field. `default` and pydantic's own limits are keywords; without a default it is required.

    Neighbours of one `group` (a title) are drawn together. `names` are the choices' names for people.
    """
    extra: JsonDict = {"rows": rows, "advanced": advanced, "group": group, "names": dict(names or {})}
    return Field(title=title, description=about, json_schema_extra=extra, **limits)


def _are_senders(values: tuple[str, ...]) -> tuple[str, ...]:
    for number, value in enumerate(values, 1):
        if value != senders.ANY and not senders.is_sender(value):
            raise wrong("other_senders", "sender_form", line=number)
    return values


Senders = Annotated[tuple[str, ...], AfterValidator(_are_senders)]


def other_senders() -> Any:
    """Declare the senders that keys may have besides a carrier's own."""
    about = _l("Senders that keys may have besides, one a line; * for any. Otherwise texts leave with the one above.")
    return setting(_l("Other senders"), about, default=(), rows=2, max_length=100, advanced=True)


class CarrierSettings(BaseModel):
    """What an administrator fills in. Empty fields count as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    problems: ClassVar[Mapping[str, str]] = {}  # the sentences of a kind's own problems, marked for translation

    @property
    def has_receipts(self) -> bool:
        """Whether a carrier with these settings tells what becomes of the texts that it took."""
        return True

    @property
    def tells_balance(self) -> bool:
        """Whether a carrier with these settings can be asked what is left on our account."""
        return False

    @model_validator(mode="before")
    @classmethod
    def _trimmed(cls, values: Any) -> Any:
        """What is pasted brings blanks and line ends along."""
        if not isinstance(values, Mapping):
            return values
        trimmed = {name: cls._typed(name, value) for name, value in values.items()}
        return {name: value for name, value in trimmed.items() if value is not None and value != ""}

    @classmethod
    def _typed(cls, name: str, value: Any) -> Any:
        """Text of a form for a field: without blanks around it, and in lines where the field is a list."""
        if not isinstance(value, str):
            return value
        if name in cls.model_fields and get_origin(cls.model_fields[name].annotation) is tuple:
            return tuple(line for _, line in lines(value))
        return value.strip()

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Validate; raise InvalidSettings."""
        problems: list[SettingProblem] = []
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            problems = [_problem(item) for item in error.errors(include_url=False, include_input=False)]
        raise InvalidSettings(problems)

    @classmethod
    def described(cls) -> list[SettingField]:
        return [_described(name, info) for name, info in cls.model_fields.items()]

    @classmethod
    def secrets(cls) -> set[str]:
        return {item.name for item in cls.described() if item.type == "secret"}

    def secret_values(self) -> tuple[str, ...]:
        """The secrets in the clear, for whoever must blank them."""
        return tuple(str(value) for name, value in self.to_store().items() if name in self.secrets() and value)

    def to_store(self) -> dict[str, Scalar]:
        """Every value in the clear, for a store that encrypts it."""
        revealed = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: _plain(value) for name, value in revealed.items() if value is not None}

    def shown(self) -> dict[str, Scalar]:
        """Every value for a page or an audit log; a secret says only whether it is set."""
        hidden = self.secrets()
        return {name: bool(value) if name in hidden else value for name, value in self.to_store().items()}


class WebSettings(CarrierSettings):
    """What every carrier behind HTTP may be allowed."""

    allow_http: bool = setting(
        _l("Allow plain HTTP"), _l("Without TLS anyone on the way can read the texts."), default=False, advanced=True
    )
    allow_private: bool = setting(
        _l("Allow private addresses"),
        _l("For a carrier on the gateway's own machine or network, such as 192.168.1.20."),
        default=False,
        advanced=True,
    )
    ca_certificate: str = setting(
        _l("Certificate authority"),
        _l("PEM text of an authority of your own, trusted besides the public ones."),
        default="",
        rows=6,
        advanced=True,
    )

    @field_validator("ca_certificate")
    @classmethod
    def _is_pem(cls, text: str) -> str:
        try:
            HttpClient(Guard(ca_certificate=text)).close()
        except (ValueError, OSError):
            raise wrong("ca_certificate", "not_pem") from None
        return text

    @property
    def guard(self) -> Guard:
        return Guard(self.allow_http, self.allow_private, self.ca_certificate)


def wrong(name: str, code: str, /, **params: str | int | float) -> PydanticCustomError:
    """For a validator to raise: the field that it is about, and what is wrong with it. See Problem."""
    return PydanticCustomError("problem", "{code}", {"field": name, "code": code, "params": params})


def lines(text: str) -> list[tuple[int, str]]:
    """The lines of a field that are not blank, with their numbers from 1."""
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _described(name: str, info: FieldInfo) -> SettingField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    kind, choices = _type(info.annotation)
    rows, names = int(str(extra.get("rows", 0))), extra.get("names")
    default = None if info.default in (PydanticUndefined, None) or kind == "secret" else _plain(info.default)
    return SettingField(
        name=name,
        title=info.title or name,
        help=info.description or "",
        type="lines" if rows and kind == "text" else kind,
        required=info.is_required(),
        default=default,
        choices=choices,
        names={value: str(name) for value, name in names.items()} if isinstance(names, dict) else {},
        rows=rows,
        advanced=bool(extra.get("advanced")),
        group=str(extra.get("group", "")),
    )


def _type(annotation: Any) -> tuple[str, tuple[str, ...]]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        return "choice", tuple(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "lines", ()
    return {bool: "switch", int: "number", float: "number", SecretStr: "secret"}.get(annotation, "text"), ()


def _plain(value: Any) -> Scalar:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    plain: Scalar = list(value) if isinstance(value, tuple) else value
    return plain


PROBLEMS = {
    "missing": _l("Required field"),
    "extra_forbidden": _l("There is no such setting"),
    "string_pattern_mismatch": _l("Wrong format"),
    "int_parsing": _l("This must be a whole number"),
    "float_parsing": _l("This must be a number"),
    "bool_parsing": _l("This must be yes or no"),
    "string_too_short": _l("Least number of characters: %(least)s"),
    "string_too_long": _l("Most characters: %(most)s"),
    "greater_than_equal": _l("Use %(least)s or more"),
    "less_than_equal": _l("Use %(most)s or less"),
    "literal_error": _l("Choose one of the list"),
    "not_pem": _l("This is not a PEM certificate"),
    "sender_form": _l("Use up to 11 letters and digits, or a number"),
    "not_an_address": _l("This is not an address"),
    "https_needed": _l("The address must begin with https://"),
    "https_or_allowed": _l("The address must begin with https://, or plain HTTP be allowed"),
    "credentials_in_address": _l("The address must not hold a user name or password"),
    "unknown_kind": _l("There is no such kind; kinds are %(kinds)s"),
    "name_form": _l("Use 1 to 40 small letters, digits, - and _; “sandbox” is taken"),
    "name_taken": _l("A carrier has this name already"),
    "too_many_carriers": _l("There are as many carriers as there may be; remove one first"),
}
PLACES = (  # what names the place in a field, and the sentence with it
    ({"at"}, _l("At %(at)s: %(problem)s")),
    ({"line", "column"}, _l("Line %(line)s, column %(column)s: %(problem)s")),
    ({"line"}, _l("Line %(line)s: %(problem)s")),
)
# What pydantic calls the bounds of a field, and what our sentences call them.
BOUNDS = {"min_length": "least", "max_length": "most", "ge": "least", "le": "most"}
OTHERWISE = "string_pattern_mismatch"  # whatever else pydantic may find: the form is wrong


def sentence(problem: SettingProblem, own: Mapping[str, str], translate: Callable[[str], str] = str) -> str:
    """A problem in words: `own` are the sentences of its kind, `translate` the reader's catalogue (else English)."""
    template = own.get(problem.code) or PROBLEMS.get(problem.code) or PROBLEMS[OTHERWISE]
    words = translate(template) % problem.params if problem.params else translate(template)
    place = next((text for names, text in PLACES if names <= problem.params.keys()), None)
    return translate(place) % {**problem.params, "problem": words} if place else words


def _problem(item: Mapping[str, Any]) -> SettingProblem:
    """One of pydantic's errors, or one of ours that passed through pydantic."""
    context = item.get("ctx", {})
    if item["type"] == "problem":
        return SettingProblem(context["field"], context["code"], context["params"])
    where = ".".join(str(part) for part in item["loc"])
    params = {ours: context[theirs] for theirs, ours in BOUNDS.items() if theirs in context}
    return SettingProblem(where, item["type"] if item["type"] in PROBLEMS else OTHERWISE, params)
