"""When a segment may leave: the rate that all processes share, and pauses that the SMSC asked for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from dashboard.providers.base import Host
from dashboard.providers.smpp.event_loop import call, start

log = logging.getLogger(__name__)

BATCH = 0.02  # seconds of the rate that are asked for at a time: an SMSC counts bursts too
ASK_AGAIN = 0.25  # seconds, when the gateway did not answer
SHORTEST_WAIT = 0.001
SAY_SLOW_EVERY = 1.0  # seconds


class Throttle:
    """Everything here runs on the loop's thread. `resume` is called when segments may leave again."""

    def __init__(self, name: str, rate: float, host: Host, resume: Callable[[], None]) -> None:
        self.name, self.rate, self.host, self.resume = name, rate, host, resume
        self._permits = 0
        self._is_asking = False
        self._resume_at = 0.0
        self._said_at = 0.0

    @property
    def is_paused(self) -> bool:
        return time.monotonic() < self._resume_at

    def pause(self, seconds: float) -> None:
        """Nothing leaves for a while."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)
        asyncio.get_running_loop().call_later(seconds + SHORTEST_WAIT, self.resume)

    def slow_down(self, pause: float) -> None:
        """The SMSC throttles: pause here, and tell the others."""
        self.pause(pause)
        if time.monotonic() - self._said_at > SAY_SLOW_EVERY:
            self._said_at = time.monotonic()
            start(self._say_slow())

    def take(self, waiting: int) -> bool:
        """Leave for one segment; without it, more is asked for, for up to `waiting` of them."""
        if not self.rate:
            return True
        if self._permits > 0:
            self._permits -= 1
            return True
        if not self._is_asking:
            self._is_asking = True
            start(self._ask(min(waiting, max(1, int(self.rate * BATCH)))))
        return False

    async def _ask(self, wanted: int) -> None:
        try:
            found = await call(self.host.acquire_tokens, self.rate, wanted)
            self._permits += found.granted
            wait = 0.0 if found.granted else max(found.wait, SHORTEST_WAIT)
        except Exception as error:  # whatever is wrong there, sending without leave would not mend it
            log.warning("carrier %s: no leave to send: %s", self.name, type(error).__name__)
            wait = ASK_AGAIN
        if wait:
            await asyncio.sleep(wait)
        self._is_asking = False
        self.resume()

    async def _say_slow(self) -> None:
        try:
            await call(self.host.slow_down)
        except Exception as error:
            log.warning("carrier %s: the others were not told to slow down: %s", self.name, type(error).__name__)
