"""Statements over many rows on the driver's cursor, for the few places that run thousands of them a second.

SQLAlchemy looks at every value of every row, which costs more than the database does. Here the SQL still follows from
the model and errors are still SQLAlchemy's, as `exec_driver_sql` makes them, but rows go to the driver as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, LargeBinary, String, Table, Update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.types import TypeEngine

from dashboard.db import UtcDateTime

Row = Mapping[str, Any]
Convert = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class _Prepared:
    """A statement as one database takes it. `names` are its parameters in their order."""

    sql: str
    names: tuple[str, ...]
    converts: tuple[Convert | None, ...]

    def columns(self, rows: Sequence[Row]) -> list[Sequence[Any]]:
        """The values of all rows, by parameter."""
        if set(rows[0]) != set(self.names):
            raise ValueError(f"a row holds other values than the statement: {sorted(set(rows[0]) ^ set(self.names))}")
        values = zip(*map(itemgetter(*self.names), rows), strict=True)
        return [
            column if convert is None else convert(column)
            for column, convert in zip(values, self.converts, strict=True)
        ]


class BulkInsert:
    """INSERT of these columns; each row holds a value for all of them.

    `by` names columns that refer to another table, each with the column there by which rows name what they refer to.
    Where a row with the same primary key is there already, the columns of `adding` are added to its own.
    """

    def __init__(
        self, table: Table, *columns: str, by: Mapping[str, Column[Any]] | None = None, adding: Sequence[str] = ()
    ) -> None:
        self.table = table
        self.names = columns
        self.by = by or {}
        self.adding = adding
        self._by_dialect: dict[str, _Prepared] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert the rows; raise SQLAlchemyError."""
        if not rows:
            return
        prepared = _find(self._by_dialect, connection.dialect, self._prepare)
        columns = prepared.columns(rows)
        if connection.dialect.name == "postgresql":  # arrays, so that one statement does for all rows
            connection.exec_driver_sql(prepared.sql, tuple(list(column) for column in columns))
        else:
            connection.exec_driver_sql(prepared.sql, list(zip(*columns, strict=True)))

    def _prepare(self, dialect: Dialect) -> _Prepared:
        types = [self.by.get(name, self.table.c[name]).type for name in self.names]
        names = ", ".join(self.names)
        if dialect.name == "postgresql":
            arrays = ", ".join(f"%s::{each.compile(dialect)}[]" for each in types)
            values = ", ".join(self._value(name, f"new.{name}") for name in self.names)
            source = f"SELECT {values} FROM unnest({arrays}) AS new ({names})"  # noqa: S608  names of ours
        else:
            source = f"VALUES ({', '.join(self._value(name, '?') for name in self.names)})"
        sql = f"INSERT INTO {self.table.name} ({names}) {source}{self._conflict()}"
        return _Prepared(sql, self.names, tuple(_converter(each, dialect) for each in types))

    def _conflict(self) -> str:
        if not self.adding:
            return ""
        key = ", ".join(column.name for column in self.table.primary_key)
        sums = ", ".join(f"{name} = {self.table.name}.{name} + excluded.{name}" for name in self.adding)
        return f" ON CONFLICT ({key}) DO UPDATE SET {sums}"

    def _value(self, name: str, value: str) -> str:
        named_by = self.by.get(name)
        if named_by is None:
            return value
        (key,) = self.table.c[name].foreign_keys
        return f"(SELECT {key.column.name} FROM {named_by.table} WHERE {named_by.name} = {value})"  # noqa: S608


class ExecuteMany:
    """UPDATE that is run once for each row of parameters; each holds a value for all of them."""

    def __init__(self, statement: Update) -> None:
        self.statement = statement
        self._by_dialect: dict[str, _Prepared] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Run it for all rows, in their order; raise SQLAlchemyError."""
        if not rows:
            return
        prepared = _find(self._by_dialect, connection.dialect, self._prepare)
        values = list(zip(*prepared.columns(rows), strict=True))
        if connection.dialect.positional:
            connection.exec_driver_sql(prepared.sql, values)
        else:
            connection.exec_driver_sql(prepared.sql, [dict(zip(prepared.names, each, strict=True)) for each in values])

    def _prepare(self, dialect: Dialect) -> _Prepared:
        compiled = self.statement.compile(dialect=dialect)
        names = tuple(getattr(compiled, "positiontup", None) or compiled.params)
        types = [compiled.binds[name].type for name in names]
        return _Prepared(str(compiled), names, tuple(_converter(each, dialect) for each in types))


def _find(prepared: dict[str, _Prepared], dialect: Dialect, prepare: Callable[[Dialect], _Prepared]) -> _Prepared:
    if dialect.name not in prepared:
        prepared[dialect.name] = prepare(dialect)
    return prepared[dialect.name]


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """How a column's values are made the driver's; None where they are already."""
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if isinstance(kind, UtcDateTime) and dialect.name == "sqlite":
        process = _sqlite_time
    if isinstance(kind, LargeBinary):
        process = None  # drivers take bytes
    if process is None and isinstance(kind, String) and dialect.name == "postgresql":
        process = _plain  # the driver takes only values of one and the same type for an array
    return partial(_convert, process) if process else None


def _convert(process: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Rows that are written together hold the same times and words: each is converted once."""
    known = {value: process(value) for value in set(values)}
    return [known[value] for value in values]


def _plain(value: str | None) -> str | None:
    return None if value is None else str(value)


def _sqlite_time(value: datetime | None) -> str | None:
    """As SQLAlchemy writes it, in a tenth of the time."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    if value.tzinfo is not UTC:
        value = value.astimezone(UTC)
    return value.isoformat(" ", "microseconds")[:26]
