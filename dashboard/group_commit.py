"""Group commit: the writes of concurrent requests share one transaction, and each is answered once it is durable.

A disk sync costs about the same for one row as for fifty, and SQLite has one writer at a time in any case. One thread
of the process runs the work of all who wait, commits once, and hands every one its own answer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.db import Sessions

T = TypeVar("T")
Item = TypeVar("Item")
Batch = Callable[[Session, list[Any]], Sequence[Any]]
LARGEST_GROUP = 100
GATHER_SECONDS = 0.002  # where some came together, for more to come: a commit costs as much as eight of them
DEADLOCK = "40P01"  # PostgreSQL's; the one that it ends may simply try again


def is_deadlock(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlstate", None) == DEADLOCK


class _Task:
    """One caller's part in a batch, and then its answer or its error."""

    def __init__(self, batch: Batch, item: Any = None) -> None:
        self.batch = batch
        self.item = item
        self.answer: Any = None
        self.error: BaseException | None = None
        self._open = threading.Lock()  # held until the answer is there; an Event costs twice as much
        self._open.acquire()

    def wait(self) -> Any:
        """The answer, once it is there; or the error."""
        self._open.acquire()
        if self.error is not None:
            raise self.error
        return self.answer

    def close(self) -> None:
        self._open.release()


def _attempt(session: Session, group: list[_Task]) -> None:
    """Do the work of all, those with an equal batch at once."""
    shared: dict[Batch, list[_Task]] = {}
    for task in group:
        shared.setdefault(task.batch, []).append(task)
    for batch, tasks in shared.items():
        for task, answer in zip(tasks, _answers(session, batch, tasks), strict=True):
            refused = isinstance(answer, Exception)
            task.answer, task.error = (None, answer) if refused else (answer, None)


def _answers(session: Session, batch: Batch, tasks: list[_Task]) -> Sequence[Any]:
    """An answer or a refusal for each. A refusal is its caller's own; a fault of the database is everybody's."""
    try:
        return batch(session, [task.item for task in tasks])
    except SQLAlchemyError:
        raise
    except Exception as error:
        return [error] * len(tasks)


class GroupCommit:
    """Runs work in a transaction and commits it.

    The work may raise a refusal, as long as it has written nothing by then that must not stay. Where transactions
    hold locks of their own (PostgreSQL's advisory locks), `alone` keeps two groups from waiting for each other.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.one_writer = sessions.kw["bind"].dialect.name == "sqlite"
        self._waiting: SimpleQueue[_Task] = SimpleQueue()
        self._start = threading.Lock()
        self._pid = 0

    def run(self, work: Callable[[Session], T], *, alone: bool = False) -> T:
        """The work's answer, once it is committed; or its error."""
        task = _Task(lambda session, _: [work(session)])
        if alone and not self.one_writer:
            self._commit([task])
        else:
            self._queue(task)
        return cast(T, task.wait())

    def share(self, batch: Callable[[Session, list[Item]], Sequence[T | Exception]], item: Item) -> T:
        """As `run`, for work that many share: `batch` is called once with all items that wait for an equal one.

        It gives an answer or a refusal for each item, in order.
        """
        task = _Task(batch, item)
        self._queue(task)
        return cast(T, task.wait())

    def _queue(self, task: _Task) -> None:
        self._ensure_thread()
        self._waiting.put(task)

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
            first = self._waiting.get()
            if crowd > 1 or not self._waiting.empty():
                time.sleep(GATHER_SECONDS)
            group = [first, *self._others(LARGEST_GROUP - 1)]
            crowd = len(group)
            try:
                self._commit(group)
            except OperationalError as error:
                if is_deadlock(error):  # two groups of two processes touched the same rows in another order
                    self._one_by_one(group, error)
                else:  # locked or down: it is for all, also for those who came meanwhile
                    self._fail([*group, *self._others()], error)
            except SQLAlchemyError as error:
                self._one_by_one(group, error)
            except BaseException as error:
                self._fail(group, error)
                raise

    def _others(self, most: int = 100_000) -> list[_Task]:
        """Those who wait already."""
        found: list[_Task] = []
        try:
            while len(found) < most:
                found.append(self._waiting.get_nowait())
        except Empty:
            pass
        return found

    def _commit(self, group: list[_Task]) -> None:
        with self.sessions.begin() as session:
            _attempt(session, group)
        for task in group:
            task.close()

    def _one_by_one(self, group: list[_Task], error: SQLAlchemyError) -> None:
        """One of them broke a rule of the database; the others shall not suffer for it."""
        if len(group) == 1:
            return self._fail(group, error)
        for task in group:
            try:
                self._commit([task])
            except SQLAlchemyError as own:
                self._fail([task], own)
        return None

    def _fail(self, tasks: list[_Task], error: BaseException) -> None:
        for task in tasks:
            task.error = error
            task.close()
