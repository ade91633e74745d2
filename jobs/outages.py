"""After an outage: a thread of the relay has the database checked, and notices when the clock is put right."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, read_session, utcnow
from dashboard.gateway.monitoring import outages

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
WATCH_SECONDS = 600.0  # an NTP client puts a clock right within minutes of the start
LEAST_SHIFT = 2.0  # seconds; less is what NTP does all day


def run(sessions: Sessions, stopping: threading.Event) -> None:
    """Look after the outage that this start ended, until all of it is known."""
    began, wall = time.monotonic(), time.time()
    end = began + WATCH_SECONDS
    while not stopping.wait(LOOK_SECONDS) and time.monotonic() < end:
        try:
            outage_id = check(sessions)
            if outage_id is None:
                return
            shift = (time.time() - wall) - (time.monotonic() - began)
            if abs(shift) > LEAST_SHIFT:
                with sessions.begin() as session:
                    outages.note_clock(session, outage_id, shift)
                return
        except SQLAlchemyError as error:
            log.warning("the last outage is not looked at: %s", error_reason(error))


def check(sessions: Sessions) -> int | None:
    """Have the database checked if nobody has since the last outage; return its id, if it is over only just now."""
    with read_session(sessions) as session:
        found = outages.latest(session)
        if found is None:
            return None
        if found.checked_at is not None:
            return found.id if abs(utcnow() - found.ended_at).total_seconds() < WATCH_SECONDS else None
        fault, lost = outages.check_database(session), outages.missing(session, found)
    with sessions.begin() as session:
        outages.note_check(session, found.id, fault, lost)
    log.warning("after an outage: %s messages lost, the database is %s", lost, fault or "whole")
    return found.id
