"""Files of spreadsheets: cells that are safe to write, and rows of CSV and XLSX that people give us."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from contextlib import suppress
from datetime import date, datetime, time

from python_calamine import CalamineError, CalamineWorkbook, WorksheetNotFound

RISKY = ("=", "+", "-", "@", "\t", "\r", "\0")  # spreadsheets take a cell that begins so for a formula


def safe(cell: str) -> str:
    """A cell that a spreadsheet takes for text."""
    return "'" + cell if cell.startswith(RISKY) else cell


LARGEST_UNPACKED = 200 * 2**20  # bytes
DELIMITERS = (";", ",", "\t", "|")
ENCODINGS = ("utf-8-sig", "cp1252")  # of French and English spreadsheets; cp1252 reads any byte but five


class Unreadable(ValueError):
    """The file is neither CSV nor a spreadsheet that can be opened, or holds too much: `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code  # empty, broken, too_large


def rows(data: bytes, most: int) -> list[list[str]]:
    """The rows of a CSV file or of the first sheet of an XLSX, XLS or ODS file, as text; raise Unreadable.

    Dates are `2026-10-05` or `2026-10-05T12:30:00`, whole numbers have no point.
    """
    if not data.strip():
        raise Unreadable("empty")
    found = _sheet(data, most) if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) else _csv(data, most)
    if not found:
        raise Unreadable("empty")
    return found


def _sheet(data: bytes, most: int) -> list[list[str]]:
    try:
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                if sum(part.file_size for part in packed.infolist()) > LARGEST_UNPACKED:
                    raise Unreadable("too_large")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        if sheet.total_height > most:
            raise Unreadable("too_large")
        return [[_cell(value) for value in row] for row in sheet.to_python()]
    except (CalamineError, WorksheetNotFound, zipfile.BadZipFile, OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("broken") from None


def _csv(data: bytes, most: int) -> list[list[str]]:
    text = _decoded(data)
    if "\0" in text:
        raise Unreadable("broken")
    head = text[:10_000]
    delimiter = max(DELIMITERS, key=head.count)
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter):
            if len(found) >= most:
                raise Unreadable("too_large")
            found.append([cell.strip() for cell in row])
    except csv.Error:
        raise Unreadable("broken") from None
    return found


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    for encoding in ENCODINGS:
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return data.decode("cp1256", "replace")  # of Arabic ones


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time.min:
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value).strip()
