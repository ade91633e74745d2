"""Read a request's JSON, hostile or not, into plain values."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NoReturn

from flask import Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.api.blueprint import bp
from dashboard.api.errors import Invalid, problem

LIMIT = 32 * 1024  # bytes
DRAINED = 16 * 1024 * 1024  # bytes of a refused body that are read and thrown away
CHUNK = 64 * 1024


class _Broken(ValueError):
    def __init__(self, code: str, message: str, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.item = problem(path or [], code, message)


def json_object(limit: int = LIMIT) -> dict[str, Any]:
    """The body as a JSON object; raise Invalid or RequestEntityTooLarge."""
    raw = _read(limit)
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _Broken as error:
        raise Invalid([error.item]) from None
    except UnicodeEncodeError:
        raise Invalid([problem([], "invalid_characters", "The body holds half of a surrogate pair")]) from None
    except UnicodeDecodeError:
        raise Invalid([problem([], "invalid_json", "The body must be JSON in UTF-8")]) from None
    except (ValueError, RecursionError):
        raise Invalid([problem([], "invalid_json", "The body must be a JSON object")]) from None
    if not isinstance(value, dict):
        raise Invalid([problem([], "invalid_json", "The body must be a JSON object")])
    return value


@bp.after_app_request
def _drain(response: Response) -> Response:
    """Read what is left of a refused body, so that a client that still writes gets to read its answer.

    The server drains 64 KiB by itself; past that it closes a connection that it has just promised to keep.
    """
    stream, left = request.environ["wsgi.input"], DRAINED if response.status_code >= 400 else 0
    if not request.environ.get("wsgi.input_terminated"):
        return response  # a server that does not mark the end of a body would wait for more
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
        raise Invalid([problem([], "invalid_json", "The body did not arrive whole")]) from None
    if len(raw) > limit:
        raise RequestEntityTooLarge
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            raise _Broken("duplicate_key", "The same key is given twice", [name.encode("utf-8", "replace").decode()])
        seen[name] = value
    return seen


def _refuse_constant(name: str) -> NoReturn:
    raise _Broken("invalid_json", f"{name} is not JSON")
