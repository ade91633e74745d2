"""Read a request's JSON, hostile or not, into plain values."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.api.blueprint import bp
from dashboard.api.errors import Invalid, problem

LIMIT = 32 * 1024  # bytes
DRAINED = 16 * 1024 * 1024  # bytes of a refused body that are read and thrown away
CHUNK = 64 * 1024
LONG_CHUNK = 1024 * 1024  # of a long body: gunicorn copies what is left of it at each read
DEEPEST = 64  # objects and arrays inside each other: nothing here needs more than three
LONGEST_ITEM = 64 * 1024  # characters of one value of a body that is read piece by piece
BLANKS = re.compile(r"[ \t\n\r]*")  # RFC 8259, 2
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class _Broken(ValueError):
    """A rule of ours beyond JSON's."""

    def __init__(self, code: str, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.item = problem(path or [], code, message)


class LongBody:
    """The body as a JSON object with one long list, whose items are given one by one, so that they never lie in memory
    all at once as they came. Iterating raises what `json_object` does.

    What else the object holds is in `others` at the end, the list itself where it is none. Only the items may hold half
    of a surrogate pair: whoever judges them sees to that. `digest` is the same for two
    bodies that are the same JSON.
    """

    def __init__(self, list_name: str, limit: int) -> None:
        self.list_name = list_name
        self.others: dict[str, Any] = {}
        self.digest = hashlib.sha256()  # of the list
        self.has_list = False
        self._text, self._at, self._is_over = "", 0, False
        self._count = 0
        self._chunks = _chunks(limit)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()  # RFC 8259, 8.1

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._items()
        except _Broken as error:
            raise Invalid([error.item]) from None
        except UnicodeEncodeError:
            raise Invalid([problem([], "invalid_characters", "The body holds half of a surrogate pair")]) from None
        except UnicodeDecodeError:
            raise _invalid_json("The body must be JSON in UTF-8") from None
        except (ValueError, RecursionError):  # a fault of JSON is a ValueError, too
            raise _invalid_json(f"The body is not JSON, after {self._count} items of its list") from None

    def _items(self) -> Iterator[Any]:
        self._expect("{")
        names: set[str] = set()
        while self._next() != "}":
            if names:
                self._expect(",")
            name = self._value()
            if not isinstance(name, str):
                raise ValueError(name)
            if name in names:
                raise _Broken(
                    "duplicate_key", "The same key is given twice", [name.encode("utf-8", "replace").decode()]
                )
            names.add(name)
            self._expect(":")
            if name == self.list_name and self._next() == "[":
                yield from self._list()
            else:
                self.others[name] = self._value()
                json.dumps(self.others, ensure_ascii=False).encode("utf-8")
        self._expect("}")
        if self._next():
            raise ValueError

    def _list(self) -> Iterator[Any]:
        self._expect("[")
        self.has_list = True
        while self._next() != "]":
            if self._count:
                self._expect(",")
            item = self._value()
            self._count += 1
            self.digest.update(json.dumps(item, sort_keys=True, separators=(",", ":")).encode() + b"\n")
            yield item
        self._expect("]")

    def _value(self) -> Any:
        self._next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                if end < len(self._text) or self._is_over:  # a number at the very end may go on
                    self._at = end
                    return value
            except json.JSONDecodeError:
                if self._is_over or len(self._text) - self._at > LONGEST_ITEM:
                    raise
            self._more()

    def _next(self) -> str:
        """The next character that is no blank; nothing at the end."""
        while True:
            self._at = BLANKS.match(self._text, self._at).end()  # type: ignore[union-attr]  # it matches nothing, too
            if self._at < len(self._text) or self._is_over:
                return self._text[self._at : self._at + 1]
            self._more()

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise ValueError(character)
        self._at += 1

    def _more(self) -> None:
        chunk = next(self._chunks, b"")
        self._is_over = not chunk
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=self._is_over)
        self._at = 0


def json_object(limit: int = LIMIT) -> dict[str, Any]:
    """The body as a JSON object; raise Invalid or RequestEntityTooLarge."""
    raw, environ = read(limit), request.environ
    encoding = environ.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        raw = _inflated(raw, limit)
    elif encoding != "identity":
        raise _invalid_json("Content-Encoding may be gzip, or left out")
    return parse(raw, environ.get("CONTENT_TYPE", ""))


