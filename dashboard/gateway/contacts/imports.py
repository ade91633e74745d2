"""Take a file of contacts in, in transactions so short that no code waits for it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, core_table, utcnow
from dashboard.driver import BulkInsert, ExecuteMany, ListStatement
from dashboard.gateway import spreadsheets
from dashboard.gateway.contacts import contacts, files, groups
from dashboard.gateway.contacts.contacts import Consent
from dashboard.gateway.contacts.files import BadContactRow, ContactRow
from dashboard.models.contacts import Contact, ContactImport, ContactImportFault
from dashboard.vocabulary import ConsentState

BATCH = 1_000  # rows in a transaction
SHOWN = 20  # bad rows that the page lists
_CONTACTS = core_table(Contact)
KNOWN = ListStatement(
    select(_CONTACTS.c.id, _CONTACTS.c.phone, _CONTACTS.c.name, _CONTACTS.c.details, _CONTACTS.c.consent).where(
        _CONTACTS.c.phone.in_(bindparam("phones", expanding=True))
    )
)
INSERT = BulkInsert(
    _CONTACTS,
    *("phone", "name", "search_name", "details", "consent", "consent_source", "consent_on", "consent_by"),
    *("created_at", "created_by", "changed_at", "import_id"),
    ignoring=True,
)
FILL = ExecuteMany(
    update(_CONTACTS)
    .where(_CONTACTS.c.id == bindparam("row_id"))
    .values({name: bindparam(f"new_{name}") for name in ("name", "search_name", "details", "changed_at")})
)
AGREE = ExecuteMany(  # whoever withdrew, also while this runs, stays so: no list of somebody else's brings them back
    update(_CONTACTS)
    .where(_CONTACTS.c.id == bindparam("row_id"), _CONTACTS.c.consent != literal_column("'withdrawn'"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in ("consent", "consent_source", "consent_on", "consent_by", "changed_at")
        }
    )
)
INSERT_FAULTS = BulkInsert(core_table(ContactImportFault), "import_id", "line", "phone", "code", "at")


@dataclass(frozen=True)
class NewImport:
    """A file, the groups that all its contacts come into, and the consent of rows that tell nothing of it."""

    data: bytes
    groups: tuple[str, ...]
    consent: Consent
    today: date
    by: str


def take(sessions: Sessions, new: NewImport) -> int:
    """Import a file; return the id of its ContactImport. Raise UnreadableTable or TooMany. Commits.

    Known contacts keep what is noted of their consent, unless the file says that they withdrew it, and get the names,
    columns and groups that the file adds. One that is broken off leaves what it did so far; the
    same file may be imported again.
    """
    rows, bad = files.read(new.data, new.consent, new.today)
    with sessions.begin() as session:
        wanted = {*new.groups, *(name for row in rows for name in row.groups)}
        group_ids = groups.named(session, sorted(wanted), new.by)
        made = ContactImport(created_by=new.by, bad=len(bad), added=0, known=0, kept_withdrawn=0, taken_back=0)
        session.add(made)
        session.flush()
        import_id = made.id
    for start in range(0, len(bad), BATCH):
        with sessions.begin() as session:
            _keep_faults(session, import_id, bad[start : start + BATCH])
    for start in range(0, len(rows), BATCH):
        with sessions.begin() as session:
            batch = sorted(rows[start : start + BATCH], key=lambda row: row.contact.phone)
            counts = _take_batch(session, import_id, batch, new, group_ids)
            columns = {name: getattr(ContactImport, name) + count for name, count in counts.items()}
            session.execute(update(ContactImport).where(ContactImport.id == import_id).values(**columns))
    with sessions.begin() as session:
        session.execute(update(ContactImport).where(ContactImport.id == import_id).values(ended_at=utcnow()))
        contacts.forget_cache(session)
    return import_id


def untouched(session: Session, import_id: int) -> int:
    """How many contacts an import added that nobody has changed since."""
    return session.scalar(select(func.count()).where(*_untouched(import_id))) or 0


def take_back(sessions: Sessions, import_id: int) -> int:
    """Delete the contacts that an import added and nobody has changed since; return how many. Commits.

    Who has written STOP since then stays, with their consent withdrawn.
    """
    count, has_more = 0, True
    while has_more:
        with sessions.begin() as session:
            ids = list(session.scalars(select(Contact.id).where(*_untouched(import_id)).limit(BATCH).with_for_update()))
            removed = contacts.remove(session, ids) if ids else 0
            told = update(ContactImport).where(ContactImport.id == import_id)
            session.execute(told.values(taken_back=ContactImport.taken_back + removed))
        count, has_more = count + removed, len(ids) == BATCH
    return count


def faults(session: Session, import_id: int, most: int | None = SHOWN) -> Sequence[ContactImportFault]:
    """The rows that were not imported, by their place in the file."""
    of_import = select(ContactImportFault).where(ContactImportFault.import_id == import_id)
    return session.scalars(of_import.order_by(ContactImportFault.id).limit(most)).all()


def fault_lines(session: Session, import_id: int) -> Iterator[str]:
    """All of them as CSV."""
    yield "\ufeffline,phone,reason\r\n"
    for row in faults(session, import_id, None):
        written = io.StringIO()
        csv.writer(written).writerow(map(spreadsheets.safe, (str(row.line), row.phone.removeprefix("+"), row.code)))
        yield written.getvalue()


def _take_batch(
    session: Session, import_id: int, batch: Sequence[ContactRow], new: NewImport, group_ids: dict[str, int]
) -> dict[str, int]:
    """Insert and fill in; return how many were added and known, and of how many the withdrawal was kept."""
    connection, at = session.connection(), utcnow()
    phones = {"phones": [row.contact.phone for row in batch]}
    known = {row.phone: row for row in KNOWN.run(connection, phones)}
    fresh = [row for row in batch if row.contact.phone not in known]
    INSERT.run(connection, [_inserted(row, import_id, new, at) for row in fresh])
    met = [(row, known[row.contact.phone]) for row in batch if row.contact.phone in known]
    FILL.run(connection, [_filled(row, there, at) for row, there in met if _adds(row, there)])
    AGREE.run(connection, [_agreed(row, there, new.by, at) for row, there in met if _is_news(row, there)])
    ids = {row.phone: row.id for row in KNOWN.run(connection, phones)}
    pairs = [
        (group_ids[contacts.plain(name)], ids[row.contact.phone])
        for row in batch
        for name in (*new.groups, *row.groups)
    ]
    groups.put(session, pairs)
    kept = sum(
        there.consent == ConsentState.WITHDRAWN and row.contact.consent.state == ConsentState.GIVEN
        for row, there in met
    )
    return {"added": len(fresh), "known": len(met), "kept_withdrawn": kept}


def _inserted(row: ContactRow, import_id: int, new: NewImport, at: Any) -> dict[str, Any]:
    made = {"created_at": at, "created_by": new.by, "changed_at": at, "import_id": import_id}
    return {**row.contact.values(), **_consent(row, new.by), **made}


def _consent(row: ContactRow, by: str) -> dict[str, Any]:
    consent = row.contact.consent
    noted_by = by if _is_told(row) else None
    told = {"consent_source": consent.source, "consent_on": consent.on, "consent_by": noted_by}
    return {
        "consent": consent.state.value,
        **(told if _is_told(row) else {**told, "consent_source": "", "consent_on": None}),
    }


def _is_news(row: ContactRow, there: Any) -> bool:
    """Whether a row tells of a consent that was not known, or that it was withdrawn; what was noted first is kept."""
    return _is_told(row) and (
        there.consent == ConsentState.UNKNOWN.value or row.contact.consent.state == ConsentState.WITHDRAWN
    )


def _is_told(row: ContactRow) -> bool:
    return row.contact.consent.state != ConsentState.UNKNOWN


def _adds(row: ContactRow, there: Any) -> bool:
    return bool((row.contact.name and row.contact.name != there.name) or row.contact.details)


def _filled(row: ContactRow, there: Any, at: Any) -> dict[str, Any]:
    name = row.contact.name or there.name
    details = json.dumps({**json.loads(there.details), **row.contact.details}, ensure_ascii=False)
    return {
        "row_id": there.id,
        "new_name": name,
        "new_search_name": contacts.plain(name),
        "new_details": details,
        "new_changed_at": at,
    }


def _agreed(row: ContactRow, there: Any, by: str, at: Any) -> dict[str, Any]:
    told = {f"new_{name}": value for name, value in _consent(row, by).items()}
    return {"row_id": there.id, **told, "new_changed_at": at}


def _keep_faults(session: Session, import_id: int, bad: Sequence[BadContactRow]) -> None:
    at = utcnow()
    rows = [
        {"import_id": import_id, "line": each.line, "phone": each.phone, "code": each.code, "at": at} for each in bad
    ]
    INSERT_FAULTS.run(session.connection(), rows)


def _untouched(import_id: int) -> tuple[Any, ...]:
    return Contact.import_id == import_id, Contact.changed_at == Contact.created_at
