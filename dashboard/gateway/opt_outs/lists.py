"""Lists of numbers as files: read from lines or CSV, written as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from sqlalchemy.orm import Session

from dashboard.db import iso
from dashboard.gateway import spreadsheets
from dashboard.gateway.opt_outs import opt_outs
from dashboard.sms import numbers

COLUMNS = ("phone", "key", "word", "since")
BATCH = 1_000


class BadLine(ValueError):
    """A line that holds no number of this country."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(line)
        self.line = line  # counted from 1
        self.text = text[:30]


def read(text: str) -> list[str]:
    """The numbers of a file, one a line or the first cell of CSV, in any spelling; its head is skipped. Raise BadLine.

    Nothing is half read: one bad line refuses the whole file.
    """
    phones = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        cell = line.replace(";", ",").replace("\t", ",").split(",")[0].strip().strip("\"'").strip()
        if not cell or (number == 1 and cell.casefold() == COLUMNS[0]):
            continue
        phone = numbers.of_carrier("".join(character for character in cell if character not in " -.()\u00a0\u202f"))
        if not phone:
            raise BadLine(number, cell)
        phones.append(phone)
    return phones


def lines(session: Session) -> Iterator[str]:
    """The whole list as CSV, the newest first; without a key it holds for all."""
    yield "\ufeff" + _line(COLUMNS)
    before = None
    while rows := opt_outs.page(session, before=before, most=BATCH):
        for row in rows:
            cells = (row.phone.removeprefix("+"), row.key.name if row.key else "", row.word or "")
            yield _line((*map(spreadsheets.safe, cells), iso(row.created_at) or ""))
        before = rows[-1].id
        session.expunge_all()


def _line(cells: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(cells)
    return written.getvalue()
