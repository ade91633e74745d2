"""Wait for what becomes of a message, for callers who need to know."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from dashboard.db import Sessions, read_session
from dashboard.gateway.delivery import attempts
from dashboard.models.messages import Message
from dashboard.vocabulary import ENDS, Blame, Status

POLL_SECONDS = (0.02, 0.05, 0.1, 0.2)  # the last one repeats


FINAL = (Status.SENT, *ENDS)


@dataclass(frozen=True)
class MessageOutcome:
    """What became of a message while its caller waited."""

    status: str
    error_code: str | None
    sent_by: str  # the channel that it went by last
    is_retryable: bool = True  # where it failed: the same order may succeed later; no fault of its text or number


def outcome_of(sessions: Sessions, uuid: str, within: float) -> MessageOutcome | None:
    """Wait at most `within` seconds for a message to be taken or refused; None when it is neither."""
    end, step = time.monotonic() + within, 0
    while True:
        with read_session(sessions) as session:
            row = session.execute(
                select(Message.id, Message.status, Message.error_code, Message.lane).where(Message.uuid == uuid)
            ).one()
        if row.status in FINAL:
            is_retryable = row.status != Status.FAILED or _is_retryable(sessions, row.id)
            return MessageOutcome(row.status, row.error_code, row.lane, is_retryable)
        if time.monotonic() >= end:
            return None
        time.sleep(POLL_SECONDS[min(step, len(POLL_SECONDS) - 1)])
        step += 1


def _is_retryable(sessions: Sessions, message_id: int) -> bool:
    """Whether the last carrier that was asked, if any, blamed neither the text nor the number."""
    with read_session(sessions) as session:
        failed = attempts.failed_attempts(session, message_id)
    return not failed or failed[-1].blame not in (Blame.TEXT, Blame.NUMBER)
