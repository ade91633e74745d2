"""Group commit: everyone gets an answer of their own, and only what is durable is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.db import Sessions, make_sessions, utcnow
from dashboard.group_commit import GATHER_SECONDS, GroupCommit
from dashboard.models.monitoring import Process
from tests.support.stack import until


class Refusal(Exception):
    """A refusal of the work's own."""


def insert(session: Session, name: str) -> str:
    row = Process(name=name, role="test", started_at=utcnow(), beat_at=utcnow())
    session.add(row)
    session.flush()
    return name


Work = Callable[[Session], Any]


def do(session: Session, works: list[Work]) -> list[Any]:
    """A handler that does whatever each order says."""
    results: list[Any] = []
    for work in works:
        try:
            results.append(work(session))
        except Refusal as error:
            results.append(error)
    return results


def names(sessions: Sessions) -> set[str]:
    with sessions() as session:
        return set(session.scalars(select(Process.name)))


def test_everyone_gets_an_answer_of_their_own(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)

    def work(number: int) -> object:
        answer = writer.run(do, lambda session: insert(session, f"p{number}"))
        assert answer in names(sessions)  # durable, and seen by others, when the answer is there
        return answer

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(work, range(120))) == [f"p{number}" for number in range(120)]
    assert len(names(sessions)) == 120


def test_a_refusal_is_its_callers_own(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)

    def work(session: Session, number: int) -> str:
        if number % 3 == 0:
            raise Refusal(number)
        return insert(session, f"p{number}")

    def call(number: int) -> object:
        try:
            return writer.run(do, lambda session: work(session, number))
        except Refusal as error:
            return error.args[0]

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(call, range(60)))
    assert found == [number if number % 3 == 0 else f"p{number}" for number in range(60)]
    assert len(names(sessions)) == 40


class Doubling:
    """Has a handler that counts how often it is called; odd numbers are refused."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def double(self, session: Session, items: list[int]) -> list[str | Refusal]:
        self.sizes.append(len(items))
        return [Refusal(item) if item % 2 else insert(session, f"p{item}") for item in items]


def test_shared_work_is_done_for_many_at_once_and_told_to_each(sessions: Sessions) -> None:
    writer, doubling = GroupCommit(sessions), Doubling()

    def call(number: int) -> object:
        try:
            return writer.run(doubling.double, number)
        except Refusal as error:
            return error.args[0]

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(call, range(120)))
    assert found == [number if number % 2 else f"p{number}" for number in range(120)]
    assert names(sessions) == {f"p{number}" for number in range(0, 120, 2)}
    assert sum(doubling.sizes) == 120
    assert len(doubling.sizes) < 60


def test_what_is_shared_and_what_is_not_are_committed_together(sessions: Sessions) -> None:
    writer, batches = GroupCommit(sessions), [Doubling(), Doubling()]

    def call(number: int) -> object:
        if number % 3 == 2:
            return writer.run(do, lambda session: insert(session, f"p{number * 2}"))
        return writer.run(batches[number % 3].double, number * 2)

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(call, range(90))) == [f"p{number * 2}" for number in range(90)]
    assert len(names(sessions)) == 90


def test_a_batch_that_is_refused_as_a_whole_is_refused_to_each(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)

    def nobody(session: Session, items: list[int]) -> list[str]:
        raise Refusal(len(items))

    def call(number: int) -> bool:
        with pytest.raises(Refusal):
            writer.run(nobody, number)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(24)))
    assert writer.run(do, lambda session: insert(session, "after")) == "after"


def test_one_alone_does_not_wait_for_others(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)
    times = []
    for _ in range(50):
        began = time.monotonic()
        writer.run(do, lambda session: None)
        times.append(time.monotonic() - began)
    assert min(times) < GATHER_SECONDS


def test_who_breaks_a_rule_of_the_database_fails_alone(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)
    writer.run(do, lambda session: insert(session, "taken"))

    def call(number: int) -> object:
        name = "taken" if number % 5 == 0 else f"p{number}"
        try:
            return writer.run(do, lambda session: insert(session, name))
        except IntegrityError:
            return "refused"

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(call, range(50)))
    assert found == ["refused" if number % 5 == 0 else f"p{number}" for number in range(50)]
    assert names(sessions) == {"taken"} | {f"p{number}" for number in range(50) if number % 5}


def test_after_a_fault_it_goes_on(sessions: Sessions) -> None:
    writer = GroupCommit(sessions)
    with pytest.raises(SQLAlchemyError):
        writer.run(do, lambda session: session.execute(text("SELECT nothing FROM nowhere")))
    assert writer.run(do, lambda session: insert(session, "after")) == "after"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # SQLite locks no rows
def test_one_alone_that_is_ended_as_a_deadlock_is_done_again(sessions: Sessions) -> None:
    writer, other = GroupCommit(sessions), sessions()
    for name in ("a", "b"):
        work: Work = partial(insert, name=name)
        writer.run(do, work)
    other.execute(text("SET LOCAL deadlock_timeout = '10min'"))  # not this one is to be ended
    waits = text(f"SELECT cardinality(pg_blocking_pids({other.scalar(text('SELECT pg_backend_pid()'))})) > 0")
    touch = text("UPDATE processes SET role = :role WHERE name = :name")
    other.execute(touch, {"role": "other", "name": "b"})
    tried: list[str] = []

    def cross(session: Session) -> Any:
        tried.append("once")
        session.execute(touch, {"role": "writer", "name": "a"})
        if len(tried) == 1:
            waiting.start()
            until(lambda: session.scalar(waits), 10)  # a wait looks for deadlocks once: the last to wait finds this one
        session.execute(touch, {"role": "writer", "name": "b"})

    def wait_for_a() -> None:
        other.execute(touch, {"role": "other", "name": "a"})
        other.commit()

    waiting = threading.Thread(target=wait_for_a)
    crossing: Work = cross
    writer.run(do, crossing)
    waiting.join(20)
    other.close()
    assert len(tried) == 2


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # PostgreSQL locks rows
def test_a_locked_database_is_an_error_for_all_who_wait_and_for_nobody_after(sessions: Sessions) -> None:
    url = sessions.kw["bind"].url.render_as_string(hide_password=False)
    other, writer, held = make_sessions(url), GroupCommit(sessions), threading.Event()
    done = threading.Event()

    def hold() -> None:
        with other.begin() as session:
            session.execute(text("SELECT 1"))
            held.set()
            done.wait(30)

    def call(number: int) -> object:
        try:
            return writer.run(do, lambda session: insert(session, f"p{number}"))
        except OperationalError:
            return "locked"

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(call, range(6)))
    done.set()
    holder.join()
    other.kw["bind"].dispose()
    assert set(found) == {"locked"}
    assert names(sessions) == set()
    assert call(7) == "p7"
