"""Calls of the main thread: where others block, they pause."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from functools import partial
from math import inf

import pytest

from dashboard import main_thread
from dashboard.cache import TimedCache
from tests.support.main_thread import MainThread

name: ContextVar[str] = ContextVar("name", default="nobody")


@pytest.fixture
def main() -> Iterator[MainThread]:
    serving = MainThread()
    yield serving
    serving.close()


def test_one_goes_on_while_another_waits_aside(main: MainThread) -> None:
    other_came = threading.Event()

    def wait() -> bool:
        return main_thread.aside(lambda: other_came.wait(20))

    assert main.serve(wait, other_came.set) == [True, None]


def test_what_is_done_aside_returns_raises_and_knows_the_call(main: MainThread) -> None:
    def ask(who: str) -> tuple[str, bool]:
        name.set(who)
        return main_thread.aside(lambda: (name.get(), threading.current_thread() is threading.main_thread()))

    def fail() -> None:
        main_thread.aside(lambda: 1 / 0)

    first, second, failed = main.serve(partial(ask, "first"), partial(ask, "second"), fail)
    assert (first, second) == (("first", False), ("second", False))
    assert isinstance(failed, ZeroDivisionError)
    assert name.get() == "nobody"


def test_a_thread_does_it_by_itself() -> None:
    assert main_thread.current() is None
    assert main_thread.aside(threading.current_thread) is threading.current_thread()


def test_a_cache_asks_aside_and_answers_at_once_what_it_knows(main: MainThread) -> None:
    cache = TimedCache[str, threading.Thread](inf)
    (asked,) = main.serve(lambda: cache.find("who", threading.current_thread))
    assert asked is not threading.current_thread()
    assert main.serve(lambda: cache.find("who", threading.current_thread)) == [asked]
    assert main.serve(lambda: cache.renew("who", threading.current_thread)) != [threading.current_thread()]
