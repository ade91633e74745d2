"""Which workers and relays run: each writes a sign of life every BEAT_SECONDS."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.models.carriers import Carrier
from dashboard.models.monitoring import Process
from dashboard.providers import registry
from dashboard.vocabulary import Channel, Lane

RELAY = "relay"
BEAT_SECONDS = 3
ALIVE = timedelta(seconds=10)  # since its last sign


def name() -> str:
    """Of this process, on all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


def beat(session: Session, role: str, started_at: datetime) -> None:
    row = Process(name=name(), role=role, started_at=started_at, beat_at=utcnow(), pid_space=_pid_space())
    session.merge(row)


def leave(session: Session) -> None:
    """Say goodbye: what ends without it was cut off."""
    session.execute(delete(Process).where(Process.name == name()))


def is_gone(process: Process, now: datetime) -> bool:
    """Whether it runs no more: its signs are old, or dated in the future, or it is of this machine and not there."""
    if abs(now - process.beat_at) > ALIVE:
        return True
    host, _, pid = process.name.rpartition(":")
    is_ours = host == socket.gethostname() and process.pid_space is not None and process.pid_space == _pid_space()
    return is_ours and not _exists(int(pid))


def _pid_space() -> str | None:
    """Tells whether two processes number processes alike: containers do not. None where it cannot be told."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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


def needed_lanes(session: Session) -> set[Lane]:
    """The lanes that no gateway may be without a worker of: e-mail only where a carrier sends it."""
    kinds = [name for name, kind in registry.KINDS.items() if Channel.EMAIL in kind.channels]
    sends_email = session.scalar(select(Carrier.id).where(Carrier.kind.in_(kinds)).limit(1)) is not None
    return {lane for lane in Lane if lane is not Lane.EMAIL or sends_email}
