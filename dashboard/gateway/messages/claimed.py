"""A message under a worker's lease."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


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
