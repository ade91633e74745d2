"""When campaigns rest: at night, around Friday's noon prayer, and on holidays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dashboard.gateway.site_settings import Preferences

FRIDAY = 4  # of date.weekday
FRIDAY_REST = (time(12, 30), time(15, 0))
Span = tuple[time, time]  # of a day; it may pass midnight


@dataclass(frozen=True)
class QuietHours:
    """Spans of the day in a time zone, and whole days."""

    zone: ZoneInfo
    night: Span | None
    friday: Span | None
    holidays: frozenset[date]

    @classmethod
    def of(cls, preferences: Preferences, machine_zone: str) -> QuietHours:
        """As owners set them; raise ValueError for a time or a day that is none."""
        begin, end = preferences.quiet_from, preferences.quiet_until
        night = (time.fromisoformat(begin), time.fromisoformat(end)) if begin and end and begin != end else None
        return cls(
            ZoneInfo(preferences.timezone or machine_zone),
            night,
            FRIDAY_REST if preferences.rests_on_friday else None,
            frozenset(date.fromisoformat(day) for day in preferences.holidays.split()),
        )

    def is_quiet(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        if local.date() in self.holidays:
            return True
        spans = (self.night, self.friday if local.weekday() == FRIDAY else None)
        return any(span is not None and _holds(span, local.time()) for span in spans)

    def next_opening(self, at: datetime) -> datetime:
        """This very time where it is not quiet, else when it ends to be."""
        for _ in range(3 * (len(self.holidays) + 3)):  # no more ends lie before the first that opens
            if not self.is_quiet(at):
                return at
            at = self._next_end(at)
        return at

    def _next_end(self, at: datetime) -> datetime:
        """The next time at which a span or a day ends."""
        local = at.astimezone(self.zone)
        ends = [time.min, *(span[1] for span in (self.night, self.friday) if span)]
        days = (local.date(), local.date() + timedelta(days=1))
        times = (datetime.combine(day, end, self.zone).astimezone(UTC) for day in days for end in ends)
        return min(end for end in times if end > at)


def _holds(span: Span, at: time) -> bool:
    begin, end = span
    return begin <= at < end if begin <= end else at >= begin or at < end
