"""Taking an act back, for the seconds that its toast stands.

What was there before travels in the toast's own form, signed: whoever sends it back may change nothing in it, and the
view asks for the same role as the act itself.
"""

from __future__ import annotations

from typing import Any

from flask import abort, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

from dashboard.pages.web import signing
from dashboard.pages.web.htmx import Undo

VALID_SECONDS = 60  # a toast stands for ten (toasts.js); who is slow is not let down


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


def _signer(kind: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing.keys(), salt=f"undo-{kind}")
