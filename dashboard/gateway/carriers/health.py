"""Which carriers work: marked down and up again, and what the processes with a connection to one say of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from dashboard.db import Executor, utcnow
from dashboard.gateway.carriers.carriers import LONGEST_DOWN, SHORTEST_DOWN
from dashboard.gateway.messages import outbox
from dashboard.models.carriers import Carrier, CarrierConnection, CarrierMinute
from dashboard.providers import registry
from dashboard.vocabulary import ConnectionState

ALIVE = timedelta(seconds=10)  # a connection that gave no sign for longer is gone
KEPT_FOR = timedelta(days=8)  # what carriers answered
UNREADY = timedelta(seconds=10)  # without a session for so long, others take over


def is_down(carrier: Carrier, now: datetime) -> bool:
    """Whether nothing is to be given to it; one that is due for a try is not down."""
    return carrier.down_since is not None and (carrier.down_until is None or now < carrier.down_until)


def down_among(session: Executor, carrier_ids: Collection[int]) -> set[int]:
    """Those of these carriers that the database has down at this moment."""
    down = select(Carrier.id).where(Carrier.id.in_(carrier_ids), Carrier.down_since.is_not(None))
    return {row.id for row in session.execute(down)}


def reroute(session: Session) -> None:
    """Route anew what waits for carriers that are down, now and then: a worker may have deferred it just too late."""
    outbox.release_deferred(session, session.scalars(select(Carrier.id).where(Carrier.down_since.is_not(None))).all())


def mark_down(session: Session, carrier_id: int, code: str) -> None:
    """Keep a carrier that fails from more for a while, longer each time, and route what waits for it anew."""
    now = utcnow()
    since = session.scalar(select(Carrier.down_since).where(Carrier.id == carrier_id))
    pause = min(max(now - (since or now), SHORTEST_DOWN), LONGEST_DOWN)
    values = {"down_since": since or now, "down_until": now + pause, "down_code": code}
    session.execute(update(Carrier).where(Carrier.id == carrier_id).values(values))
    outbox.release_deferred(session, [carrier_id])


def mark_up(session: Session, carrier_id: int) -> None:
    """It works again; what waits for others that are down may go by it now."""
    session.execute(update(Carrier).where(Carrier.id == carrier_id).values(down_since=None, down_until=None))
    reroute(session)


def beat(session: Session, connections: list[CarrierConnection]) -> None:
    """Write down how this process's connections stand."""
    for connection in connections:
        session.merge(connection)


def leave(session: Session, process: str) -> None:
    """Take a process's connections off the list."""
    session.execute(delete(CarrierConnection).where(CarrierConnection.process == process))


def connections(session: Session) -> list[CarrierConnection]:
    """The connections that gave a sign lately."""
    return list(session.scalars(select(CarrierConnection).where(CarrierConnection.beat_at > utcnow() - ALIVE)))


def review(session: Session) -> None:
    """Mark carriers that keep a session down when no worker has one any more, and up when one has again."""
    kinds = [name for name, kind in registry.KINDS.items() if kind.has_session]
    now, alive = utcnow(), connections(session)
    for carrier in session.scalars(select(Carrier).where(Carrier.kind.in_(kinds), Carrier.enabled)):
        mine = [
            connection
            for connection in alive
            if connection.carrier_id == carrier.id and connection.version == carrier.version
        ]
        if any(connection.state == ConnectionState.READY for connection in mine):
            if carrier.ready_at is None or now - carrier.ready_at > UNREADY / 4:
                carrier.ready_at = now
            if carrier.down_since is not None and carrier.down_until is None:
                mark_up(session, carrier.id)
        elif carrier.down_since is None and now - (carrier.ready_at or carrier.created_at) > UNREADY:
            carrier.down_since, carrier.down_until = now, None
            carrier.down_code = next((connection.code for connection in mine if connection.code), "no_session")
            session.flush()
            outbox.release_deferred(session, [carrier.id])
    session.flush()  # carriers before messages, as everywhere: see carriers.remove


def forget_old(session: Session) -> None:
    """Drop what carriers answered longer ago than is shown."""
    session.execute(delete(CarrierMinute).where(CarrierMinute.at < utcnow() - KEPT_FOR))
    session.execute(delete(CarrierConnection).where(CarrierConnection.beat_at < utcnow() - 6 * ALIVE))
