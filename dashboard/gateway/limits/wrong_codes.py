"""How many wrong codes may be typed in for one number, over all live keys: ten in an hour, a hundred in a row.

After a hundred in a row one guess a day is judged, until it is right or somebody lifts the block. A key alone holds off
three guesses a code; without this, whoever has several keys, or asks for code after code, would guess on.

Source: NIST SP 800-63B, 5.2.2 (at most 100 failures in a row); OWASP ASVS 5.0, 6.6.3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, execute_dml, utcnow
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import WrongGuess
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import KeyMode, Window

LENGTHS = {Window.HOUR: timedelta(hours=1), Window.DAY: timedelta(days=1)}
MOST_AN_HOUR = 10
MOST_IN_A_ROW = 100
MOST_A_DAY_AFTERWARDS = 1

ALARM_SHARE = 0.2  # of a key's guesses, in ALARM_TIME
ALARM_TIME = timedelta(minutes=15)
LEAST_GUESSES = 50
LONGEST_LIFE = timedelta(minutes=10)  # of a code: what was right just now was sent no longer ago than this before

Forgotten = tuple[int, datetime | None]  # the id of a guess, and when it ceased to count in a row

_GUESSES = core_table(WrongGuess)
_COLUMNS = _GUESSES.c


@dataclass(frozen=True)
class WrongCodeCount:
    """Where a number stands. While it is blocked, `window` and `quota` are of the limit; `reset` is in seconds."""

    in_an_hour: int
    in_a_row: int
    window: Window | None = None
    quota: int = 0
    reset: int = 0


@dataclass(frozen=True)
class SuspiciousKey:
    """A key with more wrong guesses than people make."""

    key_id: str
    name: str
    wrong: int
    guesses: int


class TooManyWrongCodes(Exception):
    """The number had too many wrong codes over all keys; this guess was not judged."""

    def __init__(self, count: WrongCodeCount) -> None:
        super().__init__(count.window)
        self.count = count


def has_uncleared(phone: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a wrong code of this number is not made up for by a right one."""
    return select(_COLUMNS.id).where(_COLUMNS.phone == phone, _COLUMNS.cleared_at.is_(None)).exists()


