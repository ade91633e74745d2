"""Request ids: the caller's own or a new one, in the log's lines and in the answer, of the API and of pages alike."""

from __future__ import annotations

import random
import re
import uuid

from flask import Flask, Response, g, request

from dashboard import logs

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def register(app: Flask) -> None:
    """Name each request before anything else looks at it."""
    app.before_request(_name)
    app.after_request(_tell)
    app.teardown_request(_forget)


def _name() -> None:
    given = request.environ.get("HTTP_X_REQUEST_ID")
    g.request_id = request_id = given if given and REQUEST_ID.fullmatch(given) else _new()
    logs.request_id.set(request_id)


def _forget(_error: BaseException | None) -> None:
    """What a thread logs between two requests is of neither."""
    logs.request_id.set("")


def _tell(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id") or _new()
    return response


def _new() -> str:
    """A name, and no secret: the system is not asked for it, which would let other threads go first."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))
