"""The filters of the message log, as its address holds them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from flask import request
from flask_babel import lazy_gettext as _l

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters, NotSearchable, Sought
from dashboard.models.api_keys import ApiKey
from dashboard.pages.ui import fields, formats, labels, periods
from dashboard.sms import emails, numbers
from dashboard.vocabulary import Stage, Status

LONGEST_SEARCH = 2 * emails.LONGEST
HOURS = "custom"  # from one time to another, as a chart leads to
FIRST_YEAR, LAST_YEAR = 2000, 2999
CALENDAR = {
    "today": _l("Today"),
    "yesterday": _l("Yesterday"),
    "week": _l("This week"),
    "last_week": _l("Last week"),
    "month": _l("This month"),
    "dates": _l("From … to …"),
}
CHOICES = {
    "status": tuple(Status),
    "channel": labels.CHANNELS,
    "kind": labels.KINDS,
    "operator": labels.OPERATORS,
    "stage": labels.STAGES,
    "period": {**periods.PERIODS, **CALENDAR},
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
        """The times that a chart leads to, in words; nothing for other periods."""
        times = [fields.local_time(self.typed.get(name, "")) for name in ("from", "to")]
        return " – ".join(formats.hour_of_day(at) for at in times if at) if self.typed.get("period") == HOURS else ""


def from_request() -> LogQuery:
    """The filters of the address. Unknown values are ignored: an address from elsewhere is no reason to fail."""
    values = {name: request.args.get(name, "") for name in CHOICES}
    typed = {name: value for name, value in values.items() if value in CHOICES[name]}
    key_id = request.args.get("key", "")
    if key_id and key_id != keys.OWN_ID and session.get(ApiKey, key_id) is not None:
        typed["key"] = key_id
    typed |= _hours()
    if typed.get("period") == "dates":
        typed |= {name: day.isoformat() for name in ("from", "to") if (day := _day(request.args.get(name, "")))}
    text = _printable(request.args.get("q", ""))
    if text:
        typed["q"] = text
    return LogQuery(typed, _filters(typed))


def _hours() -> dict[str, str]:
    """The times of a period that a chart leads to; nothing unless both are times."""
    given = {name: request.args.get(name, "") for name in ("from", "to")}
    is_whole = request.args.get("period") == HOURS and all(fields.local_time(text) for text in given.values())
    return {"period": HOURS, **given} if is_whole else {}


def _filters(typed: dict[str, str]) -> Filters | None:
    try:
        wanted = search.sought(typed["q"]) if "q" in typed else Sought()
    except NotSearchable:
        return None
    if (wanted.prefix or wanted.phone) and not formats.sees_numbers():  # by asking, a masked number would be guessed
        return None
    since, before = _range(typed)
    return Filters(
        wanted,
        typed.get("status"),
        typed.get("channel"),
        typed.get("kind"),
        typed.get("key"),
        numbers.digit_of(typed.get("operator", "")),
        since,
        before,
        Stage(typed["stage"]) if "stage" in typed else None,
    )


def _range(typed: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    """From when until when, exclusive; days are the gateway's."""
    period = typed.get("period", "")
    if period in periods.PERIODS:
        return utcnow() - periods.PERIODS[period], None
    if period == HOURS:
        return fields.local_time(typed["from"]), fields.local_time(typed["to"])
    since: date | None = None
    before: date | None = None
    if period in periods.CALENDAR:
        since, before = periods.days(period)
    elif period == "dates":
        since, before = _day(typed.get("from", "")), _after(_day(typed.get("to", "")))
    return periods.midnight(since) if since else None, periods.midnight(before) if before else None


def _after(day: date | None) -> date | None:
    return day + periods.DAY if day is not None else None


def _day(text: str) -> date | None:
    """`2026-11-12`; None for anything else, and for years that no message is of."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c.isspace()).strip()[:LONGEST_SEARCH]
