"""Attempts that failed, kept with the message for people to see."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.models.delivery import FailedAttempt


def record(session: Any, message_id: int, carrier: str, outcome: str, code: str) -> None:
    """Remember a try that did not go well."""
    row = {"message_id": message_id, "at": utcnow(), "carrier": carrier, "outcome": outcome, "code": code[:40]}
    session.execute(insert(core_table(FailedAttempt)), [row])


def failed_attempts(session: Session, message_id: int) -> list[FailedAttempt]:
    """The tries of a message that did not go well, oldest first."""
    return list(
        session.scalars(select(FailedAttempt).where(FailedAttempt.message_id == message_id).order_by(FailedAttempt.id))
    )
