"""Delete what has been kept long enough. In batches, so that nobody waits.

A mark says how far along its table each kind has got, so that a batch reads no row that an earlier one was done with.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from dashboard.db import execute_dml, lock, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import usage
from dashboard.gateway.site_settings import Preferences
from dashboard.models.api_keys import KeyCaller
from dashboard.models.limits import LimitRejection
from dashboard.models.maintenance import RetentionProgress
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.sandbox import SandboxMessage

BATCH = 1_000
REFUSALS_DAYS = 30
MOST_REFUSALS = 200_000  # whatever their age: a flood fills no disk
KEPT_DIGITS = 6  # of +222XXXXXXXX: the country, the operator, and whether it is a fixed line
BLANK = "xxxxxx"


def step(session: Session, name: str) -> bool:
    """Do one batch of a kind (a name of KINDS); return whether more may be left. The caller commits."""
    lock(session, f"tidy:{name}")
    state = session.get(RetentionProgress, name) or _begin(session, name)
    told = site_settings.read(session)
    rows_of, at_of, days_of, erase = KINDS[name]
    cut = utcnow() - timedelta(days=days_of(told))
    rows = session.execute(select(rows_of, at_of).where(rows_of > state.mark).order_by(rows_of).limit(BATCH)).all()
    old = list(takewhile(lambda row: row[1] < cut, rows))
    if old:
        _note(state, erase(session, old[0][0], old[-1][0]), old[-1][0])
    return len(old) == BATCH


def thin_refusals(session: Session) -> int:
    """Keep the newest MOST_REFUSALS; return how many went. The caller commits."""
    last = session.scalar(select(LimitRejection.id).order_by(LimitRejection.id.desc()).offset(MOST_REFUSALS).limit(1))
    if last is None:
        return 0
    state = session.get(RetentionProgress, "refusals") or _begin(session, "refusals")
    gone = execute_dml(session, delete(LimitRejection).where(LimitRejection.id <= last))
    _note(state, gone, last)
    return gone


def done(session: Session) -> dict[str, RetentionProgress]:
    """What was deleted so far, by kind."""
    return {row.name: row for row in session.scalars(select(RetentionProgress))}


def _begin(session: Session, name: str) -> RetentionProgress:
    state = RetentionProgress(name=name, mark=0, total=0, last=0)
    session.add(state)
    return state


def _note(state: RetentionProgress, count: int, mark: int) -> None:
    state.mark = max(state.mark, mark)
    if count:
        state.total += count
        state.last, state.last_at = count, utcnow()


def _erase_texts(session: Session, first: int, last: int) -> int:
    texts = update(Message).where(Message.id.between(first, last), Message.body.is_not(None))
    return execute_dml(session, texts.values(body=None))


def _cut_numbers(session: Session, first: int, last: int) -> int:
    """Cut numbers can no longer tell codes apart, so those that were still current are closed."""
    now = utcnow()
    cut = func.substr(Otp.phone, 1, KEPT_DIGITS) + BLANK
    closed = func.coalesce(Otp.superseded_at, now)
    session.execute(update(Otp).where(Otp.message_id.between(first, last)).values(phone=cut, superseded_at=closed))
    cut = func.substr(Message.phone, 1, KEPT_DIGITS) + BLANK
    return execute_dml(session, update(Message).where(Message.id.between(first, last)).values(phone=cut))


def _clear_sandbox(session: Session, first: int, last: int) -> int:
    return execute_dml(session, delete(SandboxMessage).where(SandboxMessage.id.between(first, last)))


def _forget_refusals(session: Session, first: int, last: int) -> int:
    return execute_dml(session, delete(LimitRejection).where(LimitRejection.id.between(first, last)))


def _forget_callers(session: Session, first: int, last: int) -> int:
    return execute_dml(session, delete(KeyCaller).where(KeyCaller.id.between(first, last)))


Days = Callable[[Preferences], int]
Erase = Callable[[Session, int, int], int]
KINDS: dict[str, tuple[InstrumentedAttribute[int], InstrumentedAttribute[datetime], Days, Erase]] = {
    "texts": (Message.id, Message.created_at, lambda told: told.texts_days, _erase_texts),
    "numbers": (Message.id, Message.created_at, lambda told: told.numbers_days, _cut_numbers),
    "sandbox": (SandboxMessage.id, SandboxMessage.received_at, lambda told: told.sandbox_days, _clear_sandbox),
    "refusals": (
        LimitRejection.id,
        LimitRejection.at,
        lambda told: min(told.numbers_days, REFUSALS_DAYS),
        _forget_refusals,
    ),
    "callers": (
        KeyCaller.id,
        KeyCaller.first_at,
        lambda told: min(told.numbers_days, usage.KEPT_DAYS),
        _forget_callers,
    ),
}
