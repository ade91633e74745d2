"""The numbers that a person looked up last, so that the next call begins where the last one ended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.db import execute_dml
from dashboard.models.diagnosis import NumberLookup
from dashboard.vocabulary import Side

MOST = 10


def remember(session: Session, person: str, phone: str, side: Side) -> None:
    """Put a number on top of a person's list, which keeps the newest MOST. The caller commits."""
    execute_dml(session, delete(NumberLookup).where(NumberLookup.person == person, NumberLookup.phone == phone))
    session.add(NumberLookup(person=person, phone=phone, side=side))
    session.flush()
    newest = select(NumberLookup.id).where(NumberLookup.person == person).order_by(NumberLookup.id.desc()).limit(MOST)
    oldest = session.scalars(newest).all()[-1]
    execute_dml(session, delete(NumberLookup).where(NumberLookup.person == person, NumberLookup.id < oldest))


def latest(session: Session, person: str) -> Sequence[NumberLookup]:
    """A person's list, newest first."""
    query = select(NumberLookup).where(NumberLookup.person == person).order_by(NumberLookup.id.desc())
    return session.scalars(query.limit(MOST)).all()
