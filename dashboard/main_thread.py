"""Calls that the web server's main thread serves by itself.

Most calls of the API wait for nothing but their commit. A thread for each would cost more than the rest of the call:
threads wait for each other at every step. So such a call is a greenlet of the main thread. Where others block, it
pauses, and the main thread goes on with the next one. Whatever may block otherwise is done `aside`, by a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from typing import Any, Protocol, TypeVar, cast

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class Loop(Protocol):
    """What the main thread does besides: the web server's loop."""

    @property
    def tpool(self) -> Executor:
        """The threads that it has."""

    def go_on(self, calls: Sequence[Call]) -> None:
        """Have the main thread go on with calls that pause, as soon as it can. Any thread may ask for it."""


class Call(greenlet):
    """One call. The loop switches to it until it is `dead`; the last switch gives what `serve` returned."""

    def __init__(self, serve: Callable[[], Any], loop: Loop) -> None:
        super().__init__(serve)
        self.loop = loop

    def pause(self) -> None:
        """Let the main thread do other things until somebody asks the loop to go on with this call."""
        cast(greenlet, self.parent).switch()


def current() -> Call | None:
    """The call that is being served here; None in a thread, which may block."""
    running = getcurrent()
    return running if isinstance(running, Call) else None


def aside(function: Callable[[], T]) -> T:
    """What the function returns or raises, which may block: in a call of the main thread, a thread does it."""
    call = current()
    if call is None:
        return function()
    future = call.loop.tpool.submit(copy_context().run, function)
    future.add_done_callback(lambda _: call.loop.go_on([call]))
    call.pause()
    return future.result()
