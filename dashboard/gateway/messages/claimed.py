"""A message under a worker's lease."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from dashboard.db import core_table
from dashboard.driver import ListStatement
from dashboard.models.messages import Message


class ClaimedMessage(NamedTuple):
    """What delivery needs of a message under its lease, which ends at `due_at`."""

    id: int
    uuid: str
    key_id: str
    kind: str
    channel: str
    phone: str
    body: str | None
    encoding: str
    segments: int
    sender: str | None
    error_code: str | None
    lane: str
    carrier_id: int | None
    priority: int
    due_at: datetime
    claim: str
    attempts: int
    unknowns: int
    valid_until: datetime
    created_at: datetime
    step: int | None
    step_of: int | None


_COLUMNS = core_table(Message).c
_BY_ID = ListStatement(
    select(*(_COLUMNS[name] for name in ClaimedMessage._fields)).where(
        _COLUMNS.id.in_(bindparam("row_ids", expanding=True))
    )
)


def find(connection: Connection, claims: Mapping[int, str]) -> dict[int, ClaimedMessage]:
    """The rows, by id, whose claim is still the one given here for their id."""
    rows = map(ClaimedMessage._make, _BY_ID.run(connection, {"row_ids": list(claims)}))
    return {row.id: row for row in rows if row.claim == claims[row.id]}
