"""Charts over time: ticks at full hours, midnights and Mondays of the gateway's time zone, links to the message log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask import url_for

from dashboard.gateway.statistics.queries import Period
from dashboard.gateway.statistics.rollup import GRAINS
from dashboard.pages.ui import charts, formats
from dashboard.pages.ui.charts import Chart, Series, Tick

TICK_MINUTES = 15
TICK_HOURS = 6
LONG_HOURS = 48  # of more hours, only midnights have a name
LONG_DAYS = 45  # of more days, every other Monday has one
MONDAY = 0
WEEKEND = (5, 6)  # Saturday and Sunday, as in Mauritania since 2014 (CLDR, weekData)


def timeline(
    series: Sequence[Series],
    period: Period,
    now: datetime,
    filters: dict[str, str] | None = None,
    **more: Any,
) -> Chart:
    """Series of a period's buckets. `filters`: of the message log, where a click on a bucket leads; none: no links."""
    starts, length = period.starts, GRAINS[period.grain]
    links = [] if filters is None else _links_to_log(starts, length, filters)
    is_open = period.until > now
    return charts.line(
        series,
        [_label(at, period) for at in starts],
        ticks(period),
        is_open=is_open,
        links=links,
        shades=_weekends(period),
        **more,
    )


def ticks(period: Period) -> list[Tick]:
    """Names below the axis, where the clock or the calendar turns."""
    starts = period.starts
    named = _NAMES[period.grain](starts)
    return [
        Tick(charts.point(i, len(starts)), name, _is_midnight(at, period))
        for i, (at, name) in enumerate(zip(starts, named, strict=True))
        if name
    ]


def _weekends(period: Period) -> list[tuple[float, float]]:
    """Where the weekends of a chart of days lie; a chart of one or two days has none to tell from working days."""
    starts = period.starts
    if period.grain == "minute" or (period.grain == "hour" and len(starts) <= LONG_HOURS):
        return []
    days = starts if period.grain == "day" else [formats.local(at) for at in starts]  # days of the roll-ups are UTC's
    places = groupby(range(len(days)), key=lambda i: days[i].weekday() in WEEKEND)
    runs = [list(run) for is_free, run in places if is_free]
    return [charts.stretch(run[0], run[-1], len(days)) for run in runs]


def _minutes(starts: Sequence[datetime]) -> list[str]:
    return [formats.hour_minute(at) if at.minute % TICK_MINUTES == 0 else "" for at in starts]


def _hours(starts: Sequence[datetime]) -> list[str]:
    local = [formats.local(at) for at in starts]
    if len(starts) > LONG_HOURS:
        return [formats.weekday(at) if there.hour == 0 else "" for at, there in zip(starts, local, strict=True)]
    return [
        (formats.hour_minute(at) if there.hour else formats.weekday(at)) if there.hour % TICK_HOURS == 0 else ""
        for at, there in zip(starts, local, strict=True)
    ]


def _days(starts: Sequence[datetime]) -> list[str]:
    """Days of the roll-ups are UTC's."""
    if len(starts) < charts.FEWEST_FOR_A_LINE:
        return [formats.weekday_of(at.date()) for at in starts]
    mondays = [at for at in starts if at.weekday() == MONDAY]
    named = mondays[-1::-2] if len(starts) > LONG_DAYS else mondays
    return [formats.short_day(at) if at in named else "" for at in starts]


_NAMES: dict[str, Callable[[Sequence[datetime]], list[str]]] = {"minute": _minutes, "hour": _hours, "day": _days}


def _is_midnight(at: datetime, period: Period) -> bool:
    return period.grain == "hour" and formats.local(at).hour == 0


def _label(at: datetime, period: Period) -> str:
    """When a bucket began and ended, as its tooltip says it."""
    if period.grain == "day":
        return formats.weekday_of(at.date())
    if period.grain == "minute":
        return formats.hour_minute(at)
    return f"{formats.hour_of_day(at)}–{formats.hour_minute(at + GRAINS[period.grain])}"


def _links_to_log(starts: Sequence[datetime], length: timedelta, filters: dict[str, str]) -> list[str]:
    query: dict[str, Any] = {**filters, "period": "custom"}
    log = url_for("pages.messages.index", **query)
    return [f"{log}&from={formats.typed_time(at)}&to={formats.typed_time(at + length)}" for at in starts]
