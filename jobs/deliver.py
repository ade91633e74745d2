"""The job that the doorbell starts."""

from __future__ import annotations

import logging
import threading
import time
from functools import cache

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from dashboard import redis, wakeup
from dashboard.db import Sessions, make_sessions
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.webhooks import events, queue
from dashboard.gateway.webhooks.dispatcher import DispatcherContext, WebhookDispatcher
from dashboard.settings import Settings
from dashboard.wakeup import Wakeup

log = logging.getLogger(__name__)

PASS_ON_SECONDS = 0.05  # not for ever to and fro, where no worker has room
_passed_on_at = 0.0
stopping = threading.Event()  # set on SIGTERM: finish the texts in hand, put the rest back


def drain(lane: str) -> None:
    """Take the bell off, then deliver what is due. Never raises: RQ would keep the traceback in Redis."""
    try:
        _clear_pending(lane)
        if lane == queue.LANE:
            dispatcher().wake()
        else:
            deliver(lane)
    except SQLAlchemyError as error:
        log.error("lane %s: the database failed: %s", lane, type(error).__name__)
    except Exception as error:
        log.error("lane %s: drain failed: %s", lane, type(error).__name__)


def deliver(lane: str) -> None:
    """Deliver what is due in a lane of messages, and ring for the events that this makes."""
    told = events.written()

    def go_on() -> bool:
        """Also, between two messages, ring for the events that the last one made."""
        nonlocal told
        if events.written() != told:
            told = events.written()
            _wakeup().notify(queue.LANE)
        return not stopping.is_set()

    worker.drain(context(lane), lane, go_on)
    go_on()
    _pass_on(lane)


def _pass_on(lane: str) -> None:
    """Ring for a worker that has room, when this one was called and has none; the one that waited longest comes."""
    global _passed_on_at
    if time.monotonic() - _passed_on_at > PASS_ON_SECONDS and worker.is_elsewhere(context(lane), lane):
        _passed_on_at = time.monotonic()
        _wakeup().notify_again(lane, 1)


@cache
def sessions() -> Sessions:
    """This process's database sessions."""
    return make_sessions(Settings.from_env().database_url)


@cache
def dispatcher() -> WebhookDispatcher:
    """This process's couriers."""
    return WebhookDispatcher(DispatcherContext.open(sessions(), Settings.from_env()), lambda: not stopping.is_set())


@cache
def context(lane: str) -> WorkerContext:
    """This process's desk, opened once: it keeps the carriers' connections."""
    return WorkerContext.open(sessions(), Settings.from_env(), lane, _wakeup().notify)


@cache
def _wakeup() -> Wakeup:
    return Wakeup(Settings.from_env().redis_url)


def _clear_pending(lane: str) -> None:
    """Before looking: a message written after the look rings again."""
    try:
        redis.connect(Settings.from_env().redis_url).delete(wakeup.pending_key(lane))
    except RedisError:
        log.warning("lane %s: the bell cannot be taken off", lane)
