"""Lanes that somebody has paused: messages are taken and wait, nothing is handed over until the lane is resumed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard import db
from dashboard.cache import TimedCache
from dashboard.db import utcnow
from dashboard.models.site_settings import Setting
from dashboard.vocabulary import Lane

ROW = "paused_lanes"  # of table settings
LOOK_EVERY = 1.0  # seconds: as long does a pause take to be in force everywhere
REMEMBERED = TimedCache[Any, tuple[str, ...]](LOOK_EVERY, weak_keys=True)  # by connection pool


def paused(session: Session) -> tuple[str, ...]:
    """The lanes that are paused now, or were a second ago."""
    return REMEMBERED.find(db.pool_of(session), lambda: _read(session))


def pause(session: Session, lane: Lane, by: str) -> bool:
    """Pause a lane; False when it is already. The caller commits."""
    db.lock(session, ROW)
    known = _read(session)
    return lane not in known and _write(session, (*known, lane.value), by)


def resume(session: Session, lane: Lane, by: str) -> bool:
    """Let a lane go on; False when it is not paused. The caller commits."""
    db.lock(session, ROW)
    known = _read(session)
    return lane in known and _write(session, tuple(name for name in known if name != lane), by)


def _read(session: Session) -> tuple[str, ...]:
    value = session.scalar(select(Setting.value).where(Setting.name == ROW))
    return tuple(value or ())


def _write(session: Session, lanes: tuple[str, ...], by: str) -> bool:
    session.merge(Setting(name=ROW, value=list(lanes), changed_at=utcnow(), changed_by=by))
    session.flush()
    REMEMBERED.forget(db.pool_of(session))
    return True
