"""Lengths of time that pages offer, by the words that stand in addresses and forms; labels.py names them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dashboard.db import utcnow
from dashboard.pages.ui import formats

PERIODS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
CHARTED = {"24h": ("hour", 24), "7d": ("day", 7), "30d": ("day", 30), "90d": ("day", 90)}  # unit, and how many of it
LASTING = {name: PERIODS[name] for name in ("1h", "24h", "7d")}
CALENDAR = ("today", "yesterday", "week", "last_week", "month")  # days of the reader's time zone
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def days(name: str) -> tuple[date, date | None]:
    """The first day of a period of CALENDAR, and the day after its last; None while it lasts. Weeks begin on Monday."""
    today = utcnow().astimezone(ZoneInfo(formats.zone_name())).date()
    monday = today - today.weekday() * DAY
    return {
        "today": (today, None),
        "yesterday": (today - DAY, today),
        "week": (monday, None),
        "last_week": (monday - WEEK, monday),
        "month": (today.replace(day=1), None),
    }[name]


def midnight(day: date) -> datetime:
    """The moment at which a day begins for the reader."""
    return datetime.combine(day, time.min, ZoneInfo(formats.zone_name())).astimezone(UTC)
