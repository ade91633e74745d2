"""What a worker process has one of: database sessions, carriers, stop signal. Each is opened when first asked for."""

from __future__ import annotations

import logging
import threading
from functools import cache

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, make_sessions, utcnow
from dashboard.gateway import workers
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.monitoring import outages
from dashboard.gateway.webhooks.dispatcher import DispatcherContext, WebhookDispatcher
from dashboard.settings import Settings
from dashboard.wakeup import Wakeup

log = logging.getLogger(__name__)
stopping = threading.Event()  # set on SIGTERM: finish the texts in hand, put the rest back


@cache
def settings() -> Settings:
    return Settings.from_env()


@cache
def sessions() -> Sessions:
    return make_sessions(settings().database_url)


@cache
def wakeup() -> Wakeup:
    return Wakeup(settings().redis_url)


@cache
def dispatcher() -> WebhookDispatcher:
    """Calls webhook endpoints."""
    return WebhookDispatcher(DispatcherContext.open(sessions(), settings()), lambda: not stopping.is_set())


@cache
def context(lane: str) -> WorkerContext:
    """Delivers a lane; keeps the carriers' connections."""
    return WorkerContext.open(sessions(), settings(), lane, wakeup().notify)


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


def say_goodbye(sessions: Sessions) -> None:
    """Tell those who start next that this process ended because it was told to."""
    try:
        with sessions.begin() as session:
            workers.leave(session)
    except SQLAlchemyError as error:
        log.warning("no goodbye was written: %s", error_reason(error))
