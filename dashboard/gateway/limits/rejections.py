"""Codes that the limits refused: written cheaply, so that a flood of them fills no disk, and read by people.

A refusal is one row a pair, channel, window and slot of time, counted up. A process writes for a pair at most once a
second; those in between are added to the next. What is counted is therefore at least, not exactly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dashboard.db import core_table, insert, utcnow
from dashboard.models.limits import LimitRejection
from dashboard.vocabulary import Window

SLOTS = {Window.MINUTE: 60, Window.HOUR: 600, Window.DAY: 3_600, "range": 3_600, "cap": 3_600}  # seconds
WRITE_EVERY = 1.0  # seconds, for one pair in one process
MOST_REMEMBERED = 20_000  # pairs


@dataclass(frozen=True)
class Rejection:
    """What was asked for, and the limit that was full."""

    key_id: str
    phone: str
    channel: str
    window: str
    quota: int


class _Lately:
    """When this process last wrote a refusal down, and how many it has left out since."""

    def __init__(self) -> None:
        self._seen: dict[Rejection, tuple[float, int]] = {}
        self._guard = threading.Lock()

    def count(self, refused: Rejection) -> int:
        """How many to write down now: none, or this one with those left out before."""
        now = time.monotonic()
        with self._guard:
            at, left_out = self._seen.get(refused, (0.0, 0))
            if at and now - at < WRITE_EVERY:
                self._seen[refused] = (at, left_out + 1)
                return 0
            if len(self._seen) >= MOST_REMEMBERED:
                self._seen.clear()
            self._seen[refused] = (now, 0)
            return left_out + 1


_lately = _Lately()
_REJECTIONS = core_table(LimitRejection)


def record(session: Session, refused: Rejection) -> None:
    """Write a refusal down, unless one of this pair was a moment ago. The caller commits."""
    times = _lately.count(refused)
    if times:
        now = utcnow()
        slot = int(now.timestamp()) // SLOTS[refused.window]
        first = insert(session, _REJECTIONS).values(**vars(refused), slot=slot, times=times, at=now)
        counted_up = {
            "times": _REJECTIONS.c.times + first.excluded.times,
            "at": first.excluded.at,
            "quota": first.excluded.quota,
        }
        same = ("key_id", "phone", "channel", "window", "slot")
        session.connection().execute(first.on_conflict_do_update(index_elements=same, set_=counted_up))


def latest(session: Session, limit: int) -> list[LimitRejection]:
    """The newest of all keys, with their keys."""
    return list(
        session.scalars(
            select(LimitRejection)
            .options(joinedload(LimitRejection.key))
            .order_by(LimitRejection.id.desc())
            .limit(limit)
        )
    )


def of_phone(session: Session, phone: str, limit: int) -> Sequence[LimitRejection]:
    """A number's, newest first, with their keys."""
    query = select(LimitRejection).options(joinedload(LimitRejection.key)).where(LimitRejection.phone == phone)
    return session.scalars(query.order_by(LimitRejection.at.desc()).limit(limit)).all()


def since(
    session: Session, at: datetime, phone: str | None, key_id: str | None, limit: int
) -> Sequence[LimitRejection]:
    """Those of a subject since a time, newest first; caps of keys and pumping are not the limits' doing."""
    query = select(LimitRejection).where(LimitRejection.at > at, LimitRejection.window.in_(list(Window)))
    if phone is not None:
        query = query.where(LimitRejection.phone == phone)
    if key_id is not None:
        query = query.where(LimitRejection.key_id == key_id)
    return session.scalars(query.order_by(LimitRejection.at.desc()).limit(limit)).all()
