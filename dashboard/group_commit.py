"""Group commit: the writes of concurrent requests share one transaction, and each is answered once it is durable.

A disk sync costs about the same for one row as for fifty, and SQLite has one writer at a time in any case. One thread
of the process does the work of all who wait, commits once, and hands every one its own result.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard import main_thread
from dashboard.db import Sessions

T = TypeVar("T")
Order = TypeVar("Order")
Handler = Callable[[Session, list[Any]], Sequence[Any]]
LARGEST_GROUP = 100
GATHER_SECONDS = 0.002  # where some came together, for more to come: a commit costs as much as eight of them
DEADLOCK = "40P01"  # PostgreSQL's; the one that it ends may simply try again


class _Task:
    """One caller's order, and then its result or its error."""

    def __init__(self, handler: Handler, order: Any) -> None:
        self.handler = handler
        self.order = order
        self.result: Any = None
        self.error: BaseException | None = None
        self.call = main_thread.current()
        if self.call is None:
            self._done = threading.Lock()  # held until the result is there; an Event costs twice as much
            self._done.acquire()

    def wait(self) -> None:
        if self.call is None:
            self._done.acquire()
        else:
            self.call.pause()

    @staticmethod
    def finish(tasks: Sequence[_Task]) -> None:
        """Their results are there: those who wait go on."""
        calls = [task.call for task in tasks if task.call is not None]
        if calls:
            calls[0].loop.go_on(calls)
        for task in tasks:
            if task.call is None:
                task._done.release()


class GroupCommit:
    """Hands orders to handlers, in transactions that many share.

    A handler is a function of the module that owns the work: it takes a session and all orders that wait for it, and
    returns a result or an exception for each, in their order. An exception is its order's own, as long as nothing was
    written for that order that must not stay. What a handler raises is everybody's.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._waiting: SimpleQueue[_Task] = SimpleQueue()
        self._start = threading.Lock()
        self._pid = 0

    def run(self, handler: Callable[[Session, list[Order]], Sequence[T | Exception]], order: Order) -> T:
        """The handler's result for this order, once it is committed; raise the exception that it gave instead."""
        task = _Task(handler, order)
        self._ensure_thread()
        self._waiting.put(task)
        task.wait()
        if task.error is not None:
            raise task.error
        return cast(T, task.result)

    def _ensure_thread(self) -> None:
        """Start the committing thread in this very process: threads do not survive a fork."""
        if self._pid != os.getpid():
            with self._start:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._commit_for_ever, name="writer", daemon=True).start()

    def _commit_for_ever(self) -> None:
        crowd = 1  # who came together the last time
        while True:
            group = [self._waiting.get()]
            if crowd > 1 or not self._waiting.empty():
                time.sleep(GATHER_SECONDS)
            try:
                with self.sessions.begin() as session:
                    session.connection()  # SQLite's write lock: who comes while another process has it comes along
                    group += self._others(LARGEST_GROUP - 1)
                    crowd = len(group)
                    self._work(session, group)
                _Task.finish(group)
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == DEADLOCK:  # with another process, over rows of both
                    self._one_by_one(group)
                else:  # locked or down: it is for all, also for those who came meanwhile
                    self._fail([*group, *self._others()], error)
            except SQLAlchemyError as error:
                if len(group) > 1:
                    self._one_by_one(group)
                else:
                    self._fail(group, error)
            except BaseException as error:
                self._fail(group, error)
                raise

    def _others(self, most: int = 100_000) -> list[_Task]:
        """Those who wait already."""
        tasks: list[_Task] = []
        with suppress(Empty):
            while len(tasks) < most:
                tasks.append(self._waiting.get_nowait())
        return tasks

    def _work(self, session: Session, group: list[_Task]) -> None:
        """Do the work of all, each handler's at once."""
        tasks: dict[Handler, list[_Task]] = {}
        for task in group:
            tasks.setdefault(task.handler, []).append(task)
        # Handlers hold locks to the end: in one order, or two groups of two processes wait for each other.
        for handler in sorted(tasks, key=attrgetter("__module__", "__qualname__")):
            self._handle(session, handler, tasks[handler])

    def _handle(self, session: Session, handler: Handler, tasks: list[_Task]) -> None:
        try:
            results = handler(session, [task.order for task in tasks])
        except SQLAlchemyError:
            raise
        except Exception as error:
            results = [error] * len(tasks)
        for task, result in zip(tasks, results, strict=True):
            task.result, task.error = result, result if isinstance(result, Exception) else None

    def _one_by_one(self, group: list[_Task]) -> None:
        """One of them broke a rule of the database; the others shall not suffer for it."""
        for task in group:
            try:
                with self.sessions.begin() as session:
                    self._work(session, [task])
                _Task.finish([task])
            except SQLAlchemyError as own:
                self._fail([task], own)

    def _fail(self, tasks: list[_Task], error: BaseException) -> None:
        for task in tasks:
            task.error = error
        _Task.finish(tasks)


def by_turns(
    orders: Sequence[Order], subjects: Callable[[Order], Iterable[object]], work: Callable[[list[Order]], Sequence[T]]
) -> list[T]:
    """Do the work in turns in which no subject comes twice, so that each order sees what the one before it did."""
    results: dict[int, T] = {}
    waiting = list(enumerate(orders))
    while waiting:
        turn: list[tuple[int, Order]] = []
        later: list[tuple[int, Order]] = []
        taken: set[object] = set()
        for place, order in waiting:
            own = set(subjects(order))
            (later if own & taken else turn).append((place, order))
            taken |= own
        done = work([order for _, order in turn])
        results |= zip([place for place, _ in turn], done, strict=True)
        waiting = later
    return [results[place] for place in range(len(orders))]
