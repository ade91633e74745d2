"""Contacts as the recipients of a campaign."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.gateway.contacts import contacts
from dashboard.gateway.contacts.tables import MOST_ROWS, RecipientTable, UnreadableTable
from dashboard.models.contacts import Contact, ContactGroup, ContactGroupMember


def of_groups(session: Session, group_ids: Collection[int]) -> RecipientTable:
    """Those who are in one of these groups, each once, with their name and further columns.

    Raise UnreadableTable: nobody, too_many_rows.
    """
    members = (
        select(ContactGroupMember.contact_id)
        .join(ContactGroup, ContactGroup.id == ContactGroupMember.group_id)
        .where(ContactGroupMember.group_id.in_(group_ids), ContactGroup.removed_at.is_(None))
    )
    wanted = select(Contact.phone, Contact.name, Contact.details).where(Contact.id.in_(members))
    rows = session.execute(wanted.order_by(Contact.id).limit(MOST_ROWS + 1)).all()
    if not rows:
        raise UnreadableTable("nobody")
    if len(rows) > MOST_ROWS:
        raise UnreadableTable("too_many_rows")
    details = [json.loads(row.details) for row in rows]
    further = tuple(dict.fromkeys(name for one in details for name in one))
    cells = [
        (row.phone, row.name, *(one.get(name, "") for name in further)) for row, one in zip(rows, details, strict=True)
    ]
    return RecipientTable((*contacts.RESERVED, *further), 0, tuple(enumerate(cells, 1)))
