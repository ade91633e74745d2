"""How the gateway stands with as many messages as years bring, on PostgreSQL: what a call, a delivery, a page, a batch
of deletion take in a database of each size, and how large it is.

python -m tests.bench.large [ROWS ...]      (1000000 and 50000000)

The first size, or a million of it, is made as `chinqit dev seed` makes messages of one week, and copied within the
database for the others, every copy a week later, so that the newest is of today. The folder of temporary files needs
1.2 KB of disk a message. Pages are those of tests.bench.pages.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import Connection, Table, TextClause, func, make_url, select, text
from sqlalchemy.orm import Session

from dashboard.cli import migrate
from dashboard.db import Sessions, UtcDateTime, core_table, make_sessions
from dashboard.dev import seed
from dashboard.gateway import site_settings
from dashboard.gateway.maintenance import retention
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.site_settings import Preferences
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.statistics import StatisticsBucket, StatisticsReason
from dashboard.settings import Settings, prepare_home
from tests.bench import api, delivery, pages
from tests.bench.api import Measure
from tests.support.postgres import Postgres
from tests.support.stack import Stack, until

SIZES = [1_000_000, 50_000_000]
MOST_SEEDED, WEEK = 1_000_000, timedelta(days=7)
TABLES = (Message, Otp, StatisticsBucket, StatisticsReason)
# Rows and their indexes are written once, not to the log as well: both are made in the transaction that empties the
# tables. What is measured after it is durable.
SERVER = (
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "shared_buffers=1GB",
    "maintenance_work_mem=1GB",
)
CLIENTS, SECONDS, ROUNDS = 16, 2.0, 5
TEXTS = 10_000
DELETING_SECONDS = 60.0


def main(sizes: list[int]) -> None:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-bench-")))
        server = Postgres(durable=True, options=SERVER)
        held.callback(server.stop)
        made, stacks = server.create(), []
        seeded = min(sizes[0], MOST_SEEDED)
        make_week(made, folder / "home", seeded)
        for size in sizes:
            stack = Stack(folder / f"home-{size}", server.create(template=make_url(made).database or ""))
            held.callback(stack.close)
            make_weeks(stack.sessions, size // seeded)
            stacks.append(stack)
        print(f"\n{'':42}" + "".join(f"{size:>14,}" for size in sizes) + f"{'ratio':>9}")
        print_row("GB", [gigabytes(stack.sessions) for stack in stacks])
        print_row(
            "bytes a message", [gigabytes(s.sessions) * 1e9 / size for s, size in zip(stacks, sizes, strict=True)]
        )
        print_calls(stacks)
        print_row("delivered to the sandbox, texts/s", [delivery.leave(stack, TEXTS, 0).per_second for stack in stacks])
        for stack in stacks:
            stack.stop(*stack.running)
        print_pages(stacks)
        print_row("deleted, messages/min", [deleted_a_minute(stack.sessions) for stack in stacks])


def print_row(what: str, found: list[float]) -> None:
    """A figure of each size, and the last as a share of the first."""
    print(f"{what:42}" + "".join(f"{each:14,.1f}" for each in found) + f"{found[-1] / found[0]:8.2f}x", flush=True)


# Filling


def make_week(url: str, home: Path, messages: int) -> None:
    """So many messages with their codes and counts."""
    began = time.monotonic()
    prepare_home(home)
    migrate.upgrade(Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": url}))
    sessions = make_sessions(url)
    seed.seed(sessions, Keyring({"bench": b"bench" * 8}), messages, WEEK.days)
    sessions.kw["bind"].dispose()
    tell(f"{messages:,} messages made", began)


def make_weeks(sessions: Sessions, weeks: int) -> None:
    """Of the one week that is there, so many."""
    began = time.monotonic()
    engine = sessions.kw["bind"]
    if weeks > 1:
        with engine.begin() as connection:
            multiply(connection, weeks, began)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))
    tell(f"ready, {gigabytes(sessions):.1f} GB", began)


def tell(what: str, began: float) -> None:
    print(f"{time.monotonic() - began:6,.0f} s: {what}", file=sys.stderr, flush=True)


def multiply(connection: Connection, weeks: int, began: float) -> None:
    """Put so many copies of what is there in its place, each of them a week after the one before."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))  # no look for each row's foreign keys
    tables = [core_table(model) for model in TABLES]
    for each in tables:
        connection.execute(text(f"CREATE TEMPORARY TABLE made_{each.name} ON COMMIT DROP AS TABLE {each.name}"))
    connection.execute(text(f"TRUNCATE {', '.join(each.name for each in tables)} CASCADE"))
    indexes = [index for each in tables for index in each.indexes]
    for index in indexes:
        index.drop(connection)
    rows = connection.scalar(select(func.count()).select_from(text("made_messages"))) or 0
    for week in range(weeks):
        for each in tables:
            connection.execute(copied(each, week * rows, (week + 1 - weeks) * WEEK))
        tell(f"week {week + 1} of {weeks}", began)
    for index in indexes:
        index.create(connection)
        tell(f"index {index.name}", began)
    for each in (table for table in tables if "id" in table.c):
        newest = select(func.max(each.c.id)).scalar_subquery()
        connection.execute(select(func.setval(func.pg_get_serial_sequence(each.name, "id"), newest)))