def parse(raw: bytes, content_type: str = "") -> dict[str, Any]:
    """A body as a JSON object; raise Invalid, which says what is wrong and where, and nothing of what the body holds.

    curl calls JSON a form, too, so the content type is looked at only when it is no JSON.
    """
    try:
        text = raw.decode("utf-8-sig")  # RFC 8259, 8.1: a byte order mark may be skipped
        value = _DECODER.decode(text)
        if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
            raise _Broken("invalid_json", "The body holds a number or a nesting that is too long")
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _Broken as error:
        raise Invalid([error.item]) from None
    except UnicodeEncodeError:
        raise Invalid([problem([], "invalid_characters", "The body holds half of a surrogate pair")]) from None
    except UnicodeDecodeError:
        raise _invalid_json("The body must be JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        if not text.strip():
            raise _invalid_json("The body is empty; send a JSON object") from None
        if content_type.partition(";")[0].strip().lower() in FORMS:
            raise _invalid_json("The body is a form; send a JSON object") from None
        raise _invalid_json(f"The body is not JSON: line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise _invalid_json("The body holds a number or a nesting that is too long") from None
    if not isinstance(value, dict):
        raise _invalid_json("The body must be a JSON object")
    return value


def _invalid_json(message: str) -> Invalid:
    return Invalid([problem([], "invalid_json", message)])


def _inflated(raw: bytes, limit: int) -> bytes:
    """The content of a gzip body; raise RequestEntityTooLarge as soon as it is longer than `limit` bytes."""
    inflating = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = inflating.decompress(raw, limit + 1)
    except zlib.error:
        raise _invalid_json("The body is not gzip, as its Content-Encoding says") from None
    if len(content) > limit:
        raise RequestEntityTooLarge
    if not inflating.eof:
        raise _invalid_json("The body did not arrive whole")
    return content


@bp.after_app_request
def _drain(response: Response) -> Response:
    """Read what is left of a refused body, so that a client that still writes gets to read its answer.

    The server drains 64 KiB by itself; past that it closes a connection that it has just promised to keep.
    """
    if response.status_code < 400 or not request.environ.get("wsgi.input_terminated"):
        return response  # a server that does not mark the end of a body would wait for more
    stream, left = request.environ["wsgi.input"], DRAINED
    with suppress(Exception):  # it may end in the middle of a chunk
        while left > 0 and (chunk := stream.read(min(CHUNK, left))):
            left -= len(chunk)
    return response


def _chunks(limit: int) -> Iterator[bytes]:
    """The body in pieces; raise Invalid, or RequestEntityTooLarge once it is longer than `limit` bytes."""
    request.max_content_length = limit + 1
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise _invalid_json("Content-Encoding may be gzip, or left out")
    inflating = None if encoding == "identity" else zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    left = limit
    for raw in _raw_chunks():
        rest = raw
        while rest:
            try:
                chunk = rest if inflating is None else inflating.decompress(rest, LONG_CHUNK)
            except zlib.error:
                raise _invalid_json("The body is not gzip, as its Content-Encoding says") from None
            rest = b"" if inflating is None else inflating.unconsumed_tail
            left -= len(chunk)
            if left < 0:
                raise RequestEntityTooLarge
            if chunk:
                yield chunk
    if inflating is not None and not inflating.eof:
        raise _invalid_json("The body did not arrive whole")


def _raw_chunks() -> Iterator[bytes]:
    try:
        while chunk := request.stream.read(LONG_CHUNK):
            yield chunk
    except RequestEntityTooLarge:
        raise
    except Exception:  # malformed chunks and trailers: each server has its own errors for them
        raise _invalid_json("The body did not arrive whole") from None


def read(limit: int) -> bytes:
    """The body, of at most `limit` bytes; raise Invalid or RequestEntityTooLarge.

    It is read from the server itself: werkzeug's streams around that cost as much as reading JSON and checking it.
    """
    environ, length = request.environ, request.content_length
    if length is not None and length > limit:
        raise RequestEntityTooLarge
    most = limit + 1  # one more: a chunked body does not tell its length, and would be cut
    if not environ.get("wsgi.input_terminated"):  # a server that does not mark the end of a body would wait for more
        most = min(most, length or 0)
    try:
        raw: bytes = environ["wsgi.input"].read(most)
    except Exception:  # malformed chunks and trailers: each server has its own errors for them
        raise _invalid_json("The body did not arrive whole") from None
    if len(raw) > limit:
        raise RequestEntityTooLarge
    return raw


def _depth(value: Any) -> int:
    """How many objects and arrays lie inside each other."""
    depth, layer = 0, [value]
    while layer := [item for item in layer if isinstance(item, dict | list)]:
        depth += 1
        layer = [inner for item in layer for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise _Broken("duplicate_key", "The same key is given twice", [name.encode("utf-8", "replace").decode()])
        seen[name] = value
    return seen


def _refuse_constant(name: str) -> NoReturn:
    raise _Broken("invalid_json", f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
