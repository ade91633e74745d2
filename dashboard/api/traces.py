"""Calls that took messages, told to a collector of traces, if there is one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from flask import Flask, Response, g, request

from dashboard.extensions import services
from dashboard.tracing import Attributes, Span


def register(app: Flask) -> None:
    """Without a collector, no request is looked at."""
    with app.app_context():
        is_on = services().traces is not None
    if is_on:
        app.before_request(_begin)
        app.after_request(_tell)


def note(message_ids: Sequence[str]) -> None:
    """This call has written these messages down just now."""
    g.accepted = (message_ids, time.time_ns())


def _begin() -> None:
    g.began = time.time_ns()


def _tell(response: Response) -> Response:
    traces, (message_ids, accepted) = services().traces, g.pop("accepted", ((), 0))
    if traces is not None and message_ids and not g.get("is_replay"):
        route = request.url_rule.rule if request.url_rule else ""
        about: Attributes = {
            "http.request.method": request.method,
            "http.route": route,
            "http.response.status_code": response.status_code,
        }
        error = str(response.status_code) if response.status_code >= 500 else None
        whole = Span(f"{request.method} {route}", g.began, time.time_ns(), about, error)
        traces.request(message_ids, whole, Span("accept", g.began, accepted))
    return response
