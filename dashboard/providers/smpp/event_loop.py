"""One event loop in one background thread a process: all SMPP sessions run in it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
CALLS = 16  # at once, to the gateway: stores, permits, slots
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # by process: a fork inherits the loop but not its thread
_tasks: set[asyncio.Task[Any]] = set()  # a loop holds its tasks weakly


def loop() -> asyncio.AbstractEventLoop:
    """The process's loop, which runs; safe to ask from any thread."""
    with _lock:
        if os.getpid() not in _loops:
            _loops[os.getpid()] = _start()
        return _loops[os.getpid()]


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run it beside; on the loop's thread."""
    task = asyncio.get_running_loop().create_task(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def call(function: Callable[..., T], *arguments: object) -> T:
    """Ask the gateway, which may block for a moment, without holding up the sessions."""
    return await asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def _start() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    made.set_default_executor(ThreadPoolExecutor(CALLS, thread_name_prefix="smpp-call"))
    threading.Thread(target=made.run_forever, name="smpp", daemon=True).start()
    return made
