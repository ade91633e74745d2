"""How times, numbers and phones are written for the reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache

from babel.dates import (
    format_date,
    format_datetime,
    format_interval,
    format_skeleton,
    format_timedelta,
    get_timezone,
)
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit
from flask import g
from flask_babel import get_locale, get_translations
from flask_babel import gettext as _
from flask_login import current_user
from markupsafe import Markup

from dashboard.db import utcnow
from dashboard.extensions import services
from dashboard.gateway import site_settings
from dashboard.gateway.costs import prices
from dashboard.gateway.site_settings import Preferences
from dashboard.sms import emails, numbers
from dashboard.vocabulary import Language, Role

FAR = 10  # times as many: a comparison says nothing
JUST_NOW = timedelta(seconds=5)
PATTERNS = {Language.ARABIC: "d MMMM y، HH:mm:ss"}
PATTERN = "d MMM y, HH:mm:ss"


@dataclass(frozen=True)
class Change:
    """A figure against the period before: in words, whether it went up, down or stayed, and if that is good or bad."""

    by: str
    way: str
    mood: str = ""


def ago(at: datetime) -> str:
    """`5 min ago`, or `in 3 h`."""
    wait = at - utcnow()
    if abs(wait) < JUST_NOW:
        return str(_("just now"))
    try:
        return format_timedelta(wait, add_direction=True, locale=get_locale(), format="short")
    except KeyError:  # some languages have no short form of some units: Arabic of seconds to come
        return format_timedelta(wait, add_direction=True, locale=get_locale(), format="long")


def moment(at: datetime) -> str:
    """Day and time to the second, in the gateway's time zone."""
    locale = get_locale()
    return format_datetime(at, PATTERNS.get(locale.language, PATTERN), tzinfo=_zone(), locale=locale)


def minute(at: datetime) -> str:
    """Day and time to the minute: `4 Dec 2026, 14:00`."""
    locale = get_locale()
    pattern = PATTERNS.get(locale.language, PATTERN).removesuffix(":ss")
    return format_datetime(at, pattern, tzinfo=_zone(), locale=locale)


def clock(at: datetime) -> str:
    """Time of the day to the second."""
    return format_datetime(at, "HH:mm:ss", tzinfo=_zone(), locale=get_locale())


def day(at: datetime) -> str:
    return format_date(at.astimezone(_zone()), "d MMM y", locale=get_locale())


def days(first: date, last: date) -> str:
    """`Sun 29 Nov`, or `23 – 29 Nov`; they are the reader's days already."""
    if first == last:
        return format_date(first, "EEE d MMM", locale=get_locale())
    return str(format_interval(first, last, "MMMd", locale=get_locale()))


def number(value: int | float) -> str:
    return _number(value, str(get_locale()))


@lru_cache(maxsize=4_096)
def _number(value: int | float, locale: str) -> str:
    """Remembered: a page with charts writes hundreds, most of them small and often the same."""
    return format_decimal(value, locale=locale)


def ngettext(singular: str, plural: str, num: int, **values: object) -> str:
    """The form of a sentence that goes with a count, which stands in it as `number` writes it."""
    return _counted(singular, plural, num) % {"num": number(num), **values}


def html_ngettext(singular: str, plural: str, num: int, **values: object) -> Markup:
    """The same in a template, where values are escaped."""
    return Markup(_counted(singular, plural, num)) % {"num": number(num), **values}  # noqa: S704  of the catalogues


def _counted(singular: str, plural: str, num: int) -> str:
    return str(get_translations().ungettext(singular, plural, num))


def money(amount: int) -> str:
    """1/10,000 MRU in MRU, rounded to two digits after the point, without the currency's name."""
    return format_decimal(Decimal(amount) / prices.UNITS, format="#,##0.00", locale=get_locale())


def price(amount: int) -> str:
    """The same with all its digits, four at most."""
    return format_decimal(Decimal(amount) / prices.UNITS, format="#,##0.00##", locale=get_locale())


def balance(amount: int, unit: str) -> str:
    """1/10,000 of a unit: `1,250.5 USD`."""
    number = format_decimal(Decimal(amount) / prices.UNITS, format="#,##0.##", locale=get_locale())
    return f"{number} {unit}".strip()


def month(first: date) -> str:
    """`novembre 2026`."""
    return format_skeleton("yMMMM", datetime(first.year, first.month, 1, tzinfo=UTC), locale=get_locale())


def date_of(day: date) -> str:
    """A day of the calendar."""
    return format_date(day, "d MMM y", locale=get_locale())


