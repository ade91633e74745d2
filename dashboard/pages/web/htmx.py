"""What HTMX says in a request, and what it wants to hear."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from typing import Any

from flask import Response, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

MARK_LENGTH = 12


def wants_fragment() -> bool:
    """Whether a fragment is asked for; a page, and a page restored from history, say `full` or nothing."""
    return request.headers.get("HX-Request-Type") == "partial"


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def target() -> str:
    """The id of the element that takes the answer; the header reads `tag#id`."""
    return request.headers.get("HX-Target", "").rpartition("#")[2]


def title_tag() -> str:
    """A fragment's title heads a dialog, or the page it stands on alone."""
    return "h2" if wants_fragment() else "h1"


def done(message: str, url: str, **changed: object) -> ResponseReturnValue:
    """An act succeeded: close the dialog, show a toast and what changed; without HTMX, go back to the page."""
    if not wants_fragment():
        flash(message)
        return redirect(url, 303)
    response = make_response(render_template("_changed.html", message=message, **changed))
    response.headers["HX-Trigger"] = "close-dialog"
    return response


def toast(status: int, message: str) -> Response:
    """A problem that belongs to no element of the page."""
    response = make_response(render_template("_toast.html", kind="bad", message=message), status)
    response.headers["HX-Reswap"] = "none"
    return response


def solo(fragment: str, status: int = 200, **context: object) -> ResponseReturnValue:
    """A form or dialog: the fragment alone for HTMX, a page around it for everyone else."""
    template = fragment if wants_fragment() else "solo.html"
    return render_template(template, fragment=fragment, **context), status


def mark(shown: Any) -> str:
    """Changes when what a live block shows does, or its language; a poll brings back the one that it has."""
    text = json.dumps([str(get_locale()), shown], default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_LENGTH]


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


GLOBALS = {"is_partial": wants_fragment, "title_tag": title_tag}
