"""Wake the workers of a lane, as a doorbell does: the RQ job carries the name of the lane and nothing else.

Work waits in the database. A lost wake-up costs a second, until the relay looks; it never costs a message.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import SimpleQueue

from redis.exceptions import RedisError
from rq import Queue

from dashboard.redis import connect, error_reason

log = logging.getLogger(__name__)

JOB = "jobs.deliver.drain"  # by name: the floors below know no jobs
QUIET_SECONDS = 1.0
TOGETHER_SECONDS = 0.01  # between two calls, so that one serves all who ask meanwhile
PROBE_KEY = "chinqit:probe"
PENDING_SECONDS = 5  # the longest that a lost wake-up silences a lane; the relay does not ask


def pending_key(lane: str) -> str:
    """The Redis key that exists while a wake-up of this lane waits to be taken: no second one is needed."""
    return f"chinqit:bell:{lane}"


class Wakeup:
    """Wakes lanes. No request waits for Redis: a thread of the process calls it, once for all who asked meanwhile."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self._queue_of_lanes: SimpleQueue[str] = SimpleQueue()
        self._wanted: set[str] = set()
        self._start = threading.Lock()
        self._pid = 0

    def notify(self, lane: str) -> None:
        """Have the lane woken soon. A failure is only logged: the relay makes up for it within a second."""
        if self._pid != os.getpid():
            with self._start:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._notify_for_ever, name="wakeup", daemon=True).start()
        if lane not in self._wanted:
            self._wanted.add(lane)
            self._queue_of_lanes.put(lane)

    def _notify_for_ever(self) -> None:
        while True:
            lane = self._queue_of_lanes.get()
            self._wanted.discard(lane)  # whoever asks from here on may have written something after the call
            try:
                self._notify(lane)
                time.sleep(TOGETHER_SECONDS)
            except RedisError as error:
                log.warning("the workers are not woken: %s", error_reason(error))
                time.sleep(QUIET_SECONDS)

    def _notify(self, lane: str) -> None:
        """Enqueue a job unless one waits already, which costs one small call to find out."""
        if self.redis.set(pending_key(lane), 1, nx=True, ex=PENDING_SECONDS):
            self._enqueue(lane)

    def notify_again(self, lane: str, most: int) -> bool:
        """Wake even if a wake-up is pending, with at most `most` jobs in the queue; return False if Redis fails."""
        try:
            if len(self._queue(lane)) < most:
                self._enqueue(lane)
        except RedisError:
            return False
        return True

    def is_reachable(self) -> bool:
        """Whether Redis answers."""
        return self.fault() is None

    def fault(self) -> str | None:
        """Why Redis takes nothing, in its own words; None when it does. A replica answers PING, so it is written to."""
        try:
            self.redis.set(PROBE_KEY, 1, px=1_000)
        except RedisError as error:
            return error_reason(error)
        return None

    def _queue(self, lane: str) -> Queue:
        return Queue(lane, connection=self.redis, serializer="json")

    def _enqueue(self, lane: str) -> None:
        self._queue(lane).enqueue(JOB, lane, job_timeout=-1, result_ttl=0, failure_ttl=60, description=f"drain {lane}")