def percent(share: float | None) -> str:
    """`97.4 %`; a dash when there is nothing to take a share of."""
    if share is None:
        return "–"
    return format_percent(round(share, 3), locale=get_locale(), decimal_quantization=False)


def signed_percent(change: float) -> str:
    """`+6 %`, of a change."""
    sign = "+" if change > 0 else ""
    return sign + format_percent(round(change, 2), locale=get_locale())


def seconds(value: float | None) -> str:
    """`1.8 s`, `14 s`, `3 min 5 s`; a dash for nothing."""
    if value is None:
        return "–"
    return duration(timedelta(seconds=round(value, 2 if value < 1 else 1 if value < 10 else 0)))


def more(now: float, before: float, bad: str = "") -> Change | None:
    """A count against the one before, in percent; None when there was too little to compare with. `bad`: up."""
    if not before or now > before * FAR:
        return None
    share = now / before - 1
    way = "" if abs(share) < 0.0005 else "up" if share > 0 else "down"
    return Change(percent(abs(share)), way, ("bad" if way == bad else "good") if bad and way else "")


def points(now: float | None, before: float | None) -> Change | None:
    """A share against the one before, in percentage points."""
    if now is None or before is None:
        return None
    gap = round((now - before) * 100, 1)
    by = str(_("%(number)s points", number=number(abs(gap))))
    return Change(by, *(("", "") if gap == 0 else ("up", "good") if gap > 0 else ("down", "bad")))


def hour_minute(at: datetime) -> str:
    """`14:05`."""
    return format_datetime(at, "HH:mm", tzinfo=_zone(), locale=get_locale())


def local(at: datetime) -> datetime:
    """In the gateway's time zone."""
    return at.astimezone(_zone())


def weekday(at: datetime) -> str:
    """`Fri 27`."""
    return weekday_of(local(at).date())


def weekday_of(day: date) -> str:
    return format_date(day, "EEE d", locale=get_locale())


def typed_time(at: datetime) -> str:
    """As a field for date and time holds it: `2026-11-27T16:00`, in the gateway's time zone."""
    return local(at).strftime("%Y-%m-%dT%H:%M")


def short_day(at: datetime) -> str:
    """`22 Nov`. Days of the roll-ups are UTC's."""
    return format_date(at, "d MMM", locale=get_locale())


def hour_of_day(at: datetime) -> str:
    """`22 Nov, 14:00`."""
    pattern = "d MMM، HH:mm" if get_locale().language == Language.ARABIC else "d MMM, HH:mm"
    return format_datetime(at, pattern, tzinfo=_zone(), locale=get_locale())


def duration(length: timedelta) -> str:
    """`0.42 s`, `12 s`, `3 min 5 s`, `2 h 4 min`: two units at most."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 60:
        return _unit(round(seconds, 2 if seconds < 10 else 0), "second")
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    large, small = (
        ((hours, "hour"), (minutes % 60, "minute")) if hours else ((minutes, "minute"), (int(seconds) % 60, "second"))
    )
    return " ".join(_unit(value, name) for value, name in (large, small) if value)


def duration_of(seconds: float) -> str:
    return duration(timedelta(seconds=seconds))


def phone(number: str) -> str:
    """A number in groups, or an e-mail address; viewers see its beginning and end only."""
    spaced = numbers.spaced(number)
    if sees_numbers():
        return spaced
    return numbers.masked(number) if emails.is_email(number) else f"{spaced[:7]} •• •• {spaced[-2:]}"


def sees_numbers() -> bool:
    """Whether the visitor may read whole phone numbers."""
    return bool(current_user.may(Role.DESK))


def initials(name: str) -> str:
    return "".join(part[0] for part in name.split()[:2]).upper() or "?"


def span(length: timedelta) -> str:
    """`3 days`, roughly and in one unit."""
    return format_timedelta(length, locale=get_locale(), format="long")


def _unit(value: float, name: str) -> str:
    return format_unit(value, name, length="short", locale=get_locale())


def zone_name() -> str:
    """The visitor's time zone, else the gateway's: the owner's choice, or the machine's."""
    return current_user.timezone or site_zone_name()


def site_zone_name() -> str:
    return current_preferences().timezone or services().settings.timezone


def current_preferences() -> Preferences:
    return site_settings.current_of(services().sessions)


def organisation() -> str:
    return current_preferences().organisation


def _zone() -> tzinfo:
    """Asked for each time on a page, so it is looked up once a request."""
    if "zone" not in g:
        g.zone = get_timezone(zone_name())
    zone: tzinfo = g.zone
    return zone
