"""Read what was typed into a field: its meaning, or a Fault that says in the reader's words what is wrong with it."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from dashboard.db import utcnow
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import NotSearchable
from dashboard.gateway.otp.template_rules import LONGEST_BRAND
from dashboard.pages.ui import formats
from dashboard.sms import emails, senders

LONGEST_NAME = 80
MOST_NETWORKS = 20
HIGHEST_CAP = 1_000_000
LONGEST_LIFE = timedelta(days=3660)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")


class Fault(ValueError):
    """A field breaks a rule; the message says which, and how to put it right."""


def one_line(text: str) -> str:
    """A name: not blank, at most 80 characters; raise Fault."""
    name = " ".join(text.split(" ")).strip()
    if not name:
        raise Fault(_("Give it a name, such as the app that will use it."))
    if len(name) > LONGEST_NAME or UNPRINTABLE.search(name):
        raise Fault(_("Most characters, on one line: %(most)d.", most=LONGEST_NAME))
    return name


def words(text: str, most: int) -> str:
    """A line of at most so many characters, or nothing; raise Fault."""
    line = " ".join(text.split())
    if len(line) > most or UNPRINTABLE.search(line):
        raise Fault(_("Most characters, on one line: %(most)d.", most=most))
    return line


def whole(text: str) -> int | None:
    """The number that up to 18 ASCII digits write; None for anything else, however long."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def cap(text: str) -> int | None:
    """A whole number of a day, or nothing; raise Fault."""
    plain = re.sub(r"[\s\u202f\u00a0]", "", text)
    if not plain:
        return None
    number = whole(plain)
    if number is None or not 1 <= number <= HIGHEST_CAP:
        raise Fault(_("Enter a whole number from 1 to %(most)s, or leave it empty.", most=formats.number(HIGHEST_CAP)))
    return number


def brand(text: str) -> str | None:
    """What stands for {brand} in the texts of codes, or nothing; raise Fault."""
    name = " ".join(text.split(" ")).strip()
    if len(name) > LONGEST_BRAND or UNPRINTABLE.search(name):
        raise Fault(_("Most characters, on one line: %(most)d.", most=LONGEST_BRAND))
    if re.search(r"[{}]", name):
        raise Fault(_("The brand may hold no braces."))
    return name or None


def sender(text: str) -> str | None:
    """What phones show as the sender, or nothing; raise Fault."""
    if text.strip() and not senders.is_sender(text.strip()):
        raise Fault(_("Use up to 11 letters and digits, or a number."))
    return text.strip() or None


def networks(text: str) -> tuple[str, ...]:
    """Addresses and CIDR ranges, one a line or separated by commas; raise Fault."""
    given = [part for part in re.split(r"[\s,;]+", text) if part]
    if len(given) > MOST_NETWORKS:
        raise Fault(_("Most networks: %(most)d.", most=MOST_NETWORKS))
    return tuple(dict.fromkeys(_network(part) for part in given))


def end_of_day(text: str) -> datetime | None:
    """`2026-12-31` → the end of that day in the gateway's time zone; raise Fault."""
    if not text.strip():
        return None
    try:
        last = date.fromisoformat(text.strip())
        end = datetime.combine(last, time.max.replace(microsecond=0), ZoneInfo(formats.zone_name()))
        end = end.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Fault(_("Enter a date, such as 2027-06-30.")) from None
    if not utcnow() < end < utcnow() + LONGEST_LIFE:
        raise Fault(_("Choose a day from today on, within ten years."))
    return end


def local_time(text: str) -> datetime | None:
    """`2026-11-27T16:00` in the gateway's time zone; None when it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=ZoneInfo(formats.zone_name())).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def last_day(end: datetime | None) -> str:
    """As `end_of_day` reads it."""
    return end.astimezone(ZoneInfo(formats.zone_name())).date().isoformat() if end else ""


def phone_number(text: str) -> str:
    """Any accepted form of a Mauritanian number, spaced or not → `+222XXXXXXXX`; raise Fault."""
    found = _sought(text)
    if not found or emails.is_email(found):
        raise Fault(_("Enter a Mauritanian number of eight digits, such as 38 08 93 36."))
    return found


def email(text: str) -> str:
    """An e-mail address, as it is kept; raise Fault."""
    found = _sought(text)
    if not emails.is_email(found):
        raise Fault(_("Enter an e-mail address, such as name@example.org."))
    return found


def recipient(text: str) -> str:
    """A number or an e-mail address, as it is kept; raise Fault."""
    found = _sought(text)
    if not found:
        raise Fault(_("Enter a Mauritanian number of eight digits, such as 38 08 93 36, or an e-mail address."))
    return found


def _sought(text: str) -> str:
    """What a search box would understand of it; empty for what is neither number nor address."""
    try:
        return search.sought(text).phone or ""
    except NotSearchable:
        return ""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        shown = text[:43]
        raise Fault(_("“%(text)s” is not an IP address or range, such as 41.138.0.0/16.", text=shown)) from None