def copied(into: Table, ids: int, later: timedelta) -> TextClause:
    """All rows of the week that was made, by so much later (negative: earlier), with ids that follow those before."""
    values = {
        "id": "id + :ids",
        "message_id": "message_id + :ids",
        "uuid": "lpad(to_hex(id + :ids), 8, '0') || substr(uuid, 9)",
        **{column.name: f"{column.name} + :later" for column in into.columns if isinstance(column.type, UtcDateTime)},
    }
    if later:  # of each number and key, one code is the current one
        values["superseded_at"] = "coalesce(superseded_at, expires_at) + :later"
    names = [column.name for column in into.columns]
    chosen = ", ".join(values.get(name, name) for name in names)
    twice = "" if "id" in names else "ON CONFLICT DO NOTHING"  # the day on which one week ends and the next begins
    statement = text(f"INSERT INTO {into.name} ({', '.join(names)}) SELECT {chosen} FROM made_{into.name} {twice}")
    return statement.bindparams(later=later, **({"ids": ids} if ":ids" in chosen else {}))


def gigabytes(sessions: Sessions) -> float:
    with sessions() as session:
        return (session.scalar(select(func.pg_database_size(func.current_database()))) or 0) / 1e9


# Measuring


def print_calls(stacks: list[Stack]) -> None:
    """Calls a second and the processor's milliseconds of one, each size in turn within a round."""
    for stack in stacks:
        stack.start("valkey", "web")
        until(lambda: api.answers(stack.port), 30)  # noqa: B023
    for path in ("/messages/send", "/otp/send", "/otp/verify"):
        call = Measure(path, "postgresql", CLIENTS, 0.0)
        turns = [[api.run(stack, call, SECONDS) for stack in stacks] for _ in range(ROUNDS)]
        costs = list(zip(*turns, strict=True))
        print_row(f"{path}, calls/s", [median(cost.per_second for cost in each) for each in costs])
        print_row("  processor, ms a call", [median(cost.milliseconds for cost in each) for each in costs])
    for stack in stacks:
        stack.stop("web", "valkey")


def print_pages(stacks: list[Stack]) -> None:
    """The p95 of each page, in milliseconds."""
    measured = [dict(pages.measure(stack.settings, pages.someone(stack.sessions))) for stack in stacks]
    for name in pages.PAGES:
        print_row(f"{name}, ms", [times[name].p95 for times in measured])


def deleted_a_minute(sessions: Sessions) -> float:
    """Messages of the older half of the time, until none is left or a minute is over."""
    with sessions.begin() as session:
        first, last = session.execute(select(func.min(Message.created_at), func.max(Message.created_at))).one()
        days = max(1, (last - first).days // 2)
        site_settings.save(session, Preferences(messages_days=days, numbers_days=days))
    with sessions() as session:
        before = oldest(session)
    began, is_left = time.monotonic(), True
    while is_left and time.monotonic() - began < DELETING_SECONDS:
        with sessions.begin() as session:
            is_left = retention.step(session, "messages")
    took = time.monotonic() - began
    with sessions() as session:
        return (oldest(session) - before) / took * 60  # their ids follow one another


def oldest(session: Session) -> int:
    return session.scalar(select(func.min(Message.id))) or 0


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
