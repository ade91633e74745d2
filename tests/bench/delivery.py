"""How many waiting texts a second leave: to the sandbox phone with all parts running, also with many more waiting, and
by one worker over one SMPP bind to an SMSC that answers at once.

The parts are processes of their own with a database; what counts is from the first text to the last row settled.
Beside SMPP stands the same bind with nothing but texts in memory, in the same run.

python -m tests.bench.delivery [TEXTS ROUNDS WAITING]      (20000, 3, 100000)
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select, text

from dashboard.db import Sessions
from dashboard.gateway import pauses
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.statistics import rollup
from dashboard.models.messages import Message
from dashboard.vocabulary import Lane
from tests.bench import smpp, table
from tests.bench.api import Cost, processor_seconds
from tests.bench.table import Demand
from tests.support.postgres import Postgres
from tests.support.stack import Stack, until

RATE, MILLISECONDS = Demand(3_000), Demand(0.3, at_most=True)
FLAT = Demand(0.9)  # of the rate with nothing else waiting
WORDS = "Votre commande est en route. Merci de votre confiance."
WINDOW = 50
MOST_IN_ONE = 1_000


DATABASES = ("sqlite", "postgresql")


def main(count: int, rounds: int, waiting: int) -> None:
    for name in DATABASES:
        alone = [to_sandbox(name, count, 0) for _ in range(rounds)]
        print_rate(f"delivered, sandbox, {name}", alone)
        if waiting:
            beside = [to_sandbox(name, count, waiting) for _ in range(rounds)]
            print_rate(f"  with {waiting:,} more waiting", beside)
            share = statistics.median(cost.per_second for cost in beside)
            share /= statistics.median(cost.per_second for cost in alone)
            print(table.line("  of the rate without them", share, "", FLAT))
    with smpp.local() as port:
        ceilings = [smpp.measure(port, WINDOW, count, WORDS)[0] for _ in range(rounds)]
    print(table.line(f"bare SMPP session, window {WINDOW}", statistics.median(ceilings), "texts/s"))
    for name in DATABASES:
        rate = statistics.median(over_smpp(name, count) for _ in range(rounds))
        print(table.line(f"delivered, SMPP one bind, {name}", rate, "texts/s", RATE))


def print_rate(what: str, costs: list[Cost]) -> None:
    print(table.line(what, statistics.median(cost.per_second for cost in costs), "texts/s", RATE))
    print(table.line("  processor", statistics.median(cost.milliseconds for cost in costs), "ms each", MILLISECONDS))


@contextmanager
def empty(database: str) -> Iterator[Stack]:
    """A gateway of which nothing runs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        server = Postgres(durable=True) if database == "postgresql" else None
        stack = Stack(home, server.create() if server else f"sqlite:///{home / 'chinqit.db'}")
        try:
            yield stack
        finally:
            stack.close()
            if server:
                server.stop()


def to_sandbox(database: str, count: int, waiting: int) -> Cost:
    """The first texts of so many more, which came while their lane was paused."""
    with empty(database) as stack:
        return leave(stack, count, waiting)


def leave(stack: Stack, count: int, waiting: int) -> Cost:
    """The same from a gateway that may hold others, which have left; nothing of it runs yet, and all parts do then."""
    with stack.sessions.begin() as session:
        pauses.pause(session, Lane.SMS, "bench")
        others = session.scalar(select(func.max(Message.id))) or 0
    fill(stack.sessions, count + waiting, "test")
    tidy(stack.sessions)
    stack.start()
    stack.wait_ready()
    with stack.sessions.begin() as session:
        pauses.resume(session, Lane.SMS, "bench")
    until(lambda: settled(stack.sessions, others) > 0, 30)
    pids = [part.pid for part in stack.running.values()]
    begun, before, used = time.perf_counter(), settled(stack.sessions, others), sum(map(processor_seconds, pids))
    until(lambda: settled(stack.sessions, others) >= count, 120)
    done = settled(stack.sessions, others) - before
    used = sum(map(processor_seconds, pids)) - used
    return Cost(done / (time.perf_counter() - begun), used * 1_000 / done)


def over_smpp(database: str, count: int) -> float:
    """Texts a second, from a database full of waiting ones."""
    with empty(database) as stack, smpp.local() as port:
        fill(stack.sessions, count, "live")
        set_up(stack, port)
        stack.start("valkey", "sms-1", "relay")
        until(lambda: settled(stack.sessions) > 0, 30)
        begun, before = time.perf_counter(), settled(stack.sessions)
        until(lambda: settled(stack.sessions) == count, 120)
        return (count - before) / (time.perf_counter() - begun)


def fill(sessions: Sessions, count: int, mode: str) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("bench", mode=mode))
        session.flush()
        caller = authentication.Caller.from_row(key)
    drafts = [Draft.text(f"+222{40_000_000 + n}", WORDS) for n in range(count)]
    for start in range(0, count, MOST_IN_ONE):
        with sessions.begin() as session:
            outbox.submit_all(session, [(caller, draft) for draft in drafts[start : start + MOST_IN_ONE]])


def tidy(sessions: Sessions) -> None:
    """What the relay and PostgreSQL do meanwhile, where texts really wait, and would else do in the middle of a run."""
    time.sleep(rollup.SOON_SETTLED.total_seconds())
    is_left = True
    while is_left:
        with sessions.begin() as session:
            is_left = bool(rollup.fold(session))
    engine = sessions.kw["bind"]
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def set_up(stack: Stack, port: int) -> None:
    told = {"host": "127.0.0.1", "port": str(port), "system_id": "t", "password": "t", "window": str(WINDOW)}
    with stack.sessions.begin() as session:
        carriers.add(session, carriers.cipher(stack.settings), carriers.NewCarrier("smpp", "smsc", told))


def settled(sessions: Sessions, others: int = 0) -> int:
    """How many have left of those whose ids come after `others`."""
    has_left = Message.status.in_(("sent", "delivered"))
    with sessions() as session:
        return session.scalar(select(func.count()).where(Message.id > others, has_left)) or 0


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:4] or ("20000", "3", "100000")))
