"""Wait for what becomes of a message, for callers who need to know."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from dashboard.db import Sessions, read_session
from dashboard.models.messages import Message
from dashboard.vocabulary import ENDS, Status

POLL_SECONDS = (0.02, 0.05, 0.1, 0.2)  # the last one repeats


FINAL = (Status.SENT, *ENDS)


@dataclass(frozen=True)
class MessageOutcome:
    """What became of a message while its caller waited."""

    status: str
    error_code: str | None
    sent_by: str  # the channel that it went by last


def outcome_of(sessions: Sessions, uuid: str, within: float) -> MessageOutcome | None:
    """Wait at most `within` seconds for a message to be taken or refused; None when it is neither."""
    end, step = time.monotonic() + within, 0
    while True:
        with read_session(sessions) as session:
            row = session.execute(
                select(Message.status, Message.error_code, Message.lane).where(Message.uuid == uuid)
            ).one()
        if row.status in FINAL:
            return MessageOutcome(row.status, row.error_code, row.lane)
        if time.monotonic() >= end:
            return None
        time.sleep(POLL_SECONDS[min(step, len(POLL_SECONDS) - 1)])
        step += 1
