"""Files of spreadsheets: cells that are safe to write, and the rows of files that people give us."""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from functools import reduce

from python_calamine import CalamineError, CalamineWorkbook

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # XLSX begins with the one; XLS, which is not read, with the other
MOST_CELLS = 4_000_000  # 50,000 rows of 80 columns
PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})(\d{1,10})["']""")  # of a cell (ECMA-376, part 1, 18.3.1.4)
DELIMITERS = (";", ",", "\t", "|")
NAMED_DELIMITER = re.compile(r'sep=([^"\r\n])(?:\r\n?|\n|$)', re.IGNORECASE)  # a first line that Excel understands
HEAD = 10_000  # characters, to tell the delimiter
PAIRS = re.compile(rb"[\x80-\xff]{2,}")
HIGH = re.compile(rb"[\x80-\xff]")
QUOTED = re.compile('"[^"]*"')
RISKY = ("=", "+", "-", "@", "\t", "\r", "\0")  # spreadsheets take a cell that begins so for a formula


def safe(cell: str) -> str:
    """A cell that a spreadsheet takes for text."""
    return "'" + cell if cell.startswith(RISKY) else cell


class Unreadable(ValueError):
    """The file is neither CSV nor a spreadsheet that can be opened, or holds too much: `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code  # empty, broken, too_large


def rows(data: bytes, most: int, most_unpacked: int) -> list[tuple[int, list[str]]]:
    """The rows in which something stands, each with its place in the file, from 1; raise Unreadable.

    The file is CSV, or XLSX, whose first sheet is read. It may hold up to `most` such rows and, where it is packed,
    `most_unpacked` bytes: a small file may hold very much. Dates are `2026-10-05` or `2026-10-05T12:30:00`,
    whole numbers have no point. A first line `sep=;` of CSV names the delimiter. It is not counted, since spreadsheets
    do not show it.
    """
    found: list[tuple[int, list[str]]] = []
    if data.startswith(OLE):
        raise Unreadable("broken")
    for place, cells in enumerate(_sheet(data, most_unpacked) if data.startswith(ZIP) else _csv(data), 1):
        if any(cells):
            if len(found) >= most:
                raise Unreadable("too_large")
            found.append((place, cells))
    if not found:
        raise Unreadable("empty")
    return found


def _sheet(data: bytes, most_unpacked: int) -> Iterator[list[str]]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(_unpacked(data, most_unpacked)))
        sheet = workbook.get_sheet_by_index(0)
    except Unreadable:
        raise
    except (CalamineError, zipfile.BadZipFile, NotImplementedError, LookupError, OSError, ValueError, zlib.error):
        raise Unreadable("broken") from None
    left_empty = [""] * (sheet.start[1] if sheet.start else 0)  # columns, which calamine leaves out
    return (left_empty + [_plain(value) for value in row] for row in sheet.iter_rows())


def _unpacked(data: bytes, most: int) -> bytes:
    """The same workbook with nothing compressed; raise Unreadable where it, or a sheet's rectangle, is too large.

    calamine believes the sizes that a file names, and makes room for every cell between the outermost two.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(written, "w") as unpacked:
        if sum(part.file_size for part in packed.infolist()) > most:
            raise Unreadable("too_large")
        for part in packed.infolist():
            content = packed.read(part)
            if part.filename.startswith("xl/worksheets/") and _cells(content) > MOST_CELLS:
                raise Unreadable("too_large")
            unpacked.writestr(part.filename, content)
        if "xl/workbook.xml" not in packed.namelist():
            raise Unreadable("broken")
    return written.getvalue()


def _cells(sheet: bytes) -> int:
    """How many cells lie in the rectangle that holds all cells of a sheet, as its XML names them."""
    places = {(found[1].upper(), int(found[2])) for found in PLACE.finditer(sheet)}
    columns = [reduce(lambda number, letter: number * 26 + letter - ord("@"), name, 0) for name, _ in places]
    lines = [line for _, line in places]
    return (max(columns) - min(columns) + 1) * (max(lines) - min(lines) + 1) if places else 0


def _csv(data: bytes) -> Iterator[list[str]]:
    text = _decoded(data)
    if "\0" in text:
        raise Unreadable("broken")
    if named := NAMED_DELIMITER.match(text):
        delimiter, text = named[1], text[named.end() :]
    else:
        delimiter = _delimiter(text[:HEAD])
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            yield [cell.strip() for cell in row]
    except csv.Error:
        raise Unreadable("broken") from None


def _delimiter(head: str) -> str:
    """What stands in the most lines: a name or a text may hold commas too, but not in every line."""
    bare = QUOTED.sub("", head)
    lines = bare.splitlines()
    return max(DELIMITERS, key=lambda one: (sum(one in line for line in lines), bare.count(one)))


def _decoded(data: bytes) -> str:
    """A text in the encoding that it most likely has; raise Unreadable.

    Windows writes French in cp1252 and Arabic in cp1256. Both take any byte: what tells them apart is that Arabic
    letters stand beside each other, and French ones with accents alone.
    """
    sample = data[:4_000]
    try:
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        if sample.count(0) > len(sample) // 4:  # every other byte of plain letters
            return data.decode("utf-16-le" if sample[1::2].count(0) >= sample[::2].count(0) else "utf-16-be")
    except UnicodeDecodeError:
        raise Unreadable("broken") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        paired = sum(map(len, PAIRS.findall(data)))
        return data.decode("cp1256" if 2 * paired > len(HIGH.findall(data)) else "cp1252", "replace")


def _plain(value: object) -> str:
    """A cell as people read it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value).strip()
