"""Codes that several messages carry in turn count as one code: sent once one of them is, lost when all are.

What a code counts as follows from the `tallied_` columns of its messages, as what one message does; so it may be
counted in any order, and a fold that is killed has changed nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, lock
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import Kind, Status

STEP = "otp_step"  # as what kind the later messages of a code are counted, once they are sent
_MESSAGES, _OTPS = core_table(Message).c, core_table(Otp).c
_FIRSTS: Any = bindparam("firsts", expanding=True)
CODES = (
    select(
        *(_MESSAGES[name] for name in ("id", "step_of", "channel", "segments", "status", "error_code", "sent_at")),
        *(_MESSAGES[name] for name in ("tallied_status", "tallied_sent", "tallied_error")),
        *(_OTPS[name] for name in ("message_id", "key_id", "phone", "language", "created_at")),
    )
    .select_from(core_table(Message))
    .join(core_table(Otp), or_(_OTPS.message_id == _MESSAGES.id, _OTPS.message_id == _MESSAGES.step_of))
    .where(_OTPS.message_id.in_(_FIRSTS), or_(_MESSAGES.id.in_(_FIRSTS), _MESSAGES.step_of.in_(_FIRSTS)))
    .order_by(_MESSAGES.id)
)


def counted(session: Session, changed: Sequence[Any]) -> Iterator[Any]:
    """What is to be counted instead of these changed messages, as `Sums.add_message` takes it."""
    firsts = sorted({row.step_of or row.id for row in changed})
    lock(session, *(f"tally:{first}" for first in firsts))  # two folds may each hold one message of a code
    by_code = defaultdict(list)
    for row in session.execute(CODES, {"firsts": firsts}):
        by_code[row.message_id].append(row)
    now = {row.id: row for row in changed}
    for rows in by_code.values():
        before = [(row.tallied_status, row.sent_at if row.tallied_sent else None, row.tallied_error) for row in rows]
        after = [
            (now[row.id].status, now[row.id].sent_at, now[row.id].error_code) if row.id in now else was
            for row, was in zip(rows, before, strict=True)
        ]
        if after[0][0] is not None:  # else the code is counted with its first message
            yield _code(rows[0], before, after)
    for row in changed:
        if row.step_of is not None and row.sent_at is not None:
            told = {name: getattr(row, name) for name in ("key_id", "channel", "phone", "segments", "language")}
            told |= {name: getattr(row, name) for name in ("status", "error_code", "sent_at", "created_at")}
            is_new = not row.tallied_sent
            told |= {"tallied_status": None if is_new else row.tallied_status, "tallied_sent": row.tallied_sent}
            yield SimpleNamespace(kind=STEP, tallied_error=None if is_new else row.tallied_error, **told)


def _code(first: Any, before: Sequence[Any], after: Sequence[Any]) -> Any:
    told = {name: getattr(first, name) for name in ("key_id", "channel", "phone", "segments", "language", "created_at")}
    status, sent_at, error = _outcome(after)
    was, was_sent_at, was_error = _outcome(before) if before[0][0] is not None else (None, None, None)
    told |= {"status": status, "sent_at": sent_at, "error_code": error}
    told |= {"tallied_status": was, "tallied_sent": was_sent_at is not None, "tallied_error": was_error}
    return SimpleNamespace(kind=Kind.OTP, **told)


def _outcome(messages: Sequence[Any]) -> tuple[str, Any, str | None]:
    """The status of a code, when it was first sent, and why it failed, by its messages; one that was not counted yet
    waits.
    """
    states = {status or Status.QUEUED for status, _, _ in messages}
    sent_at = min((at for _, at, _ in messages if at is not None), default=None)
    for status in (Status.DELIVERED, Status.QUEUED, Status.SENDING, Status.SENT):
        if status in states:
            return status, sent_at, None
    failed = [error for status, _, error in messages if status == Status.FAILED]
    return (Status.FAILED, sent_at, failed[-1]) if failed else (Status.EXPIRED, sent_at, None)
