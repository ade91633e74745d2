"""How much a key may send in a day (UTC), and what it has sent."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.orm import Session

from dashboard.db import core_table, insert, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.models.api_keys import ApiKey, KeyDay
from dashboard.vocabulary import Kind

_A_DAY = ("key_id", "day", "kind")


class CapReached(Exception):
    """The key has sent what it may send in a day (UTC)."""

    def __init__(self, cap: int, retry_after: int) -> None:
        super().__init__(cap)
        self.cap = cap
        self.retry_after = retry_after  # seconds


def spend_cap(session: Session, caller: Caller, kind: str, wanted: int = 1) -> None:
    """Count sends of a `message` or an `otp` against the day's cap, in one statement; raise CapReached."""
    cap = caller.cap(kind)
    if cap is None:
        return
    now = utcnow()
    counted = (
        _insert_day(session, caller, kind, now.date(), wanted)
        .on_conflict_do_update(
            index_elements=_A_DAY, set_={"used": KeyDay.used + wanted}, where=KeyDay.used + wanted <= cap
        )
        .returning(KeyDay.used)
    )
    if wanted > cap or session.scalar(counted) is None:
        raise cap_reached(caller, kind)


def spend_cap_upto(session: Session, caller: Caller, kind: str, wanted: int) -> int:
    """Count as many of the sends as the day's cap still allows; return how many. The row is locked meanwhile."""
    cap, today = caller.cap(kind), utcnow().date()
    if cap is None or wanted == 0:
        return wanted
    session.execute(_insert_day(session, caller, kind, today, 0).on_conflict_do_nothing(index_elements=_A_DAY))
    day = (KeyDay.key_id == caller.id, KeyDay.day == today, KeyDay.kind == kind)
    used = session.execute(select(KeyDay.used).where(*day).with_for_update()).scalar_one()
    allowed = min(wanted, max(cap - used, 0))
    session.execute(update(KeyDay).where(*day).values(used=KeyDay.used + allowed))
    return allowed


def give_back(session: Session, key_id: str, kind: str, count: int) -> None:
    """Count sends of today no longer: they were taken back before they left."""
    day = (KeyDay.key_id == key_id, KeyDay.day == utcnow().date(), KeyDay.kind == kind, KeyDay.used >= count)
    session.execute(update(KeyDay).where(*day).values(used=KeyDay.used - count))


def cap_reached(caller: Caller, kind: str) -> CapReached:
    """The refusal of a key whose day is full."""
    return CapReached(caller.cap(kind) or 0, _seconds_left(utcnow()))


def used_today(session: Session, key: ApiKey) -> dict[str, int]:
    """What a capped key sent since midnight UTC, by `message` and `otp`."""
    rows = select(KeyDay.kind, KeyDay.used).where(KeyDay.key_id == key.id, KeyDay.day == utcnow().date())
    return {kind.value: 0 for kind in Kind} | {row.kind: row.used for row in session.execute(rows)}


def _insert_day(session: Session, caller: Caller, kind: str, day: date, used: int) -> Insert:
    return insert(session, core_table(KeyDay)).values(key_id=caller.id, day=day, kind=kind, used=used)


def _seconds_left(now: datetime) -> int:
    midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
    return max(1, int((midnight - now).total_seconds()))
