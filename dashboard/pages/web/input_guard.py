"""What no page takes, refused in one place: numbers that name no row, NUL characters, and large bodies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

from flask import Response, abort, after_this_request, current_app, request
from flask_login import current_user
from werkzeug.routing import IntegerConverter, Map

HIGHEST_ID = 2**31 - 1  # PostgreSQL's integer; no table with such an id comes near it


View = TypeVar("View", bound=Callable[..., Any])


class RowIdConverter(IntegerConverter):
    """A row's number in an address. Others, and those that no database takes, are addresses of nothing: 404."""

    regex = "[0-9]{1,10}"

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=HIGHEST_ID)


def takes_file(most: int) -> Callable[[View], View]:
    """A view whose form may hold a file, of so many bytes in all; others take no more than usual forms hold."""

    def mark(view: View) -> View:
        view.__dict__["largest_body"] = most
        return view

    return mark


def make_room() -> None:
    """Take a larger body where the view asks for a file and somebody is signed in."""
    largest = getattr(current_app.view_functions.get(request.endpoint or ""), "largest_body", 0)
    if largest and current_user.is_authenticated:
        request.max_content_length = largest
        after_this_request(_close_files)


def _close_files(response: Response) -> Response:
    """Large ones are on the disk, whoever sent them and whether or not they were read."""
    request.close()
    return response


def refuse_nul() -> None:
    """Abort with 400 when a query or a form holds a NUL: no browser sends one, and PostgreSQL stores none."""
    fields = chain(request.args.items(multi=True), request.form.items(multi=True), (request.view_args or {}).items())
    if any("\0" in str(part) for field in fields for part in field):
        abort(400)
