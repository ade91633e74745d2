"""What no page takes, refused in one place: numbers that name no row, and NUL characters."""

from __future__ import annotations

from itertools import chain

from flask import abort, request
from werkzeug.routing import IntegerConverter, Map

from dashboard.request_arrival import TABLE_BYTES

LONG_FORMS = {"pages.campaigns.create": TABLE_BYTES}  # bytes, by endpoint
HIGHEST_ID = 2**31 - 1  # PostgreSQL's integer; no table with such an id comes near it


class RowIdConverter(IntegerConverter):
    """A row's number in an address. Others, and those that no database takes, are addresses of nothing: 404."""

    regex = "[0-9]{1,10}"

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=HIGHEST_ID)


def allow_file() -> None:
    """Let a form with a file be as long as its page says; the others stay short."""
    longest = LONG_FORMS.get(request.endpoint or "")
    if longest and request.method == "POST":
        request.max_content_length = longest


def refuse_nul() -> None:
    """Abort with 400 when a query or a form holds a NUL: no browser sends one, and PostgreSQL stores none."""
    fields = chain(request.args.items(multi=True), request.form.items(multi=True), (request.view_args or {}).items())
    if any("\0" in str(part) for field in fields for part in field):
        abort(400)
