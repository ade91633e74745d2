"""Read the roll-ups: sums of a period, as a line over time or by subject, with medians from the histograms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.gateway.statistics.rollup import GRAINS, start_of
from dashboard.models.otp import Otp
from dashboard.models.statistics import (
    COUNTS,
    MEASURES,
    SEND,
    SEND_BOUNDS,
    SUBJECT,
    VERIFY,
    VERIFY_BOUNDS,
    StatisticsBucket,
    StatisticsReason,
)

Measures = tuple[str, ...]
MOST_REASONS = 12


@dataclass(frozen=True)
class Period:
    """Whole buckets, the last of which is still filling: from `since` up to, and without, `until`."""

    grain: str
    since: datetime
    until: datetime

    @classmethod
    def last(cls, grain: str, count: int, now: datetime | None = None) -> Period:
        """The bucket of now and those before it, `count` in all."""
        until = start_of(grain, now or utcnow()) + GRAINS[grain]
        return cls(grain, until - count * GRAINS[grain], until)

    @classmethod
    def between(cls, since: datetime, until: datetime) -> Period:
        """From one moment to another, in days where both begin one (UTC's), else in hours: of a zone that is off by
        half an hour, the hours that begin in it."""
        grain = "day" if since == start_of("day", since) and until == start_of("day", until) else "hour"
        return cls(grain, since, until)

    def by(self, grain: str, now: datetime) -> Period:
        """The same in finer buckets, as far as they have begun."""
        return Period(grain, self.since, min(self.until, start_of(grain, now) + GRAINS[grain]))

    @property
    def before(self) -> Period:
        """As many buckets right before these."""
        return replace(self, since=self.since - (self.until - self.since), until=self.since)

    @property
    def starts(self) -> list[datetime]:
        length = GRAINS[self.grain]
        return [self.since + i * length for i in range((self.until - self.since) // length)]

    def passed(self, now: datetime) -> float:
        """The fraction of the period that has passed, from 0 to 1; the period before is scaled by it to compare."""
        return min(1.0, max(0.0, (now - self.since) / (self.until - self.since)))


@dataclass(frozen=True)
class Narrow:
    """Whose messages to count; an empty field means all. `operator` is the first digit of the numbers."""

    kind: str | None = None
    key_id: str | None = None
    channel: str | None = None
    language: str | None = None
    operator: str | None = None

    def conditions(self, columns: object) -> list[ColumnElement[bool]]:
        values = {name: getattr(self, name) for name in SUBJECT}
        return [getattr(columns, name) == value for name, value in values.items() if value]


@dataclass
class Figures:
    """Sums, by the name of the measure; what is not there is 0."""

    sums: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.sums.get(name, 0)

    def add(self, other: Figures) -> None:
        for name, count in other.sums.items():
            self.sums[name] = self[name] + count

    def share(self, name: str) -> float | None:
        """Of all that was asked for; None when nothing was."""
        return self[name] / self["requested"] if self["requested"] else None

    def send_time(self, quantile: float) -> float | None:
        """Seconds from the request to the carrier, within which this part of all was taken; None without any."""
        return within(SEND_BOUNDS, [self[name] for name in SEND], quantile)

    def verify_time(self, quantile: float) -> float | None:
        """Seconds from the request to the right code."""
        return within(VERIFY_BOUNDS, [self[name] for name in VERIFY], quantile)


def total(parts: Iterable[Figures]) -> Figures:
    """All in one."""
    result = Figures()
    for figures in parts:
        result.add(figures)
    return result


def over_time(session: Session, period: Period, narrow: Narrow, measures: Measures = COUNTS) -> list[Figures]:
    """One for each bucket of the period, empty ones too."""
    by_start = _grouped(session, ("at",), period, narrow, measures)
    return [by_start.get((at,), Figures()) for at in period.starts]


def over_time_by(
    session: Session, name: str, period: Period, narrow: Narrow, measures: Measures
) -> dict[str, list[Figures]]:
    """One for each bucket, by a part of the subject, such as `operator`."""
    by_value = _grouped(session, (name, "at"), period, narrow, measures)
    values = {value for value, _ in by_value}
    return {value: [by_value.get((value, at), Figures()) for at in period.starts] for value in values}


def by_subject(session: Session, period: Period, narrow: Narrow) -> dict[tuple[Any, ...], Figures]:
    """One for each whole subject, as SUBJECT names it."""
    return _grouped(session, SUBJECT, period, narrow, MEASURES)


def summed(session: Session, period: Period, narrow: Narrow, measures: Measures) -> Figures:
    """All of a period in one."""
    return _grouped(session, (), period, narrow, measures).get((), Figures())


def has_codes(session: Session) -> bool:
    """Whether any code was ever asked for."""
    return session.scalar(select(Otp.id).limit(1)) is not None


def by(subjects: dict[tuple[Any, ...], Figures], name: str) -> dict[str, Figures]:
    """Those of whole subjects, by one part of the subject."""
    place, result = SUBJECT.index(name), defaultdict[str, Figures](Figures)
    for subject, figures in subjects.items():
        result[subject[place]].add(figures)
    return dict(result)


def reasons(session: Session, period: Period, narrow: Narrow) -> list[tuple[str, int]]:
    """Why messages failed, the most frequent first."""
    columns = core_table(StatisticsReason).c
    failed = func.sum(columns.failed)
    query = select(columns.code, failed).where(*_in(columns, period), *narrow.conditions(columns))
    query = query.group_by(columns.code).having(failed > 0).order_by(failed.desc(), columns.code).limit(MOST_REASONS)
    return [(row[0], int(row[1])) for row in session.execute(query)]


def within(bounds: Sequence[float], counts: Sequence[int], quantile: float) -> float | None:
    """The value below which this part of a histogram lies, evenly spread in each bin; what is beyond counts as the end.

    `counts` has one bin more than `bounds`.
    """
    rank, passed, low = sum(counts) * quantile, 0, 0.0
    if not rank:
        return None
    for high, count in zip(bounds, counts, strict=False):
        if count and passed + count >= rank:
            return low + (high - low) * (rank - passed) / count
        passed, low = passed + count, high
    return float(bounds[-1])


def _grouped(
    session: Session, names: tuple[str, ...], period: Period, narrow: Narrow, measures: Measures
) -> dict[tuple[Any, ...], Figures]:
    """Sums of those measures alone."""
    columns = core_table(StatisticsBucket).c
    query = _sums(names, measures).where(*_in(columns, period), *narrow.conditions(columns))
    parts, groups = len(names), {}
    for row in session.execute(query):
        sums = (int(value or 0) for value in row[parts:])
        groups[tuple(row[:parts])] = Figures(dict(zip(measures, sums, strict=True)))
    return groups


@cache
def _sums(names: tuple[str, ...], measures: Measures) -> Select[Any]:
    columns = core_table(StatisticsBucket).c
    groups = [columns[name] for name in names]
    return select(*groups, *(func.sum(columns[name]) for name in measures)).group_by(*groups)


def _in(columns: object, period: Period) -> list[ColumnElement[bool]]:
    at, grain = columns.at, columns.grain  # type: ignore[attr-defined]
    return [grain == period.grain, at >= period.since, at < period.until]
