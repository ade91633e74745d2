"""Statements over many rows on the driver's cursor, for the few places that run thousands of them a second.

SQLAlchemy looks at every value of every row, which costs more than the database does. Here the SQL still follows from
the model and errors are still SQLAlchemy's, but rows go to the driver as they are.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, LargeBinary, Select, String, Table, Update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import ExpandedState, SQLCompiler
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
    Where a row with the same primary key is there already, the columns of `adding` are added to its own. With
    `ignoring`, rows that a unique index has already are left as they are.
    """

    def __init__(
        self,
        table: Table,
        *columns: str,
        by: Mapping[str, Column[Any]] | None = None,
        adding: Sequence[str] = (),
        ignoring: bool = False,
    ) -> None:
        self.table = table
        self.names = columns
        self.by = by or {}
        self.adding = adding
        self.ignoring = ignoring
        self._by_dialect: dict[str, _Prepared] = {}
        self._by_arrays: dict[tuple[bool, ...], str] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Insert the rows; raise SQLAlchemyError."""
        if not rows:
            return
        dialect = connection.dialect
        prepared = _find(self._by_dialect, dialect, self._prepare)
        columns = prepared.columns(rows)
        if dialect.name != "postgresql":
            _execute(connection, prepared.sql, list(zip(*columns, strict=True)), many=True)
            return
        # One statement does for all rows. What they share goes once: psycopg makes arrays in Python.
        are_arrays = tuple(column.count(column[0]) < len(rows) for column in columns)
        if len(rows) > 1 and not any(are_arrays):
            are_arrays = (True, *are_arrays[1:])
        if are_arrays not in self._by_arrays:
            self._by_arrays[are_arrays] = self._for_arrays(are_arrays, dialect)
        shared = [column[0] for column, is_array in zip(columns, are_arrays, strict=True) if not is_array]
        arrays = [list(column) for column, is_array in zip(columns, are_arrays, strict=True) if is_array]
        _execute(connection, self._by_arrays[are_arrays], (*shared, *arrays))

    def _prepare(self, dialect: Dialect) -> _Prepared:
        values = ", ".join(self._value(name, "?") for name in self.names)
        return _Prepared(
            self._insert(f"VALUES ({values})"), self.names, tuple(_converter(each, dialect) for each in self._types)
        )

    def _for_arrays(self, are_arrays: tuple[bool, ...], dialect: Dialect) -> str:
        """The statement that takes one value for all rows of some columns, and after them arrays for the others."""
        columns = list(zip(self.names, (each.compile(dialect) for each in self._types), are_arrays, strict=True))
        values = (self._value(name, f"new.{name}" if is_array else f"%s::{kind}") for name, kind, is_array in columns)
        source = f"SELECT {', '.join(values)}"
        if any(are_arrays):
            arrays = ", ".join(f"%s::{kind}[]" for _, kind, is_array in columns if is_array)
            source += f" FROM unnest({arrays}) AS new ({', '.join(name for name, _, is_array in columns if is_array)})"
        return self._insert(source)

    @property
    def _types(self) -> list[TypeEngine[Any]]:
        return [self.by.get(name, self.table.c[name]).type for name in self.names]

    def _insert(self, source: str) -> str:
        return f"INSERT INTO {self.table.name} ({', '.join(self.names)}) {source}{self._conflict()}"

    def _conflict(self) -> str:
        if not self.adding:
            return " ON CONFLICT DO NOTHING" if self.ignoring else ""
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
        values: list[Any] = list(zip(*prepared.columns(rows), strict=True))
        if not connection.dialect.positional:
            values = [dict(zip(prepared.names, each, strict=True)) for each in values]
        _execute(connection, prepared.sql, values, many=True)

    def _prepare(self, dialect: Dialect) -> _Prepared:
        compiled = self.statement.compile(dialect=dialect)
        names = tuple(getattr(compiled, "positiontup", None) or compiled.params)
        types = [compiled.binds[name].type for name in names]
        return _Prepared(str(compiled), names, tuple(_converter(each, dialect) for each in types))


class ListStatement:
    """SELECT or UPDATE about lists of values, its `expanding` parameters; none of them may be empty.

    A list is filled up to the next power of two with its last value, so that few different statements are made.
    """

    def __init__(self, statement: Select[Any] | Update) -> None:
        self.statement = statement
        self._by_dialect: dict[str, _Expanding] = {}

    def run(self, connection: Connection, params: Mapping[str, Any]) -> list[Any]:
        """The rows as named tuples, of an UPDATE those that it returns; raise SQLAlchemyError."""
        name = connection.dialect.name
        if name not in self._by_dialect:
            self._by_dialect[name] = _Expanding(self.statement, connection.dialect)
        return self._by_dialect[name].run(connection, params)


class _Expanding:
    """A statement about lists as one database takes it."""

    def __init__(self, statement: Select[Any] | Update, dialect: Dialect) -> None:
        self.compiled: SQLCompiler = statement.compile(dialect=dialect)
        binds = self.compiled.binds
        self.lists = tuple(name for name, bind in binds.items() if bind.expanding)
        self.converts = {name: convert for name, bind in binds.items() if (convert := _converter(bind.type, dialect))}
        self.constants = self._converted({name: [bind.value] for name, bind in binds.items() if not bind.required})
        columns = statement.exported_columns
        self.make_row = _row_maker(columns.keys())
        self.processors = [each.type.dialect_impl(dialect).result_processor(dialect, None) for each in columns]
        self.states: dict[tuple[int, ...], ExpandedState] = {}

    def run(self, connection: Connection, params: Mapping[str, Any]) -> list[Any]:
        given = {name: _filled_up(value) if name in self.lists else [value] for name, value in params.items()}
        values = self.constants | self._converted(given)
        state = self._state(values)
        named = {
            each: one
            for name, listed in values.items()
            for each, one in zip(state.parameter_expansion.get(name, (name,)), listed, strict=True)
        }
        ordered = tuple(map(named.__getitem__, state.positiontup)) if state.positiontup else named
        return self._rows(_execute(connection, state.statement, ordered))

    def _converted(self, values: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
        return {
            name: convert(listed) if (convert := self.converts.get(name)) else listed for name, listed in values.items()
        }

    def _state(self, values: Mapping[str, Sequence[Any]]) -> ExpandedState:
        """The statement for lists of these lengths."""
        sizes = tuple(len(values[name]) for name in self.lists)
        if sizes not in self.states:
            params = {name: value if name in self.lists else value[0] for name, value in values.items()}
            self.states[sizes] = self.compiled.construct_expanded_state(params)
        return self.states[sizes]

    def _rows(self, rows: Sequence[Any]) -> list[Any]:
        if rows and any(self.processors):
            columns = [
                column if process is None else [process(value) for value in column]
                for process, column in zip(self.processors, zip(*rows, strict=True), strict=True)
            ]
            rows = list(zip(*columns, strict=True))
        return list(map(self.make_row, rows))


def _execute(connection: Connection, sql: str, params: Any, *, many: bool = False) -> list[Any]:
    """The rows that come back, if any; raise SQLAlchemyError, as its own statements do, without the parameters."""
    if not connection.in_transaction():
        connection.begin()
    dialect, cursor = connection.dialect, connection.connection.cursor()
    connection.engine.dispatch.before_cursor_execute(connection, cursor, sql, params, None, many)
    try:
        (cursor.executemany if many else cursor.execute)(sql, params)
        return list(cursor.fetchall()) if cursor.description else []
    except dialect.loaded_dbapi.Error as error:
        is_gone = dialect.is_disconnect(error, connection.connection.driver_connection, cursor)
        if is_gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_gone, dialect=dialect
        ) from error
    finally:
        cursor.close()


def _row_maker(names: Iterable[str | None]) -> Callable[[Iterable[Any]], Any]:
    make: Any = namedtuple
    return cast("Callable[[Iterable[Any]], Any]", make("Row", list(names))._make)


def _filled_up(values: Sequence[Any]) -> list[Any]:
    if not values:
        raise ValueError("an empty list")
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))]


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
    if values.count(values[0]) == len(values):
        return [process(values[0])] * len(values)
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
