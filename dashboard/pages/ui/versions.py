"""Two people with the same form: whoever saves second is shown what the first one saved, beside what they typed.

A form carries the version of what it was drawn from, a hash of the stored values. When it comes back and something
else is stored, it is answered with 409 and drawn once more, with what was typed, the new version, and both values of
each field that differs. Sent again, it replaces what is there. Of two that come at the same time one waits for the
other: no clock tells them apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request

from dashboard.db import lock
from dashboard.extensions import session

FIELD = "version"
LENGTH = 16


@dataclass(frozen=True)
class Difference:
    """A field that somebody else changed meanwhile, in the reader's words."""

    label: str
    saved: str
    typed: str


def wait_for_turn() -> None:
    """Hold a form back while the same one is under way, before anything that it changes is read."""
    if request.method == "POST" and FIELD in request.form:
        lock(session, f"form:{request.full_path}")


def of(stored: Mapping[str, Any]) -> str:
    """The version of stored values."""
    text = json.dumps(stored, default=_plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def is_outdated(version: str) -> bool:
    """Whether the form of this request was drawn from another version; one without a version was not drawn here."""
    given = request.form.get(FIELD, "")
    return bool(given) and given != version


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | set | frozenset) else str(value)
