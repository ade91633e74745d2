"""Backups: one SQLite file with every row, whatever database the rows come from and go to.

The file has this version's tables. It may be made while messages flow: it holds what was committed when it began.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, delete, func, insert, inspect, select, text
from sqlalchemy.orm import Session

from dashboard.db import Base, core_table
from dashboard.models.accounts import SetupLink, UserSession
from dashboard.models.carriers import CarrierConnection
from dashboard.models.monitoring import Process
from dashboard.models.registry import metadata

ROWS = 2_000  # copied at a time
FLEETING: tuple[type[Base], ...] = (Process, CarrierConnection, UserSession, SetupLink)  # nothing of before a restore
TABLES = tuple(table for table in metadata.sorted_tables if table not in map(core_table, FLEETING))
HOLD_DATA = ("users", "api_keys", "messages")  # a database with rows in one of them is not overwritten


class Damaged(Exception):
    """A backup is not whole, or is none."""


def copy(source: Engine, target: Engine) -> dict[str, int]:
    """Copy all rows as they stood at one moment into new tables; return how many of each table."""
    level = "REPEATABLE READ" if source.dialect.name == "postgresql" else None
    with source.connect() as reader, target.begin() as writer:
        if level:
            reader.execution_options(isolation_level=level, postgresql_readonly=True)
        for table in reversed(TABLES):
            writer.execute(delete(table))  # rows that migrations made
        counts = {table.name: _copy_table(reader, writer, table) for table in TABLES}
        if target.dialect.name == "postgresql":
            for table in TABLES:
                _set_sequence(writer, table)
    return counts


def snapshot(source: Path, target: Path) -> None:
    """Copy a SQLite database that is in use into a new file."""
    connection = sqlite3.connect(source)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()


def close(path: Path) -> None:
    """Bring all of a SQLite database into its one file, so that it can be moved."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()


def check(path: Path) -> dict[str, int]:
    """How many rows of each table a backup holds; raise Damaged unless it is whole."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        faults = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if faults != "ok":
            raise Damaged(faults)
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise Damaged("rows refer to rows that are missing")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"alembic_version", *HOLD_DATA} <= tables:
            raise Damaged("it holds no tables of this gateway")
        return {
            table.name: connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0]  # noqa: S608  our names
            for table in TABLES
            if table.name in tables
        }
    except sqlite3.DatabaseError as error:
        raise Damaged(str(error)) from None
    finally:
        connection.close()


def holds_data(connection: Connection) -> bool:
    """Whether a database has people, keys or messages."""
    return any(
        connection.execute(select(table.c[0]).limit(1)).first() is not None
        for table in TABLES
        if table.name in HOLD_DATA and inspect(connection).has_table(table.name)
    )


def forget_processes(session: Session) -> None:
    """Delete what was true of the processes and the sign-ins of another time."""
    for model in FLEETING:
        session.execute(delete(model))


def _copy_table(reader: Connection, writer: Connection, table: Table) -> int:
    copied = 0
    rows = reader.execution_options(yield_per=ROWS).execute(select(table))
    for chunk in rows.mappings().partitions(ROWS):
        writer.execute(insert(table), [dict(row) for row in chunk])
        copied += len(chunk)
    return copied


def _set_sequence(writer: Connection, table: Table) -> None:
    """PostgreSQL counts its ids apart from the rows: go on after the highest that was copied."""
    column = table.autoincrement_column
    if column is None:
        return
    highest = writer.scalar(select(func.max(column)))
    if highest is not None:
        params = {"table": table.name, "column": column.name, "highest": highest}
        writer.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"), params)
