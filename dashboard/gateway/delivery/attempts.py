"""Attempts that failed, kept with the message: for people to see, and for the choice of the next carrier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.driver import ListStatement
from dashboard.models.delivery import FailedAttempt
from dashboard.outbound.errors import SendError
from dashboard.vocabulary import AttemptOutcome, Blame

MOST_GROUPED = 10_000  # of a carrier's failures, the newest
MOST_ANSWERS = 1_000

INSERT = insert(core_table(FailedAttempt))
_ATTEMPTS = core_table(FailedAttempt).c
OF_MESSAGES = ListStatement(
    select(_ATTEMPTS.message_id, _ATTEMPTS.carrier, _ATTEMPTS.outcome, _ATTEMPTS.blame).where(
        _ATTEMPTS.message_id.in_(bindparam("message_ids", expanding=True)), _ATTEMPTS.outcome != AttemptOutcome.TAKEN
    )
)


@dataclass(frozen=True)
class History:
    """What carriers, by name, did not do with a message."""

    failures: Counter[str] = field(default_factory=Counter)
    blamed_by: frozenset[str] = frozenset()  # they say that the fault is the text's or the number's
    refused_by: frozenset[str] = frozenset()  # they are not to be asked again


NONE = History()


@dataclass(frozen=True)
class FailureGroup:
    """Failures of one carrier for one reason."""

    code: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class AnswerGroup:
    """Attempts that a carrier answered in the same words."""

    outcome: AttemptOutcome
    code: str
    answer: str
    count: int
    first_at: datetime
    last_at: datetime


def row(message_id: int, carrier: str, outcome: AttemptOutcome, error: SendError) -> dict[str, Any]:
    """A failed attempt, to be inserted."""
    return {
        "message_id": message_id,
        "at": utcnow(),
        "carrier": carrier,
        "outcome": outcome,
        "code": error.code[:40],
        "blame": error.blame,
        "answer": error.answer[:500] if error.answer else None,
    }


def taken_row(message_id: int, carrier: str, answer: str, doubt: str | None) -> dict[str, Any]:
    """The answer of a carrier that took a text, to be inserted; `doubt` is the code of what is wrong with it."""
    return {
        "message_id": message_id,
        "at": utcnow(),
        "carrier": carrier,
        "outcome": AttemptOutcome.TAKEN,
        "code": doubt or "",
        "blame": None,
        "answer": answer[:500],
    }


def record(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep failed attempts."""
    if rows:
        connection.execute(INSERT, list(rows))


def histories(session: Session, message_ids: Collection[int]) -> dict[int, History]:
    """What was tried in vain before, by message; messages without a failed attempt are left out."""
    if not message_ids:
        return {}
    rows: dict[int, list[Any]] = {}
    for attempt in OF_MESSAGES.run(session.connection(), {"message_ids": list(message_ids)}):
        rows.setdefault(attempt.message_id, []).append(attempt)
    return {
        message_id: History(
            Counter(attempt.carrier for attempt in attempts),
            frozenset(attempt.carrier for attempt in attempts if attempt.blame in (Blame.TEXT, Blame.NUMBER)),
            frozenset(attempt.carrier for attempt in attempts if attempt.outcome == AttemptOutcome.REFUSED),
        )
        for message_id, attempts in rows.items()
    }


def failed_attempts(session: Session, message_id: int) -> list[FailedAttempt]:
    """The attempts of a message that failed or whose answer is kept, oldest first."""
    return list(
        session.scalars(select(FailedAttempt).where(FailedAttempt.message_id == message_id).order_by(FailedAttempt.id))
    )


def failures_by_reason(session: Session, carrier: str, since: datetime) -> list[FailureGroup]:
    """A carrier's failures since then by their code, the most frequent first; of the newest MOST_GROUPED."""
    newest = (
        select(_ATTEMPTS.code, _ATTEMPTS.at)
        .where(_ATTEMPTS.carrier == carrier, _ATTEMPTS.at > since, _ATTEMPTS.code != "")
        .order_by(_ATTEMPTS.at.desc())
        .limit(MOST_GROUPED)
        .subquery()
    )
    counted = func.count().label("counted")
    query = select(newest.c.code, counted, func.min(newest.c.at), func.max(newest.c.at)).group_by(newest.c.code)
    rows = session.execute(query.order_by(counted.desc(), newest.c.code))
    return [FailureGroup(code, count, first, last) for code, count, first, last in rows]


def last_answers(session: Session, carrier: str, since: datetime, most: int) -> list[AnswerGroup]:
    """What a carrier answered since then, its latest words first: of the newest MOST_ANSWERS."""
    is_kept = _ATTEMPTS.carrier == carrier, _ATTEMPTS.at > since, _ATTEMPTS.answer.is_not(None)
    said = _ATTEMPTS.outcome, _ATTEMPTS.code, _ATTEMPTS.answer
    newest = select(*said, _ATTEMPTS.at).where(*is_kept).order_by(_ATTEMPTS.at.desc()).limit(MOST_ANSWERS).subquery()
    alike = newest.c.outcome, newest.c.code, newest.c.answer
    last_at = func.max(newest.c.at).label("last_at")
    query = select(*alike, func.count(), func.min(newest.c.at), last_at).group_by(*alike)
    rows = session.execute(query.order_by(last_at.desc(), *alike).limit(most))
    return [AnswerGroup(AttemptOutcome(outcome), code, *rest) for outcome, code, *rest in rows]
