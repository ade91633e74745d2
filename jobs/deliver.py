"""The job that a wake-up starts."""

from __future__ import annotations

import logging
import time

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from dashboard import redis, wakeup
from dashboard.db import error_reason
from dashboard.gateway.delivery import worker
from dashboard.vocabulary import Lane
from jobs import runtime

log = logging.getLogger(__name__)

PASS_ON_SECONDS = 0.05  # at the least between two wake-ups passed on, where no worker has free slots
_passed_on_at = 0.0


def drain(lane: str) -> None:
    """Deliver what is due in a lane. Never raises: RQ would keep the traceback in Redis."""
    try:
        _clear_pending(lane)
        if lane == Lane.WEBHOOKS:
            runtime.dispatcher().wake()
        else:
            deliver(lane)
    except SQLAlchemyError as error:
        log.error("lane %s: the database failed: %s", lane, error_reason(error))
    except Exception as error:
        log.error("lane %s: drain failed: %s", lane, error_reason(error))


def deliver(lane: str) -> None:
    """Deliver what is due in a lane of messages; what only another worker can send is passed on to it."""
    context = runtime.context(lane)
    worker.drain(context, lane, lambda: not runtime.stopping.is_set())
    _pass_on(lane)


def _pass_on(lane: str) -> None:
    """Wake another worker when this one has no free slots: the one that has waited longest comes."""
    global _passed_on_at
    if time.monotonic() - _passed_on_at > PASS_ON_SECONDS and worker.is_elsewhere(runtime.context(lane), lane):
        _passed_on_at = time.monotonic()
        runtime.wakeup().notify_again(lane, 1)


def _clear_pending(lane: str) -> None:
    """Before looking for work: a message that is written after the look wakes a worker again."""
    try:
        redis.connect(runtime.settings().redis_url).delete(wakeup.pending_key(lane))
    except RedisError:
        log.warning("lane %s: the pending wake-up cannot be cleared", lane)
