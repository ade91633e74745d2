"""The database, without Flask: what web processes, workers and commands share.

SQLite: write-ahead log, full sync, and every writing transaction takes the write lock at once. With the default
deferred BEGIN, two writers that both read first fail on the spot or overwrite each other silently.
"""

from __future__ import annotations

import random
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    CursorResult,
    DateTime,
    Engine,
    Executable,
    Integer,
    Table,
    create_engine,
    event,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.types import TypeDecorator

Sessions = sessionmaker[Session]
Executor = Session | Connection  # whatever executes a statement
BUSY_SECONDS = 5
ASK_AGAIN = (0.0005, 0.0015)  # seconds, from and to, between two tries to take SQLite's write lock
# A server that vanishes, by power or cable, sends no reset. Linux alone would wait for it for a quarter of an hour.
NETWORK = {
    "connect_timeout": BUSY_SECONDS,
    "tcp_user_timeout": BUSY_SECONDS * 1_000,  # milliseconds until what was sent must be acknowledged
    "keepalives_idle": BUSY_SECONDS,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Pages are read where the system has them in memory: past three million messages a commit takes a sixth of the time.
MAPPED_BYTES = 8 * 2**30  # addresses, not memory
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=0",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is erased is overwritten in the file, too
    f"mmap_size={MAPPED_BYTES}",
)


# Waits for its turn, and is true then. As a condition of a SELECT it saves a round trip; that SELECT may have looked
# before it waited, and the statements after it see what those before it in the queue have committed.
LOCK_CONDITION = text(
    "(SELECT count(pg_advisory_xact_lock(name)::text) FROM (SELECT DISTINCT hashtextextended(lock_name, 0) AS name"
    " FROM unnest(CAST(:lock_names AS text[])) AS lock_name ORDER BY name) AS ordered) >= 0"
)
_LOCK = select(literal(1)).where(LOCK_CONDITION)
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only, and they are 64 bits anyway


class Base(DeclarativeBase):
    """Parent of all models."""


def core_table(model: type[Base]) -> Table:
    """A model's table, for statements that are run often: without objects they cost a third."""
    return cast(Table, model.__table__)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no zone, so it is taken off on the way in and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def execute_dml(executor: Executor, statement: Executable, params: dict[str, Any] | None = None) -> int:
    """Run an UPDATE or DELETE; return how many rows it changed."""
    return cast("CursorResult[Any]", executor.execute(statement, params)).rowcount


def insert(executor: Executor, table: Table) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT; SQLAlchemy has one a database, which differ in nothing that is used here."""
    dialect = executor.dialect if isinstance(executor, Connection) else executor.get_bind().dialect
    return postgresql.insert(table) if dialect.name == "postgresql" else cast(postgresql.Insert, sqlite.insert(table))


def pool_of(executor: Executor) -> Pool:
    """The connection pool, which tells one database of a process from another."""
    return executor.engine.pool if isinstance(executor, Connection) else executor.get_bind().engine.pool


def in_batches(sessions: Sessions, step: Callable[[Session], int], most: int, seconds: float) -> int:
    """Run a step that handles up to `most` rows, each time in a transaction of its own, until it finds fewer or the
    time is up. Return how many rows there were.
    """
    end, total = time.monotonic() + seconds, 0
    while True:
        with sessions.begin() as session:
            count = step(session)
        total += count
        if count < most or time.monotonic() >= end:
            return total
        time.sleep(ASK_AGAIN[1])  # whoever waits for SQLite's write lock takes it meanwhile


def utcnow() -> datetime:
    return datetime.now(UTC)


def new_uuid(now: datetime) -> str:
    """A UUID of version 4, as the API promises, that begins with the time as one of version 7 does (RFC 9562, 5.7).

    So the unique index of a large table grows at its end, and a commit writes fewer of its pages.
    """
    milliseconds = int(now.timestamp() * 1_000)
    return str(uuid.UUID(int=milliseconds << 80 | secrets.randbits(80), version=4))


def error_reason(error: BaseException) -> str:
    """The driver's own first line, such as `database or disk is full`; it holds no value of a statement.

    Of errors of data, which may hold one, and of those that come from no driver, the name.
    """
    original = getattr(error, "orig", None)
    if isinstance(error, DataError):
        return type(original).__name__
    lines = str(original or "").strip().splitlines()
    return lines[0] if lines else type(original or error).__name__


def partial(condition: str) -> dict[str, Any]:
    """Keyword arguments of an Index that holds only the rows for which the condition is true."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def engine_options(url: str) -> dict[str, Any]:
    """Options for `create_engine`. Parameters are hidden so that no phone number or text reaches a log."""
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 24,
        "pool_timeout": BUSY_SECONDS,
    }
    if make_url(url).get_backend_name() == "postgresql":
        # Every step that decides is one conditional statement: it needs no more, and under a stricter level, which a
        # server may have as its default, parallel calls would be broken off.
        options |= {"pool_pre_ping": True, "isolation_level": "READ COMMITTED"}
        options["connect_args"] = {name: value for name, value in NETWORK.items() if name not in make_url(url).query}
    return options


def make_sessions(url: str) -> Sessions:
    """A session factory for jobs and commands."""
    return sessionmaker(create_engine(url, **engine_options(url)))


def reader_of(engine: Engine) -> Engine:
    """The same connections, for reads alone: no transaction is begun, so SQLite's write lock is not waited for."""
    options: dict[str, Any] = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "AUTOCOMMIT"
    return engine.execution_options(**options)


def read_session(sessions: Sessions) -> Session:
    """A session that only reads."""
    return sessions(bind=reader_of(sessions.kw["bind"]))


def read_connection(sessions: Sessions) -> Connection:
    """The same without a session, for statements that are run often."""
    return reader_of(sessions.kw["bind"]).connect()


def lock(session: Session, *names: str) -> None:
    """Hold off others who lock the same names, to the transaction's end; SQLite's writers wait for each other anyway.

    Whoever needs several locks them in one call: all do it in the same order then, and nobody waits in a circle.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_LOCK, {"lock_names": list(names)})


@event.listens_for(Engine, "do_connect")
def _read_prepare_threshold(_dialect: Dialect, _entry: Any, _args: Any, params: dict[str, Any]) -> None:
    """`?prepare_threshold=none` of an address: no prepared statements, which a pooler that hands out a connection for a
    transaction does not know (psycopg, "PgBouncer"). Whatever is no number counts as none.
    """
    asked = params.get("prepare_threshold")
    if isinstance(asked, str):
        params["prepare_threshold"] = int(asked) if asked.isdigit() else None


@event.listens_for(Engine, "connect")
def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    if not hasattr(connection, "isolation_level") or not type(connection).__module__.startswith("sqlite3"):
        return
    connection.isolation_level = None  # the driver's own BEGIN would be a deferred one
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite" or connection.get_execution_options().get("read_only"):
        return
    if not _take_write_lock(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for an error that SQLAlchemy knows


def _take_write_lock(connection: Connection) -> bool:
    """Begin, asking every millisecond: SQLite's own waiting sleeps up to a tenth of a second at a time."""
    cursor = connection.connection.cursor()
    end = time.monotonic() + BUSY_SECONDS
    try:
        while time.monotonic() < end:
            try:
                cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
                time.sleep(random.uniform(*ASK_AGAIN))  # noqa: S311  spreading, not secrecy
            else:
                return True
        return False
    finally:
        cursor.close()


def iso(at: datetime | None) -> str | None:
    """`2026-11-22T06:24:49.068Z`."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
