"""A worker of one lane: python -m jobs.worker LANE. One queue a process: RQ loses a job that is popped from two."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested

from dashboard import collector, logs, redis
from dashboard.db import error_reason, utcnow
from dashboard.gateway import workers
from dashboard.gateway.delivery import polling, worker
from dashboard.gateway.delivery.subscriptions import CallbackSubscriptions
from dashboard.gateway.messages import outbox
from dashboard.providers.base import State
from dashboard.settings import Settings, SettingsError
from dashboard.vocabulary import Lane
from jobs import deliver, runtime
from jobs.runtime import stopping

log = logging.getLogger(__name__)

WORKER_TTL = 20  # seconds; BLPOP waits WORKER_TTL - 15
WITHOUT_REDIS_SECONDS = 1.0
REFRESH_SECONDS = 0.25
IDLE_SECONDS = 0.5  # where there is no carrier to look after: then only the routing table may have changed
SHUTDOWN_GRACE_SECONDS = 6.0  # for calls under way; after them, what was not answered is told again


class LaneWorker(SimpleWorker):
    """RQ's worker without fork, without its command channel, and quick to give up on a Redis that is gone."""

    @property
    def connection_timeout(self) -> int:
        """How long a hung Redis is waited for: little more than the wait for a wake-up (RQ: ten seconds more)."""
        return int(self.dequeue_timeout) + 2

    def subscribe(self) -> None:
        """No commands are taken, so no thread is left behind when Redis comes and goes."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        try:
            super().heartbeat(timeout, pipeline)
        except RedisError as error:
            raise StopRequested from error

    @property
    def _stop_requested(self) -> bool:
        """RQ asks before each wait, so that it ends also where SIGTERM came before RQ listened to it."""
        return stopping.is_set()

    @_stop_requested.setter
    def _stop_requested(self, is_requested: bool) -> None:
        if is_requested:
            stopping.set()

    def handle_warm_shutdown_request(self) -> None:
        stopping.set()

    def set_shutdown_requested_date(self) -> None:
        """Told to Redis by RQ, where nobody reads it; with Redis gone it would stop the stopping."""


def main(lane: str) -> int:
    """Work until told to stop. While Redis is gone, look for work every second instead of waiting to be woken."""
    if lane not in tuple(Lane):
        print(f"There is no lane {lane!r}; lanes are {', '.join(Lane)}.", file=sys.stderr)
        return 2
    try:
        settings = Settings.from_env()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.set_up(settings.log_format, f"worker {lane}")
    _handle_signals()
    runtime.say_hello(runtime.sessions(), lane)
    runtime.recover_taken()
    collector.pass_over_loaded()
    beating = threading.Thread(target=_beat, args=(lane,), daemon=True)
    beating.start()
    if lane in outbox.LANES:
        threading.Thread(target=_keep_connections, args=(lane,), daemon=True).start()
        threading.Thread(target=_ask_carriers, args=(lane,), daemon=True).start()
    while not stopping.is_set():
        deliver.drain(lane)
        _work(lane, settings)
        stopping.wait(WITHOUT_REDIS_SECONDS)
    _close(lane)
    beating.join(workers.BEAT_SECONDS)  # a sign of life after the goodbye would belie it
    runtime.say_goodbye(runtime.sessions())
    return 0


def _work(lane: str, settings: Settings) -> None:
    """Wait to be woken until Redis fails or a stop is asked for."""
    connection = redis.client(settings.redis_url, socket_connect_timeout=1)
    try:
        queue = Queue(lane, connection=connection, serializer="json")
        rq_worker = LaneWorker([queue], connection=connection, serializer="json", worker_ttl=WORKER_TTL)
        rq_worker.max_connection_wait_time = WITHOUT_REDIS_SECONDS
        rq_worker.work(logging_level="ERROR")
    except (RedisError, StopRequested) as error:
        log.warning("lane %s works without Redis: %s", lane, redis.error_reason(error))
    finally:
        _handle_signals()  # RQ put its own in place, which raise
        connection.close()


def _beat(role: str) -> None:
    started_at = utcnow()
    while not stopping.is_set():
        try:
            with runtime.sessions().begin() as session:
                workers.beat(session, role, started_at)
            if role in outbox.LANES:
                runtime.context(role).connections.beat()
        except Exception as error:
            log.warning("no sign of life written: %s", error_reason(error))
        stopping.wait(workers.BEAT_SECONDS)


def _keep_connections(lane: str) -> None:
    """Follow changes of carriers and routes, and take what waits for a connection that only this process has."""
    written: dict[int, State] | None = None
    states: dict[int, State] = {}
    while not stopping.wait(REFRESH_SECONDS if states else IDLE_SECONDS):
        try:
            context = runtime.context(lane)
            context.connections.refresh()
            states = context.connections.states()
            if states != written:
                context.connections.beat()
                written = states
            if worker.has_work(context, lane):
                deliver.deliver(lane)
        except Exception as error:
            log.warning("lane %s: its carriers are not looked after: %s", lane, error_reason(error))


def _ask_carriers(lane: str) -> None:
    """Tell carriers where to call back, and ask them what became of texts of which they have not said it."""
    subscriptions: CallbackSubscriptions | None = None
    while not stopping.wait(polling.EVERY_SECONDS):
        try:
            context = runtime.context(lane)
            subscriptions = subscriptions or CallbackSubscriptions(context.sessions, context.connections)
            subscriptions.renew()
            for woken in polling.ask_due(context.sessions, context.connections):
                context.notify(woken)
        except Exception as error:
            log.warning("lane %s: its carriers are not asked: %s", lane, error_reason(error))


def _close(lane: str) -> None:
    """End calls and sessions in order."""
    if lane == Lane.WEBHOOKS:
        runtime.dispatcher().finish(SHUTDOWN_GRACE_SECONDS)
        return
    try:
        runtime.context(lane).connections.close()
    except Exception as error:
        log.warning("lane %s: its carriers are not closed: %s", lane, error_reason(error))


def _handle_signals() -> None:
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    stopping.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
