"""The table of recipients that a spreadsheet holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.gateway import spreadsheets
from dashboard.gateway.spreadsheets import Unreadable
from dashboard.sms import numbers

MOST_ROWS = 50_000
MOST_UNPACKED = 64 * 1024 * 1024  # bytes
LOOKED_AT = 200  # rows, to tell which column holds the numbers
BLANKS = re.compile("[\\s\u00a0\u202f\u200e\u200f\ufeff.()-]+")  # people write them into numbers
DATE = re.compile(r"(19|20)\d\d-[01]\d-[0-3]\d.*")  # eight digits, too, of which the year may begin like a number
CODES = {"empty": "not_a_table", "broken": "not_a_table", "too_large": "too_many_rows"}  # of Unreadable


class UnreadableTable(ValueError):
    """`code` says why: not_a_table, no_numbers, too_many_rows, too_many_columns, nobody."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class RecipientTable:
    """The columns by name, which of them holds the numbers, and the rows, each with its place in the file, from 1."""

    columns: tuple[str, ...]
    phone_column: int
    rows: tuple[tuple[int, Sequence[str]], ...]


def read(data: bytes) -> RecipientTable:
    """The table of a file; raise UnreadableTable. The first row names the columns, unless it holds a number."""
    try:
        rows = spreadsheets.rows(data, MOST_ROWS + 1, MOST_UNPACKED)
    except Unreadable as fault:
        raise UnreadableTable(CODES[fault.code]) from None
    has_head = not any(map(_is_phone, rows[0][1]))
    head, rows = (rows[0][1], rows[1:]) if has_head else ([], rows)
    width = max((len(cells) for _, cells in rows), default=0)
    hits = [sum(_is_phone(cell(cells, place)) for _, cells in rows[:LOOKED_AT]) for place in range(width)]
    if not any(hits):
        raise UnreadableTable("no_numbers")
    if len(rows) > MOST_ROWS:
        raise UnreadableTable("too_many_rows")
    names = tuple(cell(head, place) or f"{place + 1}" for place in range(max(width, len(head))))
    return RecipientTable(names, hits.index(max(hits)), tuple(rows))


def cell(cells: Sequence[str], place: int) -> str:
    """What stands there; nothing where the row is shorter."""
    return cells[place] if place < len(cells) else ""


def phone_of(text: str) -> str:
    """+222XXXXXXXX out of a cell, however it is spaced; empty where it holds no number of this country."""
    return numbers.of_carrier(BLANKS.sub("", text)) if len(text) <= len("+222") * 10 else ""


def _is_phone(text: str) -> bool:
    return bool(phone_of(text)) and not DATE.fullmatch(text)
