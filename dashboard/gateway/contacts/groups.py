"""Groups of contacts: labels that a contact may bear several of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.db import core_table, execute_dml, insert, utcnow
from dashboard.driver import BulkInsert
from dashboard.gateway.contacts import contacts
from dashboard.models.contacts import ContactGroup, ContactGroupMember

LONGEST_NAME = 60
MOST = 200  # groups in all: a column of a file that is not meant to name groups would make thousands
SEPARATORS = re.compile("[,;|،؛\n]")
KEPT = timedelta(hours=1)  # a removed group, for whoever wants it back
INSERT_MEMBERS = BulkInsert(core_table(ContactGroupMember), "group_id", "contact_id", ignoring=True)


class KnownName(Exception):
    """There is a group of this name already."""


class TooMany(ValueError):
    """More than MOST groups would stand beside each other."""


def names(text: str) -> tuple[str, ...]:
    """The groups that a cell or a field names, each once."""
    found = {contacts.plain(name): " ".join(name.split()) for name in SEPARATORS.split(text) if contacts.plain(name)}
    return tuple(found.values())


def listed(session: Session) -> list[ContactGroup]:
    """All groups, by name."""
    return list(session.scalars(select(ContactGroup).where(_live()).order_by(ContactGroup.search_name)))


def find(session: Session, group_id: int) -> ContactGroup | None:
    return session.scalar(select(ContactGroup).where(ContactGroup.id == group_id, _live()))


def sizes(session: Session) -> dict[int, int]:
    """How many contacts are in each group that has any."""
    counted = select(ContactGroupMember.group_id, func.count()).group_by(ContactGroupMember.group_id)
    return {row[0]: row[1] for row in session.execute(counted)}


def of_contacts(session: Session, ids: Collection[int]) -> dict[int, list[ContactGroup]]:
    """The groups of these contacts, by name."""
    found = (
        select(ContactGroupMember.contact_id, ContactGroup)
        .join(ContactGroup, ContactGroup.id == ContactGroupMember.group_id)
        .where(ContactGroupMember.contact_id.in_(ids), _live())
        .order_by(ContactGroup.search_name)
    )
    by_contact = defaultdict[int, list[ContactGroup]](list)
    for contact_id, group in session.execute(found):
        by_contact[contact_id].append(group)
    return by_contact


def named(session: Session, wanted: Iterable[str], by: str) -> dict[str, int]:
    """The ids of these groups by their plain names; those that are not there yet are made. The caller commits.

    Raise TooMany.
    """
    searched = {contacts.plain(name): name for name in wanted}
    ids = _ids(session, searched)
    new = [name for name in searched if name not in ids]
    if not new:
        return ids
    if (session.scalar(select(func.count()).where(_live())) or 0) + len(new) > MOST:
        raise TooMany
    at = utcnow()
    rows = [{"name": searched[name], "search_name": name, "created_at": at, "created_by": by} for name in sorted(new)]
    session.execute(insert(session, core_table(ContactGroup)).on_conflict_do_nothing(), rows)
    return _ids(session, searched)


def rename(session: Session, group: ContactGroup, name: str) -> None:
    """Raise KnownName, after which the caller rolls back. The caller commits."""
    group.name, group.search_name = name, contacts.plain(name)
    _flush(session)


def remove(session: Session, group: ContactGroup) -> None:
    """Take a group away; its contacts stay. What was removed an hour ago is deleted. The caller commits."""
    old = select(ContactGroup.id).where(ContactGroup.removed_at < utcnow() - KEPT).scalar_subquery()
    session.execute(delete(ContactGroupMember).where(ContactGroupMember.group_id.in_(old)))
    session.execute(delete(ContactGroup).where(ContactGroup.removed_at < utcnow() - KEPT))
    group.removed_at = utcnow()
    session.flush()


def restore(session: Session, group_id: int) -> bool:
    """Bring a removed group back with its contacts; False when it is there. Raise KnownName. The caller commits."""
    removed = (ContactGroup.id == group_id, ContactGroup.removed_at.is_not(None))
    try:
        return bool(execute_dml(session, update(ContactGroup).where(*removed).values(removed_at=None)))
    except IntegrityError:
        raise KnownName from None


def put(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    """Put contacts into groups, by pairs of group and contact. The caller commits."""
    rows = [{"group_id": group_id, "contact_id": contact_id} for group_id, contact_id in sorted(set(pairs))]
    INSERT_MEMBERS.run(session.connection(), rows)


def set_of(session: Session, contact_id: int, group_ids: Iterable[int]) -> None:
    """Have a contact be in these groups and in no others. The caller commits."""
    session.execute(delete(ContactGroupMember).where(ContactGroupMember.contact_id == contact_id))
    put(session, [(group_id, contact_id) for group_id in group_ids])


def those_left(session: Session, group_ids: Collection[int]) -> list[int]:
    """Those of these groups that are still there."""
    return list(session.scalars(select(ContactGroup.id).where(ContactGroup.id.in_(group_ids), _live())))


def _live() -> ColumnElement[bool]:
    return ContactGroup.removed_at.is_(None)


def _ids(session: Session, plain_names: Iterable[str]) -> dict[str, int]:
    found = select(ContactGroup.search_name, ContactGroup.id).where(
        ContactGroup.search_name.in_(list(plain_names)), _live()
    )
    return {row[0]: row[1] for row in session.execute(found)}


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise KnownName from None
