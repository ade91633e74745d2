"""An operator's bill is held against what was sent: planted errors are all found, and none is invented."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import pytest

from dashboard.db import Sessions, core_table
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.costs import bills
from dashboard.gateway.costs.bills import Line, NoColumns, Reason
from dashboard.gateway.spreadsheets import Unreadable
from dashboard.models.costs import Charge
from dashboard.models.messages import Message
from tests.support import workbooks

FIRST = date(2026, 10, 1)
PRICE = 3_200
# One comparison is the proof that PostgreSQL answers as SQLite does; what it is compared with is made in this process.
SEEDS = [*(("sqlite", seed) for seed in range(5)), ("postgresql", 5)]
MANY_ON_SQLITE = pytest.mark.parametrize(("database", "seed"), SEEDS, indirect=["database"])


def phone(number: int) -> str:
    return f"+2223800{number:04d}"


def send(sessions: Sessions, texts: Sequence[tuple[date, str, int, bool]]) -> list[Line]:
    """Texts that the carrier took: day, number, parts, whether it failed and is given back. Return the right bill."""
    with sessions.begin() as session:
        key, _secret = keys.create(session, NewKey("Shop"))
        session.flush()
        for number, (day, to, parts, given_back) in enumerate(texts, 1):
            at = datetime.combine(day, time(12, 0), UTC)
            message = {"id": number, "uuid": f"{number:036d}", "key_id": key.id, "kind": "message", "channel": "sms"}
            message |= {"phone": to, "encoding": "gsm7", "segments": parts, "status": "sent", "lane": "sms"}
            message |= {"priority": 1, "attempts": 1, "valid_until": at, "created_at": at}
            session.execute(core_table(Message).insert().values(**message))
            charge = {
                "message_id": number,
                "key_id": key.id,
                "carrier": "mauritel",
                "operator": to[4],
                "channel": "sms",
            }
            charge |= {"segments": parts, "is_ucs2": False, "wasted": 0, "cost": PRICE * parts, "taken_at": at}
            charge |= {"is_refunded": True, "is_failed": given_back}
            session.execute(core_table(Charge).insert().values(**charge))
    return [
        Line(n, day, to, parts, PRICE * parts)
        for n, (day, to, parts, given_back) in enumerate(texts, 1)
        if not given_back
    ]


def found(sessions: Sessions, lines: Sequence[Line]) -> tuple[Counter[Reason], bills.Comparison]:
    with sessions() as session:
        comparison = bills.compare(session, "mauritel", lines)
    return comparison.counts, comparison


def month(random: Random, count: int = 400) -> list[tuple[date, str, int, bool]]:
    """Each number has one text, or several on days far apart or the same: as a month looks."""
    days = [FIRST + timedelta(days=random.randrange(31)) for _ in range(count)]
    return [
        (day, phone(random.randrange(count // 2)), random.choice((1, 1, 1, 2, 3)), random.random() < 0.1)
        for day in days
    ]


@MANY_ON_SQLITE
def test_a_right_bill_has_no_difference(sessions: Sessions, seed: int) -> None:
    random = Random(seed)
    lines = send(sessions, month(random))
    random.shuffle(lines)
    counts, comparison = found(sessions, lines)
    assert counts == {} and comparison.matched == comparison.lines == len(lines)


@MANY_ON_SQLITE
def test_planted_errors_are_all_found_and_none_is_invented(sessions: Sessions, seed: int) -> None:
    random = Random(100 + seed)
    texts = [
        (FIRST + timedelta(days=random.randrange(31)), phone(n), random.choice((1, 2)), n % 20 == 0) for n in range(400)
    ]
    lines = send(sessions, texts)
    for place in range(7):  # each on a line of its own
        line = lines[place * 9]
        lines[place * 9] = replace(line, parts=line.parts + 1, amount=PRICE * (line.parts + 1))
        lines[place * 9 + 1] = replace(lines[place * 9 + 1], amount=PRICE * lines[place * 9 + 1].parts + 1)
    extra = [replace(line, number=1_000 + n) for n, line in enumerate(lines[100:105])]
    ghosts = [Line(2_000 + n, FIRST + timedelta(days=n), phone(9_000 + n), 1, PRICE) for n in range(4)]
    failed = [Line(3_000 + n, day, to, parts, PRICE * parts) for n, (day, to, parts, back) in enumerate(texts) if back][
        :3
    ]
    missing = lines[200:206]
    del lines[200:206]
    bill = [*lines, *extra, *ghosts, *failed]
    random.shuffle(bill)
    counts, comparison = found(sessions, bill)
    assert counts == {
        "parts": 7,
        "price": 7,
        "too_often": 5,
        "not_sent": 4,
        "not_refunded": 3,
        "not_billed": len(missing),
    }
    disputed = comparison.disputed
    assert (disputed[Reason.PARTS], disputed[Reason.PRICE], disputed[Reason.NOT_SENT]) == (7 * PRICE, 7, 4 * PRICE)
    assert {one.line.number for one in comparison.differences if one.line and one.reason == "not_sent"} == {
        ghost.number for ghost in ghosts
    }
    told = list(csv.DictReader(io.StringIO("".join(bills.lines_of(comparison)).removeprefix("\ufeff"))))
    assert Counter(row["reason"] for row in told) == counts and told[0]["number"].startswith("2223800")


def test_a_text_of_midnight_may_be_billed_on_the_next_day(sessions: Sessions) -> None:
    lines = send(sessions, [(FIRST, phone(1), 1, False), (FIRST + timedelta(days=9), phone(2), 1, False)])
    counts, _ = found(sessions, [replace(lines[0], day=FIRST + timedelta(days=1)), lines[1]])
    assert counts == {}


def test_without_amounts_the_price_of_the_day_is_disputed(sessions: Sessions) -> None:
    lines = send(sessions, [(FIRST, phone(1), 2, False)])
    counts, comparison = found(sessions, [replace(lines[0], amount=None, parts=3)])
    assert counts == {"parts": 1} and comparison.disputed[Reason.PARTS] == PRICE


FRENCH = "Facture octobre;;;\n\nDate;Numéro;Nb SMS;Montant\n05/10/2026;38 08 93 36;2;0,64\n05/10/2026;x;1;0,32\n"


@pytest.mark.parametrize(
    "data",
    [
        FRENCH.encode(),
        FRENCH.encode("cp1252"),
        FRENCH.encode("utf-16"),
        b"number,date,parts,amount\n0022238089336,2026-10-05T23:10:00,2,0.64\n,2026-10-05,1,0.32\n",
        "التاريخ\tرقم الهاتف\tعدد المقاطع\tالمبلغ\n2026-10-05\t22238089336\t2\t0.64\nx\ty\tz\tt\n".encode(),
    ],
)
def test_files_are_read_as_people_write_them(data: bytes) -> None:
    bill = bills.read(data)
    (line,) = bill.lines
    assert (line.day, line.phone, line.parts, line.amount) == (date(2026, 10, 5), "+22238089336", 2, 6_400)
    assert bill.unread_count == len(bill.unread) == 1


def test_columns_without_names_are_known_by_what_stands_in_them() -> None:
    (first, _second) = bills.read(b"38089336;2026-10-05\n38089337;2026-10-06\n").lines
    assert (first.phone, first.parts, first.amount) == ("+22238089336", 1, None)


def test_a_spreadsheet_is_read() -> None:
    rows: list[list[str | float]] = [["Date", "Numéro", "Segments", "Montant"], ["2026-10-05", 38089336.0, 2.0, 0.64]]
    (line,) = bills.read(workbooks.xlsx(rows)).lines
    assert (line.phone, line.parts, line.amount) == ("+22238089336", 2, 6_400)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"PK\x03\x04 no zip", "broken"),
        (b"\xd0\xcf\x11\xe0 no workbook", "broken"),
        (b"38089336;2026-10-05\0", "broken"),
        (b"38089336;2026-10-05\n" * 30, "too_large"),
    ],
)
def test_what_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes, code: str) -> None:
    monkeypatch.setattr(bills, "MOST_LINES", 20)
    with pytest.raises(Unreadable) as refused:
        bills.read(data)
    assert refused.value.code == code


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "MOST_UNPACKED", 1_000)
    with pytest.raises(Unreadable, match="too_large"):
        bills.read(workbooks.xlsx([["a" * 2_000]]))


@pytest.mark.parametrize("data", [b"a;b\n1;2\n", b"38089336;x\n38089337;y\n", b"date;numero\n"])
def test_a_file_without_the_columns_is_refused(data: bytes) -> None:
    with pytest.raises(NoColumns):
        bills.read(data)
