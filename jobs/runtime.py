"""What a worker process has one of: database sessions, carriers, stop signal. Each is opened when first asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, TypeVarTuple

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, make_sessions, utcnow
from dashboard.gateway import workers
from dashboard.gateway.delivery import taken_log
from dashboard.gateway.delivery.taken_log import TakenLog
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.monitoring import outages
from dashboard.gateway.webhooks.dispatcher import DispatcherContext, WebhookDispatcher
from dashboard.settings import Settings
from dashboard.wakeup import Wakeup

T = TypeVar("T")
Args = TypeVarTuple("Args")
log = logging.getLogger(__name__)
stopping = threading.Event()  # set on SIGTERM: finish the texts in hand, put the rest back


def once(make: Callable[[*Args], T]) -> Callable[[*Args], T]:
    """The function, whose first result is everybody's, also for threads that ask at the same time: of two sets of
    carriers' connections, one would hold the binds that the other waits for.
    """
    made: dict[tuple[*Args], T] = {}
    making = threading.Lock()

    @wraps(make)
    def opened(*args: *Args) -> T:
        with making:
            if args not in made:
                made[args] = make(*args)
            return made[args]

    return opened


@once
def settings() -> Settings:
    return Settings.from_env()


@once
def sessions() -> Sessions:
    return make_sessions(settings().database_url)


@once
def wakeup() -> Wakeup:
    return Wakeup(settings().redis_url)


@once
def dispatcher() -> WebhookDispatcher:
    """Calls webhook endpoints."""
    return WebhookDispatcher(DispatcherContext.open(sessions(), settings()), lambda: not stopping.is_set())


@once
def context(lane: str) -> WorkerContext:
    """Delivers a lane; keeps the carriers' connections."""
    made = WorkerContext.open(sessions(), settings(), lane, wakeup().notify)
    made.taken = TakenLog.open(settings().chinqit_home)
    return made


def say_hello(sessions: Sessions, role: str) -> None:
    """Be seen to run, before anything is done; a database that is not there yet is waited for."""
    while not stopping.is_set():
        try:
            with sessions.begin() as session:
                outages.note_start(session, role, utcnow())
        except SQLAlchemyError as error:
            log.warning("the database is not there yet: %s", error_reason(error))
            stopping.wait(1.0)
        else:
            return


def recover_taken() -> None:
    """Write down what carriers took from workers of this machine that were killed, before anything is claimed."""
    try:
        for lane in taken_log.recover(sessions(), settings().chinqit_home):
            wakeup().notify(lane)
    except Exception as error:  # what is not written leaves again when its lease ends
        log.warning("what a killed worker had sent is not written down: %s", error_reason(error))


def say_goodbye(sessions: Sessions) -> None:
    """Tell those who start next that this process ended because it was told to."""
    try:
        with sessions.begin() as session:
            workers.leave(session)
    except SQLAlchemyError as error:
        log.warning("no goodbye was written: %s", error_reason(error))