def is_open(phone: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether one more guess may be judged; a condition on a statement with the parameters of `since`.

    The statement decides alone as long as others wait: `lock_names` are to be locked before it.
    """

    def recent(window: Window) -> ColumnElement[int]:
        since = bindparam(f"since_{window}", type_=UtcDateTime)
        return select(func.count()).where(_COLUMNS.phone == phone, _COLUMNS.at > since).scalar_subquery()

    uncleared = select(func.count()).where(_COLUMNS.phone == phone, _COLUMNS.cleared_at.is_(None)).scalar_subquery()
    return (recent(Window.HOUR) < MOST_AN_HOUR) & or_(
        uncleared < MOST_IN_A_ROW, recent(Window.DAY) < MOST_A_DAY_AFTERWARDS
    )


def since(now: datetime) -> dict[str, datetime]:
    """The parameters of `is_open`."""
    return {f"since_{window}": now - length for window, length in LENGTHS.items()}


def lock_names(phones: Iterable[str]) -> list[str]:
    """What is locked while guesses about these numbers are judged."""
    return [f"wrong:{phone}" for phone in phones]


def record(session: Session, guesses: list[tuple[str, str]], now: datetime) -> None:
    """Write wrong guesses down, each as a number and a key's id. The caller commits."""
    rows = [{"phone": phone, "key_id": key_id, "at": now} for phone, key_id in guesses]
    session.connection().execute(_GUESSES.insert(), rows)


def clear(session: Session, *phones: str) -> int:
    """Begin anew to count in a row; return how many counted. The caller commits."""
    counting = update(_GUESSES).where(_COLUMNS.phone.in_(phones), _COLUMNS.cleared_at.is_(None))
    return execute_dml(session, counting.values(cleared_at=utcnow()))


def lift(session: Session, phone: str) -> list[Forgotten]:
    """Forget the wrong codes of a number, those of the last hour too; return those that counted. The caller commits.

    The rows stay, as guesses of their keys: what is forgotten is whose number it was.
    """
    lately = utcnow() - LENGTHS[Window.DAY]
    counting = (_COLUMNS.phone == phone, or_(_COLUMNS.cleared_at.is_(None), _COLUMNS.at > lately))
    rows = session.execute(select(_COLUMNS.id, _COLUMNS.cleared_at).where(*counting).with_for_update()).all()
    forgotten = [(guess, cleared_at) for guess, cleared_at in rows]
    among = _COLUMNS.id.in_([guess for guess, _ in forgotten])
    session.execute(update(_GUESSES).where(among).values(cleared_at=utcnow(), phone=""))
    return forgotten


def count_again(session: Session, phone: str, forgotten: Iterable[Forgotten]) -> int:
    """Let the wrong codes of a number count again that `lift` returned; return how many do. The caller commits."""
    return sum(
        execute_dml(
            session,
            update(_GUESSES)
            .where(_COLUMNS.id == guess, _COLUMNS.phone == "")
            .values(phone=phone, cleared_at=cleared_at),
        )
        for guess, cleared_at in forgotten
    )


def look(session: Session, phone: str) -> WrongCodeCount:
    """Where a number stands now."""
    now = utcnow()
    query = select(_COLUMNS.at, _COLUMNS.cleared_at).where(
        _COLUMNS.phone == phone, or_(_COLUMNS.cleared_at.is_(None), _COLUMNS.at > now - LENGTHS[Window.DAY])
    )
    rows = session.execute(query.order_by(_COLUMNS.at.desc())).all()
    in_an_hour = sum(row.at > now - LENGTHS[Window.HOUR] for row in rows)
    in_a_row = sum(row.cleared_at is None for row in rows)
    if in_a_row >= MOST_IN_A_ROW and rows[0].at > now - LENGTHS[Window.DAY]:
        window, quota, last = Window.DAY, MOST_A_DAY_AFTERWARDS, rows[0]
    elif in_an_hour >= MOST_AN_HOUR:
        window, quota, last = Window.HOUR, MOST_AN_HOUR, rows[MOST_AN_HOUR - 1]
    else:
        return WrongCodeCount(in_an_hour, in_a_row)
    seconds = math.ceil((last.at + LENGTHS[window] - now).total_seconds())
    return WrongCodeCount(in_an_hour, in_a_row, window, quota, max(seconds, 1))


def suspicious_keys(session: Session) -> list[SuspiciousKey]:
    """Live keys of whose last guesses more than ALARM_SHARE were wrong, the most wrong ones first."""
    begin = utcnow() - ALARM_TIME
    wrong = func.count()
    by_key = (
        select(WrongGuess.key_id, ApiKey.name, wrong)
        .join(ApiKey, ApiKey.id == WrongGuess.key_id)
        .where(WrongGuess.at > begin, ApiKey.mode == KeyMode.LIVE)
        .group_by(WrongGuess.key_id, ApiKey.name)
        .having(wrong > LEAST_GUESSES * ALARM_SHARE)
        .order_by(wrong.desc())
    )
    found = [
        SuspiciousKey(key_id, name, count, count + _right(session, key_id, begin, most=int(count / ALARM_SHARE)))
        for key_id, name, count in session.execute(by_key).all()
    ]
    return [key for key in found if key.guesses >= LEAST_GUESSES and key.wrong > key.guesses * ALARM_SHARE]


def _right(session: Session, key_id: str, begin: datetime, most: int) -> int:
    """How many guesses were right, counted to `most` at most: a busy key has many."""
    rows: Any = (
        select(Otp.id)
        .join(Message, Message.id == Otp.message_id)
        .where(Message.created_at > begin - LONGEST_LIFE, Message.key_id == key_id, Otp.verified_at > begin)
        .limit(most)
    )
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0
