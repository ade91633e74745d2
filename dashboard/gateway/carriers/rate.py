"""The rate of a carrier within one process."""

from __future__ import annotations

import threading
import time

from dashboard.providers.base import Tokens

SLOW = 5.0  # seconds of half the rate, after the carrier throttled
LATE = 0.005  # seconds of the rate that are not lost to whoever asks late


class LocalRateLimiter:
    """The rate of a process that asks nobody."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due = 0.0
        self._slow_until = 0.0

    def acquire_tokens(self, rate: float, wanted: int) -> Tokens:
        with self._lock:
            now = time.monotonic()
            if self._due > now:
                return Tokens(0, self._due - now)
            step = (2 if now < self._slow_until else 1) / rate
            self._due = max(self._due, now - LATE) + wanted * step
            return Tokens(wanted, max(0.0, self._due - now))

    def slow_down(self) -> None:
        self._slow_until = time.monotonic() + SLOW
