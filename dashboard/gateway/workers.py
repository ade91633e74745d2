"""Which workers and relays run: each writes a sign of life every BEAT_SECONDS."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.models.monitoring import Process

RELAY = "relay"
BEAT_SECONDS = 3
ALIVE = timedelta(seconds=10)  # since its last sign


def name() -> str:
    """Of this process, on all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


def beat(session: Session, role: str, started_at: datetime) -> None:
    session.merge(Process(name=name(), role=role, started_at=started_at, beat_at=utcnow()))


def prove_writable(session: Session) -> None:
    """Write a row and take it away; the caller's commit proves that the database can be written to."""
    session.execute(
        insert(Process).values(name=f"probe {name()}"[:80], role="probe", started_at=utcnow(), beat_at=utcnow())
    )
    session.execute(delete(Process).where(Process.role == "probe"))


def forget_silent(session: Session) -> None:
    """Delete the rows of processes that have long given no sign of life."""
    session.execute(delete(Process).where(Process.beat_at < utcnow() - 6 * ALIVE))


def alive(session: Session) -> dict[str, int]:
    """How many processes of each role have given a sign of life within ALIVE."""
    query = select(Process.role, func.count()).where(Process.beat_at > utcnow() - ALIVE).group_by(Process.role)
    return {row[0]: row[1] for row in session.execute(query)}
