"""The audit log as a file: CSV for people, JSON lines for programs, each with all that a hash covers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from dashboard.gateway import spreadsheets
from dashboard.gateway.audit.chain import ChainEntry, iso_exact


def lines(kind: str, entries: Iterable[ChainEntry]) -> Iterator[str]:
    """The file line by line; `kind` is csv or jsonl."""
    if kind == "csv":
        yield "\ufeff" + _csv(ChainEntry._fields)
    for entry in entries:
        if kind == "csv":
            yield _csv(str(value) for value in entry._replace(at=iso_exact(entry.at)))  # type: ignore[arg-type]
        else:
            yield json.dumps(entry.row(), ensure_ascii=False) + "\n"


def _csv(cells: Iterable[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(spreadsheets.safe(cell) for cell in cells)
    return written.getvalue()
