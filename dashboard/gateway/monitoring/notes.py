"""Notes on numbers, for whoever answers the next call. They never hold a code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from dashboard.db import execute_dml, utcnow
from dashboard.models.diagnosis import NumberNote

LONGEST = 280  # characters
MOST = 20  # shown
CODE = re.compile(r"\d{6}")  # of any script


class NoteRefused(ValueError):
    """`code` is empty, too_long or digits: six of them in a row may be a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def add(session: Session, phone: str, text: str, by: str) -> NumberNote:
    """Add a note, in one line and without invisible characters; raise NoteRefused. The caller commits."""
    body = " ".join("".join(c for c in text if unicodedata.category(c)[0] != "C" or c.isspace()).split())
    if not body:
        raise NoteRefused("empty")
    if len(body) > LONGEST:
        raise NoteRefused("too_long")
    if CODE.search(body):
        raise NoteRefused("digits")
    note = NumberNote(phone=phone, body=body, created_by=by)
    session.add(note)
    session.flush()
    return note


def of_phone(session: Session, phone: str) -> Sequence[NumberNote]:
    """The notes on a number, newest first."""
    query = select(NumberNote).where(NumberNote.phone == phone, NumberNote.removed_at.is_(None))
    return session.scalars(query.order_by(NumberNote.id.desc()).limit(MOST)).all()


def remove(session: Session, phone: str, note_id: int) -> bool:
    """Take a note off a number; return whether it was there. The caller commits."""
    return _set_removed(session, phone, note_id, NumberNote.removed_at.is_(None), utcnow())


def restore(session: Session, phone: str, note_id: int) -> bool:
    """Bring a removed note back; return whether it was removed. The caller commits."""
    return _set_removed(session, phone, note_id, NumberNote.removed_at.is_not(None), None)


def _set_removed(session: Session, phone: str, note_id: int, now_is: ColumnElement[bool], to: datetime | None) -> bool:
    found = update(NumberNote).where(NumberNote.id == note_id, NumberNote.phone == phone, now_is)
    return execute_dml(session, found.values(removed_at=to)) == 1
