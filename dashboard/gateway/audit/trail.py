"""Writing and reading the audit log.

A door calls `record` once, in the transaction of its act: what is rolled back was never noted, what is noted was done.
Columns named in `fields` are told before and after by themselves, also when a service flushed them earlier.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Select, event, func, insert, select
from sqlalchemy.orm import Session, UOWTransaction

from dashboard.db import Base, core_table, lock, utcnow
from dashboard.gateway.audit import chain, fields
from dashboard.gateway.audit.chain import ChainEntry, Head
from dashboard.models.audit import AuditEntry

log = logging.getLogger(__name__)

PAGE = 50
PIECE = 1_000
_CHANGES, _HEAD = "audit_changes", "audit_head"  # where a session keeps what is under way
_ENTRIES = core_table(AuditEntry)
_COLUMNS = [_ENTRIES.c[name] for name in ChainEntry._fields]


@dataclass(frozen=True)
class Actor:
    """Who acts and from where; `home` is the folder where the newest entry is noted."""

    name: str
    home: Path | None = None  # without one, the next act that has one notes the head
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class AuditFilters:
    """Empty ones filter nothing; `text` is looked for in act, subject, changes and address."""

    actor: str = ""
    area: str = ""  # the first word of an act
    text: str = ""
    since: datetime | None = None


def record(session: Session, by: Actor, act: str, subject: str = "", **facts: tuple[Any, Any]) -> None:
    """Note an act, with what changed by it and `facts` (before, after) that no column of `fields` tells."""
    session.flush()
    changes = session.info.pop(_CHANGES, {})
    for name, (before, after) in facts.items():
        changes[name] = [fields.plain(name, before), fields.plain(name, after)]
    lock(session, "audit")
    last = session.execute(select(_ENTRIES.c.id, _ENTRIES.c.hash).order_by(_ENTRIES.c.id.desc()).limit(1)).first()
    last_id, previous = (last.id, last.hash) if last else (0, chain.START)
    text = json.dumps(changes, ensure_ascii=False, sort_keys=True)
    where = (_storable(subject)[:254], _storable(text), by.address[:45], by.request_id[:64])
    draft = ChainEntry(last_id + 1, utcnow(), _storable(by.name)[:254], act, *where, previous, "")
    entry = draft._replace(hash=draft.expected_hash())
    session.execute(insert(_ENTRIES).values(entry._asdict()))
    if by.home is not None:
        session.info[_HEAD] = (by.home, Head(entry.id, entry.hash))


def page(session: Session, wanted: AuditFilters, before: int | None = None, size: int = PAGE) -> list[ChainEntry]:
    """Entries, the newest first, older than the one with id `before`."""
    query = _filtered(wanted).order_by(_ENTRIES.c.id.desc()).limit(size)
    if before is not None:
        query = query.where(_ENTRIES.c.id < before)
    return [ChainEntry(*row) for row in session.execute(query)]


def count(session: Session, actor: str, act: str, since: datetime) -> int:
    """How often somebody did something since then."""
    wanted = (_ENTRIES.c.actor == actor, _ENTRIES.c.act == act, _ENTRIES.c.at >= since)
    return session.scalar(select(func.count()).select_from(_ENTRIES).where(*wanted)) or 0


def actors(session: Session) -> list[str]:
    return list(session.scalars(select(_ENTRIES.c.actor).distinct().order_by(_ENTRIES.c.actor)))


def entries(session: Session, wanted: AuditFilters | None = None) -> Iterator[ChainEntry]:
    """All of them, the oldest first, read in pieces."""
    query, last_id = _filtered(wanted or AuditFilters()).order_by(_ENTRIES.c.id).limit(PIECE), 0
    while rows := [ChainEntry(*row) for row in session.execute(query.where(_ENTRIES.c.id > last_id))]:
        yield from rows
        last_id = rows[-1].id


def verify(session: Session, home: Path) -> list[chain.ChainFault]:
    """The first faults of the chain, judged by itself and by the entry that is noted in the home folder."""
    found = chain.faults(entries(session), chain.read_note(home))
    return [fault for fault, _ in zip(found, range(chain.MOST_FAULTS), strict=False)]


def head(session: Session) -> Head | None:
    newest = page(session, AuditFilters(), size=1)
    return Head(newest[0].id, newest[0].hash) if newest else None


def _filtered(wanted: AuditFilters) -> Select[Any]:
    query = select(*_COLUMNS)
    if wanted.actor:
        query = query.where(_ENTRIES.c.actor == wanted.actor)
    if wanted.area:
        query = query.where(_ENTRIES.c.act.startswith(f"{wanted.area}.", autoescape=True))
    if wanted.since is not None:
        query = query.where(_ENTRIES.c.at >= wanted.since)
    if wanted.text:
        places = (_ENTRIES.c.act, _ENTRIES.c.subject, _ENTRIES.c.changes, _ENTRIES.c.address)
        found = [column.icontains(wanted.text, autoescape=True) for column in places]
        query = query.where(found[0] | found[1] | found[2] | found[3])
    return query


def _storable(text: str) -> str:
    """Without what PostgreSQL does not keep."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


@event.listens_for(Session, "before_flush")
def _collect(session: Session, _context: UOWTransaction, _instances: object) -> None:
    """Remember what rows looked like before; the act that it belongs to is recorded later in the transaction."""
    for row in (*session.new, *session.dirty, *session.deleted):
        if not fields.is_told_of(row):
            continue
        told = session.info.setdefault(_CHANGES, {})
        for name, before, after in fields.changes_of(cast(Base, row), is_deleted=row in session.deleted):
            told[_free_name(told, name)] = [before, after]


def _free_name(taken: dict[str, Any], name: str) -> str:
    """Several rows may change by one act."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


@event.listens_for(Session, "after_commit")
def _note_head(session: Session) -> None:
    session.info.pop(_CHANGES, None)
    noted = session.info.pop(_HEAD, None)
    if noted is None:
        return
    try:
        chain.note(*noted)
    except OSError as error:  # the act is done; the older note still guards what came before
        log.error("the newest audit entry is not noted in the home folder: %s", error.strerror)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_CHANGES, None)
    session.info.pop(_HEAD, None)
