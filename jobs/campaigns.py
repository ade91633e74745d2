"""A thread of the relay that feeds campaigns to the outbox."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason
from dashboard.gateway.campaigns.feeding import Feeder
from dashboard.settings import Settings
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup

log = logging.getLogger(__name__)

STEP_SECONDS = 1.0
SWEEP_STEPS = 60
MOST_WAKEUPS = 4  # in a lane's queue, as the relay has it


def run(sessions: Sessions, settings: Settings, wakeup: Wakeup, stopping: threading.Event) -> None:
    """Feed once a second, until the process stops."""
    feeder, steps = Feeder(sessions, settings), 0
    while not stopping.is_set():
        try:
            lanes = feeder.step()
            if steps % SWEEP_STEPS == 0 and feeder.sweep():
                lanes.add(Lane.WEBHOOKS)
            for lane in lanes:
                wakeup.notify_again(lane, MOST_WAKEUPS)
        except SQLAlchemyError as error:
            log.warning("campaigns skip a turn: %s", error_reason(error))
        steps += 1
        stopping.wait(STEP_SECONDS)
