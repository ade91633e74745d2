"""Taking an act back, for the seconds that its toast stands.

What was there before travels in the toast's own form, signed: whoever sends it back may change nothing in it, and the
view asks for the same role as the act itself.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, TypeVar

from flask import abort, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.exc import IntegrityError

from dashboard.db import Base
from dashboard.extensions import session
from dashboard.pages.web import signing
from dashboard.pages.web.htmx import Undo

VALID_SECONDS = 60  # a toast stands for ten (toasts.js); who is slow is not let down
READERS: dict[str, Callable[[str], Any]] = {
    "bytes": base64.b64decode,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}
Row = TypeVar("Row", bound=Base)


def undo(url: str, kind: str, before: dict[str, Any]) -> Undo:
    """Offer to bring back what was there; `kind` is what `taken_back` asks for."""
    return Undo(url, {"before": _signer(kind).dumps(before)})


def taken_back(kind: str) -> dict[str, Any]:
    """What a toast brings back; 404 when it is forged, of another kind or too late."""
    try:
        before = _signer(kind).loads(request.form.get("before", ""), max_age=VALID_SECONDS)
    except BadSignature:
        abort(404)
    return dict(before)


def columns(row: Base) -> dict[str, Any]:
    """What a row holds that is about to be deleted, for `put_back`; it may hold no secret that is not encrypted."""
    return {column.name: _told(getattr(row, column.name)) for column in row.__table__.columns}


def put_back(model: type[Row], told: dict[str, Any]) -> Row | None:
    """The row of `columns` again, under its id while that is free; None when it is back, or another has its place."""
    values = read_columns(told)
    there: Any = session.get(model, values["id"])
    if there is not None:
        if there.created_at == values["created_at"]:
            return None
        del values["id"]
    row = model(**values)
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        session.rollback()
        return None
    return row


def read_columns(told: dict[str, Any]) -> dict[str, Any]:
    """The values that `columns` told."""
    return {name: READERS[kind](value) if kind else value for name, (kind, value) in told.items()}


def _told(value: Any) -> tuple[str, Any]:
    """A value as JSON holds it, with what reads it back."""
    if isinstance(value, bytes):
        return "bytes", base64.b64encode(value).decode()
    if isinstance(value, date):
        return type(value).__name__, value.isoformat()
    return "", value


def _signer(kind: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing.keys(), salt=f"undo-{kind}")
