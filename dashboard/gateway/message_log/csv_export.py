"""The message log as CSV, made in pieces of 500 messages so that a long one needs little memory. Never a code."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from dashboard import db
from dashboard.db import Sessions, read_session
from dashboard.gateway import spreadsheets
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.sms import numbers

PIECE = 500  # messages
MOST = 1_000_000  # messages in one file
BYTE_ORDER_MARK = "\ufeff"  # without it, spreadsheets read UTF-8 as something else
COLUMNS = (
    "id",
    "created_at",
    "phone",
    "operator",
    "key",
    "kind",
    "channel",
    "status",
    "error",
    "carrier",
    "encoding",
    "segments",
    "sent_at",
    "delivered_at",
    "text",
)


def pieces(sessions: Sessions, filters: Filters | None, shown_phone: Callable[[str], str]) -> Iterator[str]:
    """The file in pieces, newest message first; `shown_phone` writes a number as its reader may see it."""
    yield BYTE_ORDER_MARK + _lines([COLUMNS])
    before, left = None, MOST
    while filters is not None and left > 0:
        with read_session(sessions) as session:  # one for each piece: a slow reader holds no transaction open
            rows = search.page(session, filters, before, min(PIECE, left))
            otps = search.otps_of(session, rows)
            lines = _lines([_cells(row, otps.get(row.id), shown_phone) for row in rows])
        if not rows:
            return
        before, left = rows[-1].id, left - len(rows)
        yield lines


def _cells(row: Message, otp: Otp | None, shown_phone: Callable[[str], str]) -> list[str]:
    return [
        row.uuid,
        db.iso(row.created_at) or "",
        shown_phone(row.phone),
        numbers.operator(row.phone),
        row.key.name,
        row.kind,
        row.channel,
        row.status,
        row.error_code or "",
        row.carrier or "",
        row.encoding,
        str(row.segments),
        db.iso(row.sent_at) or "",
        db.iso(row.delivered_at) or "",
        search.shown_text(row, otp) or "",
    ]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([[spreadsheets.safe(cell) for cell in row] for row in rows])
    return file.getvalue()
