"""What a process remembers for a short while, so that it need not ask again at once. The one cache of the house."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from dashboard import main_thread

K = TypeVar("K")
V = TypeVar("V")

WAIT_SECONDS = 0.05


class TimedCache(Generic[K, V]):
    """Values by key, each at most `seconds` old. Threads may share it.

    A value is as old as the question for it, not as its answer: whoever waits `seconds` after a commit can be sure that
    no older value is in use. While one thread asks, the others wait for its answer up to WAIT_SECONDS and then ask
    themselves; a database that hangs holds nobody up for longer. With `weak_keys`, a value goes when its key does.
    """

    def __init__(self, seconds: float, *, most: int = 10_000, weak_keys: bool = False) -> None:
        self.seconds = seconds
        self.most = most  # keys; a full cache is emptied
        self._kept: MutableMapping[K, tuple[float, V]] = WeakKeyDictionary() if weak_keys else {}
        self._asking = threading.RLock()  # answering one key may need another one

    def get(self, key: K) -> V | None:
        """What is remembered of a key."""
        asked_at, value = self._kept.get(key, (0.0, None))
        return value if time.monotonic() - asked_at < self.seconds else None

    def find(self, key: K, ask: Callable[[], V]) -> V:
        """What is remembered of a key, else what `ask` answers. An error of `ask` is raised and not remembered."""
        value = self.get(key)
        return main_thread.aside(partial(self._ask_together, key, ask)) if value is None else value

    def _ask_together(self, key: K, ask: Callable[[], V]) -> V:
        held = self._asking.acquire(timeout=WAIT_SECONDS)
        try:
            value = self.get(key)
            return self._renew(key, ask) if value is None else value
        finally:
            if held:
                self._asking.release()

    def renew(self, key: K, ask: Callable[[], V]) -> V:
        """Ask in any case, and remember the answer."""
        return main_thread.aside(partial(self._renew, key, ask))

    def _renew(self, key: K, ask: Callable[[], V]) -> V:
        asked_at = time.monotonic()
        value = ask()
        if len(self._kept) >= self.most:
            self._kept.clear()
        self._kept[key] = (asked_at, value)
        return value

    def forget(self, key: K) -> None:
        """Ask the next time."""
        self._kept.pop(key, None)
