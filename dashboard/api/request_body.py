"""Read a request's JSON, hostile or not, into plain values."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from typing import Any, NoReturn

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.api.blueprint import bp
from dashboard.api.errors import Invalid, problem

LIMIT = 32 * 1024  # bytes
DRAINED = 16 * 1024 * 1024  # bytes of a refused body that are read and thrown away
CHUNK = 64 * 1024
DEEPEST = 64  # objects and arrays inside each other: nothing here needs more than three
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class _Broken(ValueError):
    """A rule of ours beyond JSON's."""

    def __init__(self, code: str, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.item = problem(path or [], code, message)


def json_object(limit: int = LIMIT) -> dict[str, Any]:
    """The body as a JSON object; raise Invalid or RequestEntityTooLarge."""
    raw = _read(limit)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("gzip", "x-gzip"):
        raw = _inflated(raw, limit)
    elif encoding != "identity":
        raise _invalid_json("Content-Encoding may be gzip, or left out")
    return parse(raw, is_form=request.mimetype in FORMS)


def parse(raw: bytes, *, is_form: bool = False) -> dict[str, Any]:
    """A body as a JSON object; raise Invalid, which says what is wrong and where, and nothing of what the body holds.

    `is_form` is what its Content-Type says. curl says so too of JSON, so that is looked at only when it is none.
    """
    try:
        text = raw.decode("utf-8-sig")  # RFC 8259, 8.1: a byte order mark may be skipped
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
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
        if is_form:
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


def _read(limit: int) -> bytes:
    """At most `limit` bytes. One more is asked for: a chunked body does not tell its length, and would be cut."""
    request.max_content_length = limit + 1
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise
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
