"""A main thread that serves calls, as the web server's does, without a web server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any

from dashboard.main_thread import Call


class MainThread:
    """The thread that makes it and runs it."""

    def __init__(self) -> None:
        self.tpool = ThreadPoolExecutor(4)
        self.asked: SimpleQueue[Sequence[Call]] = SimpleQueue()

    def go_on(self, calls: Sequence[Call]) -> None:
        self.asked.put(calls)

    def serve(self, *functions: Callable[[], Any]) -> list[Any]:
        """Begin all, then go on with whoever may; return what each returned, or the exception that it raised."""
        calls = [Call(partial(_outcome, function), self) for function in functions]
        results = {call: call.switch() for call in calls}
        while not all(call.dead for call in calls):
            for call in self.asked.get(timeout=20):
                results[call] = call.switch()
        return [results[call] for call in calls]

    def close(self) -> None:
        self.tpool.shutdown()


def _outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return error
