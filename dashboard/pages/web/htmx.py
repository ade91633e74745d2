"""What HTMX says in a request, and what it is answered.

One address serves a page and its fragments: `page` and `dialog` choose by the request. What a form changed is answered
by `redirect` (another page) or `updated` (a toast, and parts of the page that is there). A block that refreshes itself
is answered by `live`: with nothing while it shows what is so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, is_dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Response, flash, make_response, render_template, request
from flask import redirect as see_other
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

MARK_LENGTH = 12
ALONE = "solo"  # what stands in a dialog elsewhere, on a page of its own (solo.html)


@dataclass(frozen=True)
class ChangedPart:
    """A part of the page that is drawn anew in place: the id of its root, its template, and what that needs."""

    target: str
    template: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Undo:
    """What takes an act back: the address, and what is sent to it."""

    url: str
    params: dict[str, str]


def wants_fragment() -> bool:
    """Whether a fragment is asked for; a page, and a page restored from history, say `full` or nothing."""
    return request.headers.get("HX-Request-Type") == "partial"


def is_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def target() -> str:
    """The id of the element that takes the answer; the header reads `tag#id`."""
    return request.headers.get("HX-Target", "").rpartition("#")[2]


def current_page() -> str:
    """Path and query of the page that the request comes from; empty without HTMX."""
    return local_part(request.headers.get("HX-Current-URL", ""))


def local_part(url: str) -> str:
    """Path and query of an address that somebody sent; empty where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def is_alone() -> bool:
    """Whether what is answered stands on a page of its own, and in no dialog."""
    return not wants_fragment() or target() == ALONE


def form_target() -> str:
    """Where the answer to a form goes: into the dialog that holds it, or to its own place on its page."""
    return f"#{ALONE}" if is_alone() else "#dialog-body"


def title_tag() -> str:
    """A fragment's title heads a dialog, or the page it stands on alone."""
    return "h1" if is_alone() else "h2"


def page(template: str, fragment: str, status: int = 200, **context: Any) -> ResponseReturnValue:
    """The page, or its fragment alone when HTMX asks for it."""
    return render_template(fragment if wants_fragment() else template, **context), status


def dialog(fragment: str, status: int = 200, part: ChangedPart | None = None, **context: Any) -> ResponseReturnValue:
    """A form or dialog: the fragment alone for HTMX, a page around it for everyone else.

    `page_title` names that page. `part` is what changed on the page behind the dialog.
    """
    template = fragment if wants_fragment() else "solo.html"
    behind = {"part": part, **part.context} if part else {}
    return render_template(template, fragment=fragment, **{**behind, **context}), status


def redirect(url: str, status: int = 200) -> ResponseReturnValue:
    """Lead to another page: HTMX by its header, under this status; everyone else by 303."""
    return ("", status, {"HX-Redirect": url}) if is_htmx() else see_other(url, 303)


def tell(message: str, undo: Undo | None = None) -> None:
    """Say something on the next page, which offers to take the act back when `undo` is given."""
    said: Any = {"message": message, "undo": asdict(undo)} if undo else message
    flash(said)  # keeps whatever JSON can hold


def updated(message: str, url: str, part: ChangedPart | None = None, undo: Undo | None = None) -> ResponseReturnValue:
    """An act succeeded: close the dialog, show a toast and what changed; where there is none, go to the page `url`.

    The toast offers to take the act back as long as it is there, when `undo` is given.
    """
    if is_alone():
        tell(message, undo)
        return redirect(url)
    context = {"part": part, **part.context} if part else {}
    response = make_response(render_template("_changed.html", told=message, undo=undo, **context))
    response.headers["HX-Trigger"] = "close-dialog"
    return response


def refused(message: str, url: str) -> ResponseReturnValue:
    """An act was refused (409), which is no fault of a field: a toast; without HTMX, said on the page `url`."""
    if wants_fragment():
        return toast(409, message)
    flash(message)
    return see_other(url, 303)


def live(fragment: str, mark: str, **context: Any) -> ResponseReturnValue:
    """A block that refreshes itself; 204 leaves it as it is while it shows what `mark` stands for."""
    return unchanged() if request.args.get("seen") == mark else render_template(fragment, mark=mark, **context)


def unchanged() -> ResponseReturnValue:
    """HTMX swaps nothing."""
    return "", 204


def toast(status: int, message: str) -> Response:
    """A problem that belongs to no element of the page."""
    response = make_response(render_template("_toast.html", kind="bad", told=message), status)
    response.headers["HX-Reswap"] = "none"
    return response


def mark(shown: Any) -> str:
    """Changes when what a live block shows does, or its language; a poll brings back the one that it has."""
    text = json.dumps([str(get_locale()), shown], default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_LENGTH]


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
