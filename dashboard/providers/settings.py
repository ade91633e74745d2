"""A carrier's settings: declared once, validated, and described for whoever draws a form of them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

from dashboard.outbound.client import Guard, HttpClient

Scalar = str | int | float | bool | list[str]


def _l(text: str) -> str:
    """Marks a text for translation; the page translates it."""
    return text


class InvalidSettings(ValueError):
    """The settings do not make a carrier. `errors` are (field, sentence); no value stands in them."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {message}" if name else message for name, message in errors))
        self.errors = errors


@dataclass(frozen=True)
class SettingField:
    """A field of a form. `type` is text, lines, secret, switch, choice or number; a secret is only ever written."""

    name: str
    title: str
    help: str
    type: str
    required: bool
    default: Scalar | None
    choices: tuple[str, ...] = ()
    rows: int = 0
    advanced: bool = field(default=False)


def setting(title: str, about: str = "", *, rows: int = 0, advanced: bool = False, **limits: Any) -> Any:
    """Declare a field. `default` and pydantic's own limits are keywords; without a default it is required."""
    extra: JsonDict = {"rows": rows, "advanced": advanced}
    return Field(title=title, description=about, json_schema_extra=extra, **limits)


class CarrierSettings(BaseModel):
    """What an administrator fills in. Empty fields count as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

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
        problems: list[tuple[str, str]] = []
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
            raise ValueError(_l("This is not a PEM certificate")) from None
        return text

    @property
    def guard(self) -> Guard:
        return Guard(self.allow_http, self.allow_private, self.ca_certificate)


def wrong(name: str, sentence: str) -> PydanticCustomError:
    """For a validator of the whole: the field that it is about, and what is wrong with it."""
    return PydanticCustomError("field", "{sentence}", {"field": name, "sentence": sentence})


def lines(text: str) -> list[tuple[int, str]]:
    """The lines of a field that are not blank, with their numbers from 1."""
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _described(name: str, info: FieldInfo) -> SettingField:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    kind, choices = _type(info.annotation)
    rows = int(str(extra.get("rows", 0)))
    default = None if info.default in (PydanticUndefined, None) or kind == "secret" else _plain(info.default)
    return SettingField(
        name=name,
        title=info.title or name,
        help=info.description or "",
        type="lines" if rows and kind == "text" else kind,
        required=info.is_required(),
        default=default,
        choices=choices,
        rows=rows,
        advanced=bool(extra.get("advanced")),
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


WORDS = {
    "missing": _l("This is needed"),
    "extra_forbidden": _l("There is no such setting"),
    "string_pattern_mismatch": _l("This does not have the right form"),
    "int_parsing": _l("This must be a whole number"),
    "bool_parsing": _l("This must be yes or no"),
}


def _problem(item: Mapping[str, Any]) -> tuple[str, str]:
    where = ".".join(str(part) for part in item["loc"]) or str(item.get("ctx", {}).get("field", ""))
    words = WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
    return where, words
