"""How each language writes names, types, and what turns JSON into its objects."""

from __future__ import annotations

import keyword
import re
import textwrap
from dataclasses import dataclass, replace

from dashboard.dev.clients.description import ApiCall, Description, Field, Type

PROSE = 110  # characters of a line of a comment
LONGEST_CHOICE = 70  # characters; longer ones are told in words alone
RESERVED_IN_DART = {"class", "default", "enum", "in", "is", "new", "null", "super", "switch", "this", "var", "with"}


@dataclass(frozen=True)
class Types:
    """How a language writes types; `{}` is the type inside. Without `choice` it cannot say which words are meant."""

    simple: dict[str, str]
    array: str
    map: str
    union: str
    null: str
    choice: str = ""
    choices: str = ""
    quote: str = '"'

    def written(self, one: Type, optional: bool = False) -> str:
        """A type, which may be null also where it is `optional`."""
        inside = self._inside(one)
        return self.null.format(inside) if (one.nullable or optional) and one.name != "any" else inside

    def _inside(self, one: Type) -> str:
        if one.item:
            return (self.array if one.name == "array" else self.map).format(self.written(one.item))
        choices = self.choices.join(f"{self.quote}{each}{self.quote}" for each in one.choices)
        if self.choice and 0 < len(choices) <= LONGEST_CHOICE:
            return self.choice.format(choices)
        if one.name == "union" and not self.union:
            return "Object"
        return self.union.join(one.models) or self.simple[one.name]


PYTHON = Types(
    {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "any": "Any"},
    array="list[{}]",
    map="dict[str, {}]",
    union=" | ",
    null="{} | None",
    choice="Literal[{}]",
    choices=", ",
)
PYTHON_INPUT = replace(PYTHON, array="Sequence[{}]")
TYPESCRIPT = Types(
    {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "any": "unknown"},
    array="Array<{}>",
    map="Record<string, {}>",
    union=" | ",
    null="{} | null",
    choice="{}",
    choices=" | ",
)
PHP = Types(
    {"string": "string", "integer": "int", "number": "float", "boolean": "bool", "any": "mixed"},
    array="array",
    map="array",
    union="|",
    null="{}|null",
)
PHP_COMMENT = replace(PHP, array="list<{}>", map="array<string, {}>", choice="{}", choices="|", quote="'")
DART = Types(
    {"string": "String", "integer": "int", "number": "double", "boolean": "bool", "any": "dynamic"},
    array="List<{}>",
    map="Map<String, {}>",
    union="",  # there are none: Object, to be asked with `is`
    null="{}?",
)


def told(field: Field) -> str:
    """What a field is, with the words that it may be."""
    choices = (field.type.item or field.type).choices
    return field.about + (f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else "")


def snake(name: str) -> str:
    """`sendOtpV2` → `send_otp_v2`; a word of Python's own gets a line behind it."""
    written = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return f"{written}_" if keyword.iskeyword(written) else written


def dart_name(name: str) -> str:
    return f"{name}_" if name in RESERVED_IN_DART else name


def about(text: str, indent: int, begin: str = "") -> str:
    """A text as lines of a comment, each behind `begin`; the first is not indented."""
    room = PROSE - indent - len(begin)
    plain = " ".join(text.replace("*/", "* /").replace('"""', "'").split())
    return ("\n" + " " * indent).join(begin + line for line in textwrap.wrap(plain, room, break_long_words=False))


# Addresses


def python_path(call: ApiCall) -> str:
    """An expression."""
    path = re.sub(r"\{(\w+)\}", lambda name: f"{{_part({snake(name[1])})}}", call.path)
    return f'f"{path}"' if call.path_fields else f'"{path}"'


def javascript_path(call: ApiCall) -> str:
    path = re.sub(r"\{(\w+)\}", r"${encodeURIComponent(\1)}", call.path)
    return f"`{path}`" if call.path_fields else f'"{path}"'


def php_path(call: ApiCall) -> str:
    return "'" + re.sub(r"\{(\w+)\}", r"' . rawurlencode($\1) . '", call.path).removesuffix(" . ''") + "'"


def dart_path(call: ApiCall) -> str:
    return "'" + re.sub(r"\{(\w+)\}", r"${Uri.encodeComponent(\1)}", call.path) + "'"


# Out of JSON


class Reading:
    """Expressions that make a language's objects of an answer's values."""

    def __init__(self, description: Description) -> None:
        self._description = description

    def python(self, field: Field) -> str:
        """Of `data`."""
        place = f'data["{field.name}"]'
        if not _holds_models(field.type):
            return place if field.required else f'data.get("{field.name}")'
        made = self._python(field.type, place)
        return made if not field.is_optional else f'None if data.get("{field.name}") is None else {made}'

    def _python(self, one: Type, place: str) -> str:
        if not _holds_models(one):
            return place
        if one.item and one.name == "array":
            return f"[{self._python(one.item, 'one')} for one in {place}]"
        if one.item:
            return f"{{name: {self._python(one.item, 'one')} for name, one in {place}.items()}}"
        made = f"{one.models[-1]}.of({place})"
        for name, told in self._told_apart(one):
            made = f'{name}.of({place}) if "{told}" in {place} else {made}'
        return made

    def php(self, field: Field) -> str:
        """Of `$data`."""
        place = f"$data['{field.name}']"
        if not _holds_models(field.type):
            return f"{place} ?? null"
        if not field.is_optional:
            return self._php(field.type, f"{place} ?? null")
        made = self._php(field.type, place)
        return f"isset({place}) ? {made} : null"

    def _php(self, one: Type, place: str) -> str:
        if not _holds_models(one):
            return place
        if one.item:
            return f"array_map(static fn (array $one) => {self._php(one.item, '$one')}, {place})"
        made = f"{one.models[-1]}::of({place})"
        for name, told in self._told_apart(one):
            made = f"isset({place}['{told}']) ? {name}::of({place}) : {made}"
        return made

    def dart(self, field: Field) -> str:
        """Of `json`."""
        place = f"json['{field.name}']"
        if field.is_optional and field.type.name not in ("string", "integer", "boolean", "any"):
            return f"{place} == null ? null : {self._dart(field.type, place)}"
        return self._dart(field.type, place, "?" if field.is_optional else "")

    def _dart(self, one: Type, place: str, may_lack: str = "") -> str:
        if one.name == "any":
            return place
        if one.name == "number":
            return f"({place} as num).toDouble()"
        if one.item and one.name == "array":
            return f"[for (final one in {place} as List<dynamic>) {self._dart(one.item, 'one')}]"
        if one.item:
            read = self._dart(one.item, "value")
            return f"({place} as Map<String, dynamic>).map((name, value) => MapEntry(name, {read}))"
        if not one.models:
            return f"{place} as {DART.simple[one.name]}{may_lack}"
        given = f"{place} as Map<String, dynamic>"
        made = f"{one.models[-1]}.fromJson({given})"
        for name, told in self._told_apart(one):
            made = f"({given}).containsKey('{told}') ? {name}.fromJson({given}) : {made}"
        return made

    def _told_apart(self, one: Type) -> list[tuple[str, str]]:
        """Each object of a union but the last, with the field by which it is known; the last to be asked first."""
        told = [
            (name, self._description.distinction(name, one.models[place + 1 :]))
            for place, name in enumerate(one.models[:-1])
        ]
        return told[::-1]


def _holds_models(one: Type) -> bool:
    return bool(one.models) or (one.item is not None and _holds_models(one.item))
