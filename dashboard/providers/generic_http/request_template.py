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

from dashboard.providers.settings import _l, lines

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

Values = Mapping[str, str]
Render = Callable[[Values], str]


class BadTemplate(ValueError):
    """Says what is wrong, and where."""


@dataclass(frozen=True)
class Template:
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


def parse(text: str) -> Template:
    """`{name}` is a placeholder, `{{` and `}}` are braces; raise BadTemplate with line and column."""
    parts: list[str | tuple[str, bool]] = []
    end = 0
    for mark in MARK.finditer(text):
        parts.append(text[end : mark.start()])
        parts.append(_part(mark, text))
        end = mark.end()
    parts.append(text[end:])
    return Template(tuple(part for part in parts if part != ""))


def url(text: str) -> Render:
    """An address; placeholders may stand in its path and query, never in scheme, host or port."""
    if not re.match(r"https?://[^/?#{}@\s]+([/?]|$)", text):
        raise BadTemplate(_l("The address must begin with https:// and a host without placeholders"))
    if "#" in text:
        raise BadTemplate(_l("The address must not hold a #"))
    template = _plain(text)
    for name in _plain(text.partition("?")[0]).names:
        if name not in IN_PATH:
            raise BadTemplate(f"{{{name}}} may stand after the ? of the address, not before it")
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
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "here"
        raise BadTemplate(f"Not JSON at {where}; placeholders stand in quotes") from None
    _compile(document, "")
    return lambda values: json.dumps(_fill(document, values), ensure_ascii=False)


def xml(text: str) -> Render:
    """An XML document with placeholders in its texts and attributes."""
    if "<!" in text:
        raise BadTemplate(_l("Leave out DOCTYPE, CDATA and comments"))
    template = _plain(text)
    try:
        expat.ParserCreate().Parse(template.render(dict.fromkeys(PLACEHOLDERS, "0"), str), True)
    except expat.ExpatError as error:
        raise BadTemplate(f"Not XML at line {error.lineno}, column {error.offset + 1}") from None
    return lambda values: template.render(values, _xml_escaped)


def _part(mark: re.Match[str], text: str) -> str | tuple[str, bool]:
    found, name, number = mark[0], mark[1], mark[2]
    if found in ("{{", "}}"):
        return found[0]
    if name is None:
        raise BadTemplate(f"{_where(text, mark.start())}: a single {found}; write {found}{found} for a brace")
    if name not in PLACEHOLDERS:
        raise BadTemplate(f"{_where(text, mark.start())}: there is no placeholder {found}")
    if number and name not in WHOLE_NUMBERS:
        raise BadTemplate(f"{_where(text, mark.start())}: {{{name}}} is not a number")
    return name, bool(number)


def _plain(text: str) -> Template:
    """A template outside JSON, where there are no numbers."""
    template = parse(text)
    if any(isinstance(part, tuple) and part[1] for part in template.parts):
        raise BadTemplate(_l(":number is for JSON alone"))
    return template


def _where(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - (text.rfind(chr(10), 0, position) + 1) + 1}"


def _in_line(number: int, text: str) -> Template:
    try:
        return _plain(text)
    except BadTemplate as error:
        raise BadTemplate(f"line {number}: {str(error).removeprefix('line 1, ')}") from None


def _header(number: int, line: str) -> tuple[str, Template]:
    name, colon, value = line.partition(":")
    if not colon or not HEADER_NAME.fullmatch(name.strip()):
        raise BadTemplate(f"line {number}: write it as Name: value")
    if name.strip().lower() in OURS:
        raise BadTemplate(f"line {number}: the gateway sets {name.strip()} itself")
    template = _in_line(number, value.strip())
    for placeholder in template.names:
        if placeholder not in IN_HEADER:
            raise BadTemplate(f"line {number}: {{{placeholder}}} cannot stand in a header")
    return name.strip(), template


def _field(number: int, line: str) -> tuple[str, Template]:
    name, equals, value = line.partition("=")
    if not equals or not name.strip() or MARK.search(name):
        raise BadTemplate(f"line {number}: write it as name = value")
    return name.strip(), _in_line(number, value.strip())


def _one_line(value: str) -> str:
    """A line end would begin another header; what is not ASCII has no agreed meaning in one."""
    if not (value.isascii() and (value.isprintable() or not value)):
        raise BadTemplate(_l("A value holds characters that cannot stand in a header"))
    return value


def _xml_escaped(value: str) -> str:
    whole = "".join(c for c in value if c >= " " or c in "\t\n\r")
    return escape(whole, {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _compile(node: Any, path: str) -> None:
    """Refuse a document whose strings are wrong, saying which."""
    if isinstance(node, dict):
        for key, value in node.items():
            if MARK.search(key):
                raise BadTemplate(f"at {path or 'the top'}: a placeholder cannot be a key")
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
        raise BadTemplate(f"at {path or 'the top'}: {error}") from None
    if template.number is None and any(isinstance(part, tuple) and part[1] for part in template.parts):
        raise BadTemplate(f"at {path or 'the top'}: a number must stand alone in its quotes")


def _fill(node: Any, values: Values) -> Any:
    if isinstance(node, dict):
        return {key: _fill(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_fill(value, values) for value in node]
    if not isinstance(node, str):
        return node
    template = parse(node)
    return int(values[template.number]) if template.number else template.render(values, str)
