"""What a month cost, from the sums of its days, and what it will have cost at its end."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import RowMapping, func, select
from sqlalchemy.orm import Session

from dashboard.db import core_table
from dashboard.gateway import spreadsheets
from dashboard.gateway.costs import prices
from dashboard.models.api_keys import ApiKey
from dashboard.models.costs import COUNTS, MONEY, DailyCost
from dashboard.sms import numbers

FEWEST_DAYS = 5  # that are over: of fewer nothing is forecast
LOOK_BACK = timedelta(days=28)  # four of each weekday
COLUMNS = ("day", "key", "channel", "operator", "carrier", *COUNTS, *MONEY)
_DAYS = core_table(DailyCost)
SUMS = tuple(func.sum(_DAYS.c[name]).label(name) for name in (*COUNTS, *MONEY))


@dataclass(frozen=True)
class Month:
    """A month of the calendar, in UTC."""

    first: date

    @classmethod
    def of(cls, day: date) -> Month:
        return cls(day.replace(day=1))

    @property
    def next(self) -> Month:
        return Month.of(self.first + timedelta(days=31))

    @property
    def previous(self) -> Month:
        return Month.of(self.first - timedelta(days=1))

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True)
class Spent:
    """Texts of one key, channel, operator and carrier over a while. Money is 1/10,000 MRU."""

    key_id: str
    channel: str
    operator: str
    carrier: str
    figures: Mapping[str, int]


def of_month(session: Session, month: Month, key_id: str | None = None, last: date | None = None) -> list[Spent]:
    """What the texts cost that carriers took in a month, or till its day `last`, of all keys or of one."""
    subject = (_DAYS.c.key_id, _DAYS.c.channel, _DAYS.c.operator, _DAYS.c.carrier)
    summed = select(*subject, *SUMS).where(_DAYS.c.day.between(month.first, last or month.last)).group_by(*subject)
    if key_id is not None:
        summed = summed.where(_DAYS.c.key_id == key_id)
    return [
        Spent(row.key_id, row.channel, row.operator, row.carrier, _figures(row._mapping))
        for row in session.execute(summed.order_by(*subject))
    ]


def of_month_before(session: Session, month: Month, today: date) -> list[Spent]:
    """The month before, to compare with: of one that is under way, only as many days as it is old."""
    before = month.previous
    if month != Month.of(today):
        return of_month(session, before)
    return of_month(session, before, last=min(before.last, before.first + (today - month.first)))


def by_day(session: Session, first: date, last: date) -> dict[date, Mapping[str, int]]:
    """The figures of each day that had any, from the first to the last."""
    summed = select(_DAYS.c.day, *SUMS).where(_DAYS.c.day.between(first, last)).group_by(_DAYS.c.day)
    return {row.day: _figures(row._mapping) for row in session.execute(summed.order_by(_DAYS.c.day))}


def total(spent: Sequence[Spent]) -> Counter[str]:
    """The figures of several together; one that is missing is 0."""
    found: Counter[str] = Counter()
    for one in spent:
        found.update(one.figures)
    return found


def forecast(session: Session, month: Month, today: date) -> int | None:
    """What the month that is under way will have cost, by what its weekdays cost in the last four weeks.

    None where too few days were counted, and for another month.
    """
    if month != Month.of(today):
        return None
    start = min(month.first, today - LOOK_BACK)
    costs = {day: figures["cost"] for day, figures in by_day(session, start, today).items()}
    known = [day for day in costs if day < today]
    if not known:
        return None
    first = max(min(known), today - LOOK_BACK)
    over = [first + timedelta(days=n) for n in range((today - first).days)]
    if len(over) < FEWEST_DAYS:
        return None
    usual = [_mean([costs.get(day, 0) for day in over if day.weekday() == weekday]) for weekday in range(7)]
    every = _mean([costs.get(day, 0) for day in over])
    rest = [today + timedelta(days=n) for n in range((month.last - today).days + 1)]
    expected = {day: every if usual[day.weekday()] is None else usual[day.weekday()] for day in rest}
    spent = sum(cost for day, cost in costs.items() if month.first <= day < today)
    return spent + max(costs.get(today, 0), expected.pop(today) or 0) + sum(cost or 0 for cost in expected.values())


def lines(session: Session, month: Month) -> Iterator[str]:
    """A month as CSV, a line a day, key, channel, operator and carrier; money in MRU, exact."""
    yield "\ufeff" + _line(COLUMNS)
    names = {key.id: key.name for key in session.scalars(select(ApiKey))}
    query = select(_DAYS).where(_DAYS.c.day.between(month.first, month.last))
    for row in session.execute(query.order_by(*_DAYS.primary_key.columns)).mappings():
        subject = (spreadsheets.safe(names.get(row["key_id"], row["key_id"])), row["channel"])
        operator = numbers.operator_name(row["operator"])
        counts = (str(row[name]) for name in COUNTS)
        money = (prices.plain(row[name]) for name in MONEY)
        yield _line((row["day"].isoformat(), *subject, operator, row["carrier"], *counts, *money))


def _figures(row: RowMapping) -> dict[str, int]:
    return {name: int(row[name]) for name in (*COUNTS, *MONEY)}


def _mean(costs: Sequence[int]) -> int | None:
    return round(sum(costs) / len(costs)) if costs else None


def _line(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
