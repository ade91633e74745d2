"""Read the tables that people's spreadsheets write: XLSX, and CSV in whatever encoding and with whatever delimiter."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from python_calamine import CalamineError, CalamineWorkbook

from dashboard.sms import numbers

MOST_ROWS = 50_000
MOST_UNPACKED = 64 * 1024 * 1024  # bytes of an XLSX file's parts: a small file may hold very much
LOOKED_AT = 200  # rows, to tell which column holds the numbers
DELIMITERS = ";,\t"
PAIRS = re.compile(rb"[\x80-\xff]{2,}")
HIGH = re.compile(rb"[\x80-\xff]")
QUOTED = re.compile('"[^"]*"')
BLANKS = re.compile("[\\s\u00a0\u202f\u200e\u200f\ufeff.()-]+")  # people write them into numbers


class UnreadableTable(ValueError):
    """`code` says why: not_a_table, no_numbers, too_many_rows."""

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
    lines = _spreadsheet(data) if data.startswith(b"PK") else _csv(data)
    rows = [(place, cells) for place, cells in enumerate(lines, 1) if any(cells)]
    if not rows:
        raise UnreadableTable("not_a_table")
    has_head = not any(map(phone_of, rows[0][1]))
    head, rows = (rows[0][1], rows[1:]) if has_head else ([], rows)
    width = max((len(cells) for _, cells in rows), default=0)
    hits = [sum(bool(phone_of(cell(cells, place))) for _, cells in rows[:LOOKED_AT]) for place in range(width)]
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


def decode(data: bytes) -> str:
    """A text in the encoding that it most likely has; raise UnreadableTable.

    Windows writes French in cp1252 and Arabic in cp1256. Both take any byte: what tells them apart is that Arabic
    letters stand beside each other, and French ones with accents alone.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return _decoded(data, encoding)
    sample = data[:4_000]
    if sample.count(0) > len(sample) // 4:  # every other byte of plain letters
        return _decoded(data, "utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be")
    if 0 in data:
        raise UnreadableTable("not_a_table")
    try:
        return data.decode()
    except UnicodeDecodeError:
        paired = sum(map(len, PAIRS.findall(data)))
        return data.decode("cp1256" if 2 * paired > len(HIGH.findall(data)) else "cp1252", "replace")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableTable("not_a_table") from None


def _csv(data: bytes) -> list[list[str]]:
    text = decode(data)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lower().startswith("sep=") and len(first) == len("sep=;"):  # Excel's own word for it
        delimiter, text = first[-1], text.partition("\n")[2]
    else:
        delimiter = max(DELIMITERS, key=QUOTED.sub("", first).count)
    try:
        return [
            [value.strip() for value in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        ]
    except csv.Error:
        raise UnreadableTable("not_a_table") from None


def _spreadsheet(data: bytes) -> list[list[str]]:
    """The first sheet."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
                raise UnreadableTable("too_many_rows")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        return [[_plain(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, zipfile.BadZipFile, IndexError, OSError):
        raise UnreadableTable("not_a_table") from None


def _plain(value: object) -> str:
    """A cell as people read it: a number without decimals has no point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value).strip()
