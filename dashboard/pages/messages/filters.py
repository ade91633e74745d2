"""The filters of the message log, as its address holds them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters, NotSearchable, Sought
from dashboard.models.api_keys import ApiKey
from dashboard.pages.ui import fields, formats, labels, periods
from dashboard.sms import numbers
from dashboard.vocabulary import Status

LONGEST_SEARCH = 60
CUSTOM = "custom"
CHOICES = {
    "status": tuple(Status),
    "channel": labels.CHANNELS,
    "kind": labels.KINDS,
    "operator": labels.OPERATORS,
    "period": periods.PERIODS,
}


@dataclass(frozen=True)
class LogQuery:
    """The filters of this request as typed, and as understood; None: the search is neither number nor id."""

    typed: dict[str, str]
    filters: Filters | None

    @property
    def is_filtered(self) -> bool:
        return bool(self.typed)

    @property
    def range(self) -> str:
        """The times of a custom period, in words."""
        times = [fields.local_time(self.typed.get(name, "")) for name in ("from", "to")]
        return " – ".join(formats.hour_of_day(at) for at in times if at)


def from_request() -> LogQuery:
    """The filters of the address. Unknown values are ignored: an address from elsewhere is no reason to fail."""
    values = {name: request.args.get(name, "") for name in CHOICES}
    typed = {name: value for name, value in values.items() if value in CHOICES[name]}
    key_id = request.args.get("key", "")
    if key_id and key_id != keys.OWN_ID and session.get(ApiKey, key_id) is not None:
        typed["key"] = key_id
    typed |= _custom()
    text = _printable(request.args.get("q", ""))
    if text:
        typed["q"] = text
    return LogQuery(typed, _filters(typed))


def _custom() -> dict[str, str]:
    """The times of a period that is none of those with a name; nothing unless both are times."""
    given = {name: request.args.get(name, "") for name in ("from", "to")}
    is_whole = request.args.get("period") == CUSTOM and all(fields.local_time(text) for text in given.values())
    return {"period": CUSTOM, **given} if is_whole else {}


def _filters(typed: dict[str, str]) -> Filters | None:
    try:
        wanted = search.sought(typed["q"]) if "q" in typed else Sought()
    except NotSearchable:
        return None
    if (wanted.prefix or wanted.phone) and not formats.sees_numbers():  # by asking, a masked number would be guessed
        return None
    length = periods.PERIODS.get(typed.get("period", ""))
    since, until = (fields.local_time(typed.get(name, "")) for name in ("from", "to"))
    return Filters(
        wanted,
        typed.get("status"),
        typed.get("channel"),
        typed.get("kind"),
        typed.get("key"),
        numbers.digit_of(typed.get("operator", "")),
        utcnow() - length if length else since,
        until,
    )


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c.isspace()).strip()[:LONGEST_SEARCH]
