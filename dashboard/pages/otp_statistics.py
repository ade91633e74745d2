"""How codes do: from the request to the right digits, by operator, channel, language and key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import pgettext

from dashboard.db import utcnow
from dashboard.extensions import session
from dashboard.gateway.api_keys import keys
from dashboard.gateway.monitoring import alerts
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Figures, Narrow, Period, total
from dashboard.models.api_keys import ApiKey
from dashboard.models.statistics import VERIFY, VERIFY_BOUNDS
from dashboard.pages.ui import charts, formats, labels, periods, timeline
from dashboard.pages.ui.charts import Chart, Series
from dashboard.pages.ui.formats import Change
from dashboard.pages.web import htmx, locale
from dashboard.sms import numbers
from dashboard.vocabulary import Kind

USUAL = "7d"
MOST_KEYS = 20
# The upper bounds of the columns, in seconds; bins of the roll-ups end at each.
COLUMNS = (10, 20, 30, 40, 50, 60, VERIFY_BOUNDS[-1])
LOG_FILTERS = ("key", "channel", "operator")  # those that the message log has, too
BEFORE = 3  # periods whose lowest and highest figures are called usual

bp = Blueprint("otp_statistics", __name__)


@dataclass(frozen=True)
class TableRow:
    """A row of a table: codes of one key, operator, channel or language."""

    value: str
    name: str
    figures: Figures


@dataclass(frozen=True)
class Table:
    """Codes by one part of their subject; `part` is its name in the address."""

    part: str
    title: str
    lines: list[TableRow]


@bp.get("/")
def index() -> ResponseReturnValue:
    """The page; what depends on the filters alone when HTMX asks."""
    known = keys.listed(session)
    context = _statistics(_typed(known), known)
    context["key_names"] = [(key.id, key.name) for key in known]
    return htmx.page("otp_statistics/index.html", "otp_statistics/_results.html", **context)


def _typed(known: list[ApiKey]) -> dict[str, str]:
    """The filters of the address; unknown values are ignored."""
    choices = {
        "period": periods.CHARTED,
        "key": {key.id for key in known},
        "channel": labels.CHANNELS,
        "language": locale.LANGUAGES,
        "operator": labels.OPERATORS,
    }
    given = {name: request.args.get(name, "") for name in choices}
    return {name: value for name, value in given.items() if value in choices[name]}


def _statistics(typed: dict[str, str], known: list[ApiKey]) -> dict[str, Any]:
    now, chosen = utcnow(), typed.get("period", USUAL)
    period = Period.last(*periods.CHARTED[chosen], now)
    narrow = Narrow(
        kind="otp",
        key_id=typed.get("key"),
        channel=typed.get("channel"),
        language=typed.get("language"),
        operator=numbers.digit_of(typed.get("operator", "")),
    )
    found = queries.by_subject(session, period, narrow)
    then = queries.summed(session, period.before, narrow, ("requested", "verified", "failed"))
    all_of_it = total(found.values())
    return {
        "typed": {name: value for name, value in typed.items() if name != "period"},
        "period": chosen,
        "periods": list(periods.CHARTED),
        "all": all_of_it,
        "first_use": not all_of_it["requested"] and not queries.has_codes(session),
        "changes": _changes(all_of_it, then, period.passed(now)),
        "over_time": _over_time(period.by("hour", now) if chosen == "7d" else period, narrow, now, typed),
        "histogram": _histogram(all_of_it),
        "funnel": _funnel(all_of_it),
        "losses": _losses(all_of_it),
        "reasons": queries.reasons(session, period, narrow),
        "tables": _tables(found, known),
    }


def _changes(now: Figures, then: Figures, passed: float) -> dict[str, Change | None]:
    return {
        "share": formats.points(now.share("verified"), then.share("verified")),
        "requested": formats.more(now["requested"], then["requested"] * passed),
        "verified": formats.more(now["verified"], then["verified"] * passed),
        "failed": formats.more(now["failed"], then["failed"] * passed, bad="up"),
    }


def _over_time(period: Period, narrow: Narrow, now: datetime, typed: dict[str, str]) -> Chart:
    found = queries.over_time(session, period, narrow, ("requested", "verified"))
    series = [
        Series(_("Requested"), "c2", [one["requested"] for one in found]),
        Series(_("Verified"), "c1", [one["verified"] for one in found], filled=True),
    ]
    shares = charts.Column(_("Share"), [formats.percent(one.share("verified")) for one in found])
    filters = {name: value for name, value in typed.items() if name in LOG_FILTERS} | {"kind": Kind.OTP}
    usual = _usual(period, narrow)
    return timeline.timeline(series, period, now, filters, band=usual, more=[shares])


def _usual(period: Period, narrow: Narrow) -> list[tuple[float, float]]:
    """The lowest and highest number of verified codes in the same bucket of each period before; none without all."""
    length = period.until - period.since
    whole = replace(period, since=period.since - BEFORE * length, until=period.since)
    found = [one["verified"] for one in queries.over_time(session, whole, narrow, ("verified",))]
    size = len(found) // BEFORE
    parts = [found[i * size : (i + 1) * size] for i in range(BEFORE)]
    if not all(any(part) for part in parts):
        return []
    return [(min(values), max(values)) for values in zip(*parts, strict=True)]


def _histogram(all_of_it: Figures) -> Chart:
    """Shares of verified codes in percent, by seconds: classes of equal width, and one for all above."""
    counts = [0] * len(COLUMNS)
    for bound, name in zip((*VERIFY_BOUNDS, VERIFY_BOUNDS[-1]), VERIFY, strict=True):
        counts[next(i for i, column in enumerate(COLUMNS) if bound <= column)] += all_of_it[name]
    whole = sum(counts) or 1
    ranges = [f"{low}–{high}" for low, high in pairwise((0, *COLUMNS[:-1]))]
    ranges.append(f"> {COLUMNS[-2]}")
    names = [_("%(seconds)s s", seconds=text) for text in ranges]
    return charts.bars(Series(_("Share"), "c1", [100 * count / whole for count in counts]), names, names, "%")


def _funnel(all_of_it: Figures) -> list[tuple[str, str, int, float]]:
    """Stages with their counts and shares of the first."""
    names = {
        "requested": _("Requested"),
        "sent": pgettext("codes", "Sent"),
        "delivered": _("Delivered"),
        "verified": _("Verified"),
    }
    return [(code, name, all_of_it[code], all_of_it.share(code) or 0.0) for code, name in names.items()]


def _losses(all_of_it: Figures) -> list[tuple[str, str, float, str]]:
    """Where codes end: what became of each, as shares of all, with its colour; an empty code for the rest."""
    asked = all_of_it["requested"]
    if not asked:
        return []
    ends = {
        "verified": (_("Typed in correctly"), "k1"),
        "failed": (pgettext("codes", "Failed"), "k3"),
        "expired": (_("Expired before it could be sent"), "k5"),
        "exhausted": (_("Three wrong tries"), "k4"),
    }
    shares = [(code, name, all_of_it[code] / asked, colour) for code, (name, colour) in ends.items()]
    rest = max(0.0, 1 - sum(share for _code, _name, share, _colour in shares))
    return [*shares, ("", _("Never typed in, or still open"), rest, "k2")]


def _tables(found: dict[tuple[str, ...], Figures], known: list[ApiKey]) -> list[Table]:
    operators = alerts.operators()
    by_operator = {digit: one for digit, one in queries.by(found, "operator").items() if digit in operators}
    return [
        Table("operator", _("By operator"), _lines(by_operator, operators)),
        Table("channel", _("By channel"), _lines(queries.by(found, "channel"), labels.CHANNELS)),
        Table("language", _("By language"), _lines(queries.by(found, "language"), locale.LANGUAGES)),
        Table("key", _("By API key"), _lines(queries.by(found, "key_id"), {key.id: key.name for key in known})),
    ]


def _lines(found: dict[str, Figures], names: Mapping[str, str]) -> list[TableRow]:
    rows = [TableRow(_in_address(value), names.get(value, value), one) for value, one in found.items()]
    return sorted(rows, key=lambda row: -row.figures["requested"])[:MOST_KEYS]


def _in_address(value: str) -> str:
    """As the filters name it: operators by name."""
    return numbers.OPERATORS.get(value, value).lower()
