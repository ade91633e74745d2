"""Templates of a request. A placeholder is escaped for where it stands, so no text can break out of its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus
from xml.parsers import expat
from xml.sax.saxutils import escape

from dashboard.providers.codes import _l
from dashboard.providers.settings import BadSetting, lines

PLACEHOLDERS = {
    "phone": _l("+22238089336"),
    "phone_digits": _l("22238089336"),
    "phone_local": _l("38089336"),
    "text": _l("The text"),
    "text_hex": _l("The text in UTF-16, as hexadecimal digits"),
    "code": _l("The one-time code alone; empty for other messages"),
    "id": _l("The message's id, a UUID"),
    "sender": _l("The sender below"),
    "language": _l("fr, en or ar; empty for other messages"),
    "unicode": _l("1 when the text needs Unicode, else 0"),
    "coding": _l("2 when the text needs Unicode, else 0"),
    "validity": _l("Seconds that the text is still good for"),
    "username": _l("The user name below"),
    "password": _l("The password below"),
    "token": _l("The token below"),
    "basic": _l("User name and password for Authorization: Basic"),
}
IN_PATH = frozenset({"phone", "phone_digits", "phone_local", "id", "sender", "username", "token"})
IN_HEADER = frozenset(PLACEHOLDERS) - {"text", "text_hex", "code"}
WHOLE_NUMBERS = frozenset({"phone_digits", "phone_local", "unicode", "coding", "validity"})
OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade", "expect"})
MARK = re.compile(r"\{\{|\}\}|\{([a-z_]+)(:number)?\}|[{}]")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

TOP = "/"  # of a JSON document, as in JSON Pointer

Values = Mapping[str, str]
Render = Callable[[Values], str]


PROBLEMS = {
    "url_form": _l("The address must begin with https:// and a host without placeholders"),
    "url_fragment": _l("The address must not hold a #"),
    "not_in_path": _l("{%(name)s} may stand after the ? of the address, not before it"),
    "not_json": _l("This is not JSON; placeholders stand in quotes"),
    "not_xml": _l("This is not XML"),
    "xml_markup": _l("Leave out DOCTYPE, CDATA and comments"),
    "single_brace": _l("A single %(brace)s; write it twice for a brace"),
    "no_placeholder": _l("There is no placeholder %(name)s"),
    "not_a_number": _l("{%(name)s} is not a number"),
    "number_outside_json": _l(":number is for JSON alone"),
    "header_form": _l("Write it as Name: value"),
    "header_ours": _l("The gateway sets %(name)s itself"),
    "not_in_header": _l("{%(name)s} cannot stand in a header"),
    "header_characters": _l("A value holds characters that cannot stand in a header"),
    "form_form": _l("Write it as name = value"),
    "key_placeholder": _l("A placeholder cannot be a key"),
    "number_alone": _l("A number must stand alone in its quotes"),
    "format_missing": _l("There is a template, but no format for it"),
    "get_body": _l("GET takes no body: choose none"),
}


class BadTemplate(BadSetting):
    """A template that cannot be read; see PROBLEMS."""


@dataclass(frozen=True)
class RequestTemplate:
    """Literal texts and placeholders, in turn; a placeholder is (name, whether it is a number)."""

    parts: tuple[str | tuple[str, bool], ...]

    @property
    def names(self) -> list[str]:
        return [part[0] for part in self.parts if isinstance(part, tuple)]

    @property
    def number(self) -> str | None:
        """The placeholder of a template that is one number and nothing else."""
        part = self.parts[0] if len(self.parts) == 1 else ""
        return part[0] if isinstance(part, tuple) and part[1] else None

    def render(self, values: Values, escaped: Callable[[str], str]) -> str:
        return "".join(part if isinstance(part, str) else escaped(values[part[0]]) for part in self.parts)


def parse(text: str) -> RequestTemplate:
    """`{name}` is a placeholder, `{{` and `}}` are braces; raise BadTemplate with line and column."""
    parts: list[str | tuple[str, bool]] = []
    end = 0
    for mark in MARK.finditer(text):
        parts.append(text[end : mark.start()])
        parts.append(_part(mark, text))
        end = mark.end()
    parts.append(text[end:])
    return RequestTemplate(tuple(part for part in parts if part != ""))


def url(text: str) -> Render:
    """An address; placeholders may stand in its path and query, never in scheme, host or port."""
    if not re.match(r"https?://[^/?#{}@\s]+([/?]|$)", text):
        raise BadTemplate("url_form")
    if "#" in text:
        raise BadTemplate("url_fragment")
    template = _plain(text)
    for name in _plain(text.partition("?")[0]).names:
        if name not in IN_PATH:
            raise BadTemplate("not_in_path", name=name)
    return lambda values: template.render(values, lambda value: quote(value, safe=""))


def headers(text: str) -> Callable[[Values], dict[str, str]]:
    """One `Name: value` a line."""
    rows = [_header(number, line) for number, line in lines(text)]
    return lambda values: {name: _one_line(template.render(values, str)) for name, template in rows}


def form(text: str) -> Render:
    """One `name = value` a line, urlencoded when it is sent."""
    rows = [_field(number, line) for number, line in lines(text)]
    return lambda values: "&".join(f"{quote_plus(n)}={quote_plus(t.render(values, str))}" for n, t in rows)


def json_body(text: str) -> Render:
    """A JSON document with placeholders inside its strings; `"{phone_local:number}"` becomes a number."""
    try:
        document = json.loads(text)
    except ValueError as error:
        place = {"line": error.lineno, "column": error.colno} if isinstance(error, json.JSONDecodeError) else {}
        raise BadTemplate("not_json", **place) from None
    _compile(document, "")
    return lambda values: json.dumps(_fill(document, values), ensure_ascii=False)


def xml(text: str) -> Render:
    """An XML document with placeholders in its texts and attributes."""
    if "<!" in text:
        raise BadTemplate("xml_markup")
    template = _plain(text)
    try:
        expat.ParserCreate().Parse(template.render(dict.fromkeys(PLACEHOLDERS, "0"), str), True)
    except expat.ExpatError as error:
        raise BadTemplate("not_xml", line=error.lineno, column=error.offset + 1) from None
    return lambda values: template.render(values, _xml_escaped)


def _part(mark: re.Match[str], text: str) -> str | tuple[str, bool]:
    found, name, number = mark[0], mark[1], mark[2]
    if found in ("{{", "}}"):
        return found[0]
    if name is None:
        raise BadTemplate("single_brace", brace=found, **_place(text, mark.start()))
    if name not in PLACEHOLDERS:
        raise BadTemplate("no_placeholder", name=found, **_place(text, mark.start()))
    if number and name not in WHOLE_NUMBERS:
        raise BadTemplate("not_a_number", name=name, **_place(text, mark.start()))
    return name, bool(number)


def _plain(text: str) -> RequestTemplate:
    """A template outside JSON, where there are no numbers."""
    template = parse(text)
    if any(isinstance(part, tuple) and part[1] for part in template.parts):
        raise BadTemplate("number_outside_json")
    return template


def _place(text: str, position: int) -> dict[str, int]:
    """Line and column from 1."""
    return {"line": text.count("\n", 0, position) + 1, "column": position - text.rfind("\n", 0, position)}


def _in_line(number: int, text: str) -> RequestTemplate:
    try:
        return _plain(text)
    except BadTemplate as error:
        raise error.at(line=number) from None


def _header(number: int, line: str) -> tuple[str, RequestTemplate]:
    name, colon, value = line.partition(":")
    if not colon or not HEADER_NAME.fullmatch(name.strip()):
        raise BadTemplate("header_form", line=number)
    if name.strip().lower() in OURS:
        raise BadTemplate("header_ours", line=number, name=name.strip())
    template = _in_line(number, value.strip())
    for placeholder in template.names:
        if placeholder not in IN_HEADER:
            raise BadTemplate("not_in_header", line=number, name=placeholder)
    return name.strip(), template


def _field(number: int, line: str) -> tuple[str, RequestTemplate]:
    name, equals, value = line.partition("=")
    if not equals or not name.strip() or MARK.search(name):
        raise BadTemplate("form_form", line=number)
    return name.strip(), _in_line(number, value.strip())


def _one_line(value: str) -> str:
    """A line end would begin another header; what is not ASCII has no agreed meaning in one."""
    if not (value.isascii() and (value.isprintable() or not value)):
        raise BadTemplate("header_characters")
    return value


def _xml_escaped(value: str) -> str:
    whole = "".join(c for c in value if c >= " " or c in "\t\n\r")
    return escape(whole, {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _compile(node: Any, path: str) -> None:
    """Refuse a document whose strings are wrong, saying which."""
    if isinstance(node, dict):
        for key, value in node.items():
            if MARK.search(key):
                raise BadTemplate("key_placeholder", at=path or TOP)
            _compile(value, f"{path}.{key}".lstrip("."))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            _compile(value, f"{path}.{index}".lstrip("."))
    elif isinstance(node, str):
        _compile_text(node, path)


def _compile_text(text: str, path: str) -> None:
    try:
        template = parse(text)
    except BadTemplate as error:
        raise BadTemplate(error.code, **{**error.params, "at": path or TOP}) from None
    if template.number is None and any(isinstance(part, tuple) and part[1] for part in template.parts):
        raise BadTemplate("number_alone", at=path or TOP)


def _fill(node: Any, values: Values) -> Any:
    if isinstance(node, dict):
        return {key: _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values) for value in node]
    if not isinstance(node, str):
        return node
    template = parse(node)
    return int(values[template.number]) if template.number else template.render(values, str)
