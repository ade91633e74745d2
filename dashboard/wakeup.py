"""The doorbell: tell a lane's workers that work waits. A lost ring costs a second, never a message.

The job carries the name of its lane and nothing else.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from queue import SimpleQueue

from redis.exceptions import RedisError
from rq import Queue

from dashboard.redis import connect

log = logging.getLogger(__name__)

JOB = "jobs.deliver.drain"  # by name: the floors below know no jobs
QUIET_SECONDS = 1.0
TOGETHER_SECONDS = 0.003  # between two rings, for whoever asks meanwhile: a call for each costs more than the work
HANGS_SECONDS = 5  # the longest that a lost ring silences a lane; the relay does not ask


def flag(lane: str) -> str:
    """The Redis key that says: a bell hangs at this lane, do not ring."""
    return f"chinqit:bell:{lane}"


class Bell:
    """Rings lanes. No request waits for Redis: a thread of the process rings, once for all who asked meanwhile."""

    def __init__(self, redis_url: str) -> None:
        self.redis = connect(redis_url)
        self._asked: SimpleQueue[str] = SimpleQueue()
        self._wanted: set[str] = set()
        self._start = threading.Lock()
        self._pid = 0

    def ring(self, lane: str) -> None:
        """Have the lane rung soon. A failure is only logged: the relay makes up for it within a second."""
        if self._pid != os.getpid():
            with self._start:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._ring_for_ever, name="bell", daemon=True).start()
        if lane not in self._wanted:
            self._wanted.add(lane)
            self._asked.put(lane)

    def _ring_for_ever(self) -> None:
        while True:
            lane = self._asked.get()
            self._wanted.discard(lane)  # whoever asks from here on may have written something after the ring
            try:
                self._ring(lane)
                time.sleep(TOGETHER_SECONDS)
            except RedisError as error:
                log.warning("the bell does not ring: %s", type(error).__name__)
                time.sleep(QUIET_SECONDS)

    def _ring(self, lane: str) -> None:
        """One small call when a bell hangs already."""
        if self.redis.set(flag(lane), 1, nx=True, ex=HANGS_SECONDS):
            self._enqueue(lane)

    def ring_again(self, lane: str, most: int) -> bool:
        """The relay's ring: also when a bell hangs, but never more than `most` jobs in the queue."""
        try:
            if len(self._queue(lane)) < most:
                self._enqueue(lane)
        except RedisError:
            return False
        return True

    def answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except RedisError:
            return False

    def _queue(self, lane: str) -> Queue:
        return Queue(lane, connection=self.redis, serializer="json")

    def _enqueue(self, lane: str) -> None:
        self._queue(lane).enqueue(JOB, lane, job_timeout=-1, result_ttl=0, failure_ttl=60, description=f"drain {lane}")
