"""The numbers that want no texts, of one key or of all. Codes, which people ask for themselves, are never held back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import Session, joinedload

from dashboard import db
from dashboard.cache import TimedCache
from dashboard.db import core_table, execute_dml, utcnow
from dashboard.driver import ListStatement
from dashboard.models.opt_outs import OptOut

LOOK_EVERY = 1.0  # seconds
PAGE = 50
BATCH = 1_000  # numbers in a statement: PostgreSQL takes 65,535, and a campaign has 50,000
_OPT_OUTS = core_table(OptOut)
ANY = select(exists().select_from(_OPT_OUTS))
AMONG = ListStatement(
    select(_OPT_OUTS.c.phone, _OPT_OUTS.c.key_id).where(_OPT_OUTS.c.phone.in_(bindparam("phones", expanding=True)))
)
REMEMBERED = TimedCache[Any, bool](LOOK_EVERY, weak_keys=True)  # by connection pool: whether there is one at all
Pair = tuple[str, str]  # a key and a number


class OptedOut(Exception):
    """The number wants no texts."""


@dataclass(frozen=True)
class Added:
    """How many numbers were put on the list, how many stood on it, and when it was."""

    new: int
    known: int
    at: datetime


def among(session: Session, pairs: Collection[Pair]) -> set[Pair]:
    """Those of these keys' numbers that want no texts. Without a list, as of a second ago, nothing is asked."""
    if not pairs or not REMEMBERED.find(db.pool_of(session), lambda: _is_any(session)):
        return set()
    phones = sorted({phone for _, phone in pairs})
    listed = {
        (row.key_id, row.phone)
        for start in range(0, len(phones), BATCH)
        for row in AMONG.run(session.connection(), {"phones": phones[start : start + BATCH]})
    }
    return {(key, phone) for key, phone in pairs if (key, phone) in listed or (None, phone) in listed}


def add(
    session: Session,
    phones: Iterable[str],
    key_id: str | None = None,
    *,
    word: str | None = None,
    by: str | None = None,
) -> Added:
    """Put numbers on the list of a key, or of all keys; the caller commits.

    Those that stand on it stay as they are. Where one of the team had added such a number, the word that the person
    writes now is kept with it: it is their own wish from here on, which no undo takes back.
    """
    at = utcnow()
    rows = [
        {"phone": phone, "key_id": key_id, "word": word, "created_at": at, "created_by": by}
        for phone in dict.fromkeys(phones)
    ]
    if not rows:
        return Added(0, 0, at)
    adding = db.insert(session, _OPT_OUTS).on_conflict_do_nothing().returning(_OPT_OUTS.c.id)
    new = len(session.execute(adding, rows).all())
    if word and new < len(rows):
        known = (OptOut.phone.in_([row["phone"] for row in rows]), OptOut.key_id.is_not_distinct_from(key_id))
        session.execute(update(OptOut).where(*known, OptOut.word.is_(None)).values(word=word))
    REMEMBERED.forget(db.pool_of(session))
    return Added(new, len(rows) - new, at)


def take_back(session: Session, at: datetime, key_id: str | None, by: str) -> int:
    """Take off what somebody put on a list at a moment, as `Added` tells it; return how many. The caller commits.

    Who has written STOP since then stays on it.
    """
    added = (OptOut.created_at == at, OptOut.created_by == by, OptOut.key_id.is_not_distinct_from(key_id))
    return execute_dml(session, delete(OptOut).where(*added, OptOut.word.is_(None)))


def remove(session: Session, phone: str, key_id: str | None = None) -> bool:
    """Take a number off the list of a key, or of all keys; return whether it stood on it. The caller commits."""
    return bool(execute_dml(session, delete(OptOut).where(*_subject(phone, key_id))))


def come_back(session: Session, phone: str, key_id: str | None) -> int:
    """Take a number off the list of all keys and of this one: the person wants texts again. The caller commits."""
    lists = or_(OptOut.key_id.is_(None), OptOut.key_id == key_id)
    return execute_dml(session, delete(OptOut).where(OptOut.phone == phone, lists))


def page(session: Session, phone: str = "", before: int | None = None, most: int | None = PAGE) -> list[OptOut]:
    """The newest first, with their keys: of one number, where `phone` is given, and older than the id `before`."""
    query = select(OptOut).options(joinedload(OptOut.key))
    if phone:
        query = query.where(OptOut.phone == phone)
    if before is not None:
        query = query.where(OptOut.id < before)
    return list(session.scalars(query.order_by(OptOut.id.desc()).limit(most)))


def _is_any(session: Session) -> bool:
    return bool(session.connection().execute(ANY).scalar())


def _subject(phone: str, key_id: str | None) -> tuple[Any, ...]:
    return OptOut.phone == phone, OptOut.key_id.is_not_distinct_from(key_id)
