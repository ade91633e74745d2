"""Outages: everything was killed at once, or the power went. What became of the messages is found at the next start.

Whoever starts first, before it claims anything, sees the signs of life of processes that never said goodbye, and keeps
what they held. The relay then has the database checked and looks whether anything that was answered for is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from dashboard.db import core_table, insert, utcnow
from dashboard.gateway import workers
from dashboard.gateway.otp import channel_order
from dashboard.models.idempotency import IdempotencyRecord
from dashboard.models.messages import Message
from dashboard.models.monitoring import Outage, Process
from dashboard.vocabulary import Kind, Status

MOST_KEPT = 1_000  # messages in hand that are listed
LONGEST_LIFE = timedelta(hours=1)  # of a code, and more: those that ended in the outage are younger than that before it
# Codes that ended for another reason than the time.
GIVEN_UP = ("superseded", "cancelled", channel_order.VERIFIED, channel_order.LOCKED, channel_order.LEFT_OUT)
_OUTAGES = core_table(Outage)


def note_start(session: Session, role: str, started_at: datetime) -> None:
    """Write a first sign of life, and the outage that it ends; before anything is done. The caller commits."""
    now = utcnow()
    known = list(session.scalars(select(Process)))
    gone = [process for process in known if workers.is_gone(process, now)]
    if any(process.role == workers.RELAY for process in gone) and len(gone) == len(known):
        _keep(session, max(process.beat_at for process in gone), now)
    session.execute(delete(Process).where(Process.name.in_([process.name for process in gone])))
    workers.beat(session, role, started_at)


def _keep(session: Session, began_at: datetime, now: datetime) -> None:
    open_rows = select(Message.id).where(Message.due_at.is_not(None))
    held = list(session.scalars(open_rows.where(Message.claim.is_not(None)).order_by(Message.id)))
    values = {
        "began_at": began_at,
        "ended_at": now,
        "clock_off": max(round((began_at - now).total_seconds()), 0),
        "waiting": session.scalar(select(func.count()).select_from(open_rows.subquery())) or 0,
        "in_hand": held[:MOST_KEPT],
        "in_hand_count": len(held),
    }
    session.execute(insert(session, _OUTAGES).values(values).on_conflict_do_nothing(index_elements=["began_at"]))


def latest(session: Session) -> Outage | None:
    return session.scalar(select(Outage).order_by(Outage.id.desc()).limit(1))


def listed(session: Session, limit: int) -> list[Outage]:
    """The newest first."""
    return list(session.scalars(select(Outage).order_by(Outage.id.desc()).limit(limit)))


def check_database(session: Session) -> str | None:
    """What is wrong with the database file or its pages; None when nothing is. Reads all of a SQLite database."""
    try:
        if session.get_bind().dialect.name == "sqlite":
            found = [row[0] for row in session.execute(text("PRAGMA quick_check(3)"))]
            return None if found == ["ok"] else "; ".join(found)[:200]
        failures = session.scalar(text("SELECT sum(checksum_failures) FROM pg_stat_database"))
        return f"{failures} pages with a wrong checksum" if failures else None
    except DatabaseError as error:
        return str(error.orig)[:200]


def missing(session: Session, outage: Outage) -> int:
    """How many messages were answered for under an Idempotency-Key in the day before it, and are not there."""
    kept = select(func.count()).select_from(IdempotencyRecord)
    there = exists().where(Message.uuid == IdempotencyRecord.message_uuid)
    named = IdempotencyRecord.message_uuid.is_not(None), IdempotencyRecord.created_at <= outage.ended_at
    return session.scalar(kept.where(*named, ~there)) or 0


def note_check(session: Session, outage_id: int, fault: str | None, lost: int) -> None:
    """Keep what was found; the caller commits."""
    found = {"checked_at": utcnow(), "fault": fault, "lost": lost}
    session.execute(update(Outage).where(Outage.id == outage_id).values(found))


def note_clock(session: Session, outage_id: int, seconds: float) -> None:
    """The clock was put right by so much since the start, forward where it was behind; the caller commits."""
    found = session.get_one(Outage, outage_id)
    found.ended_at += timedelta(seconds=seconds)
    found.clock_off = round(seconds)


def expired_codes(session: Session, outage: Outage, limit: int) -> list[Message]:
    """Codes that were asked for and ended before anybody could send them, the oldest first."""
    return list(session.scalars(select(Message).where(*_expired(outage)).order_by(Message.id).limit(limit)))


def count_expired(session: Session, outage: Outage) -> int:
    return session.scalar(select(func.count()).select_from(Message).where(*_expired(outage))) or 0


def held_messages(session: Session, outage: Outage, limit: int) -> list[Message]:
    """Texts that workers had in hand: each may have been taken by its carrier, and was sent again."""
    return list(session.scalars(select(Message).where(Message.id.in_(outage.in_hand[:limit])).order_by(Message.id)))


def _expired(outage: Outage) -> Iterator[ColumnElement[bool]]:
    yield Message.created_at >= outage.began_at - LONGEST_LIFE
    yield Message.created_at <= outage.ended_at
    yield Message.kind == Kind.OTP.value
    yield Message.status == Status.EXPIRED.value
    yield Message.sent_at.is_(None)
    yield func.coalesce(Message.error_code, "").not_in(GIVEN_UP)
    yield Message.valid_until >= outage.began_at
