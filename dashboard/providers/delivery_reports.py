"""What carriers call back with: signatures, and shapes that nobody vouches for."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from dashboard.providers.base import Incoming, Receipt

LONGEST_REFERENCE = 120  # characters; longer ones are cut alike when sent and when called back
EARLIEST = 1_000_000_000  # Unix seconds: 2001


@dataclass(frozen=True)
class Callback:
    """A request from a carrier. `headers` by lower-case name; of repeated arguments the first."""

    method: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Reply:
    """What to answer it, and what it said."""

    status: int
    text: str = ""  # as text/plain
    receipts: tuple[Receipt, ...] = ()
    texts: tuple[Incoming, ...] = ()  # that phones sent
    code: str | None = None  # what an administrator must know: why it was refused, or what it says of the account
    over: tuple[str, ...] = ()  # codes of what was wrong before, and is not any more


FORGED = Reply(403, "Forbidden", code="callback_forged")
GENUINE = ("callback_forged",)  # what a callback that proves itself shows to be over


class ReportListener(Protocol):
    """A carrier that calls back."""

    def called_back(self, callback: Callback) -> Reply:
        """Judge and read a callback; never raises, whatever is in it."""
        ...


def is_signed(key: str, message: bytes, signature: str) -> bool:
    """Whether `signature` is the hexadecimal HMAC-SHA256 of the message; in constant time, False without a key."""
    expected = hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
    return bool(key) and same(expected, signature.strip().lower())


def same(expected: str, given: str) -> bool:
    """Compare secrets in constant time; an empty one never fits."""
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def reference(value: Any) -> str | None:
    """A carrier's reference from what stands in its JSON: text or a whole number; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()[:LONGEST_REFERENCE] or None


def receipt(
    taken: str,
    state: str,
    code: str | None = None,
    at: datetime | None = None,
    message_id: str | None = None,
    raw: str | None = None,
) -> Receipt:
    """A receipt that names one text for sure; without a time of the carrier's it happened now."""
    return Receipt((taken,), "", state, code, at or datetime.now(UTC), message_id=message_id, raw=raw)


def dig(value: Any, path: str) -> Any:
    """Follow a path such as `messages.0.id` or `$.messages[0].id`; None where it leads nowhere."""
    for step in steps(path):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(value):
            value = value[int(step[:9])]
        else:
            return None
    return value


def steps(path: str) -> list[str]:
    """`$.messages[0].id` → messages, 0, id."""
    plain = path.removeprefix("$").replace("[", ".").replace("]", "")
    return [step for step in plain.split(".") if step]


def moment(seconds: Any) -> datetime | None:
    """Unix seconds of our time, as a number or its text; None for anything else."""
    try:
        whole = int(seconds)
    except (ValueError, TypeError, OverflowError):
        return None
    return datetime.fromtimestamp(whole, UTC) if EARLIEST <= whole < 4 * EARLIEST else None
