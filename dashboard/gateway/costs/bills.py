"""An operator's bill against what we know: each line is matched by number, day and parts; the rest is differences.

A line matches a text to the same number on the same day, else on the day before or after, since an operator may count
days in another zone, and with the same parts before others. So a difference is never told where some text explains it.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import core_table
from dashboard.gateway import spreadsheets
from dashboard.gateway.costs import prices
from dashboard.models.costs import Charge
from dashboard.models.messages import Message
from dashboard.sms import numbers

LARGEST = 8 * 2**20  # bytes
MOST_UNPACKED = 200 * 2**20  # bytes
MOST_LINES = 200_000
MOST_UNREAD = 100  # kept
HEAD_ROWS = 20  # among which the names of the columns are looked for
DAY = timedelta(days=1)
COLUMNS = ("reason", "line", "day", "number", "billed_parts", "our_parts", "billed", "ours", "disputed")
NAMES = {
    "phone": (
        "numero",
        "msisdn",
        "destinataire",
        "destination",
        "phone",
        "number",
        "telephone",
        "mobile",
        "رقم",
        "المستلم",
    ),
    "day": ("date", "jour", "day", "horodatage", "timestamp", "تاريخ", "اليوم"),
    "parts": ("segment", "part", "nombre", "quantite", "nb", "count", "units", "مقاطع", "عدد"),
    "amount": ("montant", "prix", "cout", "amount", "price", "cost", "total", "مبلغ", "سعر"),
}
ISO_DAY = re.compile(r"(20\d\d)[-/.]?(\d\d)[-/.]?(\d\d)(?:[ T].*)?")
LOCAL_DAY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](20\d\d)(?:[ T].*)?")
_CHARGES, _MESSAGES = core_table(Charge).c, core_table(Message).c


class Reason(StrEnum):
    """Why a line of a bill and our texts differ."""

    NOT_SENT = "not_sent"  # nothing was sent to this number then
    TOO_OFTEN = "too_often"  # it was billed more often than sent
    PARTS = "parts"
    PRICE = "price"
    NOT_REFUNDED = "not_refunded"  # it failed, and the carrier gives such prices back
    NOT_BILLED = "not_billed"


class NoColumns(ValueError):
    """The file has no column of numbers, or none of days: `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True)
class Line:
    """A line of a bill. `amount` is 1/10,000 MRU for all its parts; None where the bill does not tell."""

    number: int  # in the file, from 1
    day: date
    phone: str
    parts: int = 1
    amount: int | None = None


@dataclass(frozen=True)
class Bill:
    """What could be read of a file, and the first of the lines that could not."""

    lines: list[Line]
    unread: list[tuple[int, str]] = field(default_factory=list)
    unread_count: int = 0


@dataclass(frozen=True)
class Ours:
    """A text that the carrier took, as charged."""

    day: date
    phone: str
    parts: int
    cost: int | None
    is_given_back: bool


@dataclass(frozen=True)
class BillDifference:
    """A line without a text, a text without a line, or a pair that does not agree. Money is 1/10,000 MRU.

    `disputed` is what is billed too much; None where neither the bill nor a price tells.
    """

    reason: Reason
    line: Line | None
    ours: Ours | None
    disputed: int | None


@dataclass(frozen=True)
class Comparison:
    """A bill beside our texts of its days."""

    carrier: str
    first: date
    last: date
    lines: int
    matched: int  # lines that agree in everything
    differences: list[BillDifference]
    cut_numbers: int  # texts whose numbers are no longer kept, which nothing can be matched with

    @property
    def counts(self) -> Counter[Reason]:
        return Counter(one.reason for one in self.differences)

    @property
    def disputed(self) -> Counter[Reason]:
        """What is billed too much, by reason."""
        found: Counter[Reason] = Counter()
        for one in self.differences:
            found[one.reason] += one.disputed or 0
        return found


def read(data: bytes) -> Bill:
    """The lines of a spreadsheet, its columns in any order; raise Unreadable or NoColumns."""
    rows = spreadsheets.rows(data, MOST_LINES, MOST_UNPACKED)
    start, places = _places([row for _, row in rows])
    lines: list[Line] = []
    unread: list[tuple[int, str]] = []
    count = 0
    for number, row in rows[start:]:
        line = _line(number, row, places)
        if line is not None:
            lines.append(line)
            continue
        count += 1
        if len(unread) < MOST_UNREAD:
            unread.append((number, " ".join(row)[:80]))
    if not lines:
        raise NoColumns("phone")
    return Bill(lines, unread, count)


def compare(
    session: Session, carrier: str, lines: Sequence[Line], period: tuple[date, date] | None = None
) -> Comparison:
    """Hold a bill against what this carrier took on its days, or from the first to the last day of the period that it
    is for. There is at least one line.
    """
    first, last = period or (min(line.day for line in lines), max(line.day for line in lines))
    taken = list(_ours(session, carrier, first - DAY, last + DAY))
    texts = [one for one in taken if numbers.of_carrier(one.phone)]
    by_phone: dict[str, tuple[list[Line], list[Ours]]] = defaultdict(lambda: ([], []))
    for line in lines:
        by_phone[line.phone][0].append(line)
    for one in texts:
        by_phone[one.phone][1].append(one)
    table, differences, matched = prices.read(session), list[BillDifference](), 0
    for phone in sorted(by_phone):
        billed, sent = by_phone[phone]
        pairs, lines_left, texts_left = _match(billed, sent)
        found = [BillDifference(*one) for one in _told(pairs, lines_left, texts_left, sent, table, carrier)]
        differences += [one for one in found if one.line or (one.ours and first <= one.ours.day <= last)]
        matched += len(billed) - sum(one.line is not None for one in found)
    differences.sort(key=lambda one: (list(Reason).index(one.reason), one.line.number if one.line else 0))
    return Comparison(carrier, first, last, len(lines), matched, differences, len(taken) - len(texts))


def lines_of(comparison: Comparison) -> Iterator[str]:
    """The differences as CSV; money in MRU, exact."""
    yield "\ufeff" + _csv(COLUMNS)
    for one in comparison.differences:
        line, ours = one.line, one.ours
        subject = line or ours
        yield _csv(
            (
                one.reason,
                str(line.number) if line else "",
                subject.day.isoformat() if subject else "",
                subject.phone.removeprefix("+") if subject else "",
                str(line.parts) if line else "",
                str(ours.parts) if ours else "",
                _plain(line.amount if line else None),
                _plain(ours.cost if ours else None),
                _plain(one.disputed),
            )
        )


def _ours(session: Session, carrier: str, first: date, last: date) -> Iterator[Ours]:
    start = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last + DAY, time.min, UTC)
    query = (
        select(_CHARGES.taken_at, _CHARGES.segments, _CHARGES.cost, _CHARGES.is_failed, _CHARGES.is_refunded)
        .add_columns(_MESSAGES.phone)
        .join_from(core_table(Charge), core_table(Message), _MESSAGES.id == _CHARGES.message_id)
        .where(_CHARGES.carrier == carrier, _CHARGES.taken_at >= start, _CHARGES.taken_at < end)
    )
    for row in session.execute(query):
        yield Ours(row.taken_at.date(), row.phone, row.segments, row.cost, row.is_failed and row.is_refunded)


def _match(billed: list[Line], sent: list[Ours]) -> tuple[list[tuple[Line, Ours]], list[Line], list[Ours]]:
    """Pairs, and what is left of both. The closest first: of equals, a text that is to be paid before another."""
    lines = sorted(billed, key=lambda line: (line.day, line.number))
    texts = sorted(sent, key=lambda one: (one.is_given_back, one.day))
    pairs: list[tuple[Line, Ours]] = []
    for days, same_parts in ((0, True), (1, True), (0, False), (1, False)):
        rest: list[Line] = []
        for line in lines:
            fits = (
                place
                for place, one in enumerate(texts)
                if abs((one.day - line.day).days) <= days and (one.parts == line.parts or not same_parts)
            )
            place = next(fits, None)
            if place is None:
                rest.append(line)
            else:
                pairs.append((line, texts.pop(place)))
        lines = rest
    return pairs, lines, texts


def _told(
    pairs: Iterable[tuple[Line, Ours]],
    lines: Iterable[Line],
    texts: Iterable[Ours],
    sent: Sequence[Ours],
    table: prices.PriceTable,
    carrier: str,
) -> Iterator[tuple[Reason, Line | None, Ours | None, int | None]]:
    """What does not agree of one number's lines and texts."""
    for line, one in pairs:
        if one.is_given_back:
            yield Reason.NOT_REFUNDED, line, one, one.cost if line.amount is None else line.amount
        elif line.parts != one.parts:
            yield Reason.PARTS, line, one, _parts_disputed(line, one)
        elif None not in (line.amount, one.cost) and line.amount != one.cost:
            yield Reason.PRICE, line, one, (line.amount or 0) - (one.cost or 0)
    for line in lines:
        near = any(abs((one.day - line.day).days) <= 1 for one in sent)
        rate = table.find(carrier, "sms", line.phone[4], line.day)
        billed = line.amount if line.amount is not None else rate.amount * line.parts if rate else None
        yield Reason.TOO_OFTEN if near else Reason.NOT_SENT, line, None, billed
    for one in texts:
        if not one.is_given_back:
            yield Reason.NOT_BILLED, None, one, None


def _parts_disputed(line: Line, one: Ours) -> int | None:
    if one.cost is None:
        return None
    return (one.cost // one.parts * line.parts if line.amount is None else line.amount) - one.cost


def _places(rows: Sequence[Sequence[str]]) -> tuple[int, dict[str, int]]:
    """Where the lines begin, and which column holds what: by its name, else by what stands in it; raise NoColumns."""
    for number, row in enumerate(rows[:HEAD_ROWS]):
        names = [_folded(cell) for cell in row]
        places: dict[str, int] = {}
        for what, words in NAMES.items():
            place = next((i for i, name in enumerate(names) if any(word in name for word in words)), None)
            if place is not None and place not in places.values():
                places[what] = place
        if {"phone", "day"} <= places.keys():
            return number + 1, places
    tests: dict[str, Callable[[str], object]] = {"phone": numbers.of_carrier, "day": _day}
    found = {what: _column(rows, is_right) for what, is_right in tests.items()}
    for what, place in found.items():
        if place is None:
            raise NoColumns(what)
    return 0, {what: place for what, place in found.items() if place is not None}


def _column(rows: Sequence[Sequence[str]], is_right: Callable[[str], object]) -> int | None:
    """The column in most of whose first cells the right thing stands."""
    sample = rows[:200]
    hits = Counter(place for row in sample for place, cell in enumerate(row) if is_right(cell))
    place, count = hits.most_common(1)[0] if hits else (None, 0)
    return place if count * 2 > len(sample) else None


def _line(number: int, row: Sequence[str], places: dict[str, int]) -> Line | None:
    cells = {what: row[place].strip() if place < len(row) else "" for what, place in places.items()}
    phone = numbers.of_carrier(re.sub(r"[\s.\-()\u00a0\u202f]", "", cells["phone"]))
    day = _day(cells["day"])
    parts = cells.get("parts") or "1"
    if not phone or day is None or not re.fullmatch(r"[1-9][0-9]{0,2}", parts):
        return None
    try:
        amount = _amount(cells["amount"]) if cells.get("amount") else None
    except ValueError:
        return None
    return Line(number, day, phone, int(parts), amount)


def _amount(text: str) -> int:
    """1/10,000 MRU; raise ValueError."""
    return prices.parse(re.sub(r"[\s\u00a0\u202f]|MRU|UM", "", text), 1_000_000 * prices.UNITS)


def _day(text: str) -> date | None:
    iso, local = ISO_DAY.fullmatch(text.strip()), LOCAL_DAY.fullmatch(text.strip())
    try:
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        return date(int(local[3]), int(local[2]), int(local[1])) if local else None
    except ValueError:
        return None


def _folded(name: str) -> str:
    """A name without accents and capitals."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def _plain(amount: int | None) -> str:
    return "" if amount is None else prices.plain(amount)


def _csv(cells: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(
        [spreadsheets.safe(cell) if not cell.lstrip("-")[:1].isdigit() else cell for cell in cells]
    )
    return written.getvalue()
