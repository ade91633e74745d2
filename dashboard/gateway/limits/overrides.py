"""Overrides of the limits, as administrators set them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session, joinedload

from dashboard.db import execute_dml, lock, utcnow
from dashboard.models.limits import LimitOverride
from dashboard.sms import numbers
from dashboard.vocabulary import Window


class AlreadySet(Exception):
    """This subject has an override already: change that one."""

    def __init__(self, override_id: int) -> None:
        super().__init__(override_id)
        self.override_id = override_id


@dataclass(frozen=True)
class NewOverride:
    """An override as a form or command gives it. A window is a number, UNLIMITED, or None: inherited."""

    key_id: str | None
    phone: str | None
    minute: int | None = None
    hour: int | None = None
    day: int | None = None
    reason: str = ""
    until: datetime | None = None


def save(session: Session, wanted: NewOverride, created_by: str | None = None) -> LimitOverride:
    """Set the override of a key, a phone or both; it replaces the one that was there."""
    clear(session, wanted.key_id, wanted.phone)
    row = LimitOverride(**vars(wanted), created_by=created_by)
    session.add(row)
    session.flush()
    return row


def told(phone: str | None, key_id: str | None) -> str:
    """Whom an override is for, as the audit log keeps it for good: without the middle of the number."""
    return " ".join(part for part in (phone and numbers.masked(phone), key_id) if part)


def add(session: Session, wanted: NewOverride, created_by: str | None = None) -> LimitOverride:
    """Make an override for a subject that has none, or none that has not ended; raise AlreadySet."""
    lock(session, f"override:{wanted.key_id}:{wanted.phone}")
    there = find_for(session, wanted.key_id, wanted.phone)
    if there is not None and is_in_force(there):
        raise AlreadySet(there.id)
    return save(session, wanted, created_by)


def alter(session: Session, row: LimitOverride, wanted: NewOverride, by: str | None = None) -> None:
    """Change what an override says; whom it is for stays."""
    for name in (*Window, "reason", "until"):
        setattr(row, name, getattr(wanted, name))
    row.created_by, row.created_at = by, utcnow()
    session.flush()


def clear(session: Session, key_id: str | None, phone: str | None) -> int:
    """Remove the override of exactly this subject; return how many went."""
    return execute_dml(session, delete(LimitOverride).where(*_subject(key_id, phone)))


def find_for(session: Session, key_id: str | None, phone: str | None) -> LimitOverride | None:
    """The override of exactly this subject, ended or not."""
    return session.scalar(
        select(LimitOverride).where(*_subject(key_id, phone)).order_by(LimitOverride.id.desc()).limit(1)
    )


def listed(session: Session) -> list[LimitOverride]:
    """All of them with their keys, newest first, ended ones included."""
    return list(
        session.scalars(select(LimitOverride).options(joinedload(LimitOverride.key)).order_by(LimitOverride.id.desc()))
    )


def is_in_force(row: LimitOverride, now: datetime | None = None) -> bool:
    """Whether its end has not come."""
    return row.until is None or row.until > (now or utcnow())


def _subject(key_id: str | None, phone: str | None) -> tuple[ColumnElement[bool], ...]:
    return LimitOverride.key_id.is_not_distinct_from(key_id), LimitOverride.phone.is_not_distinct_from(phone)
