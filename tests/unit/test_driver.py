"""Statements on the driver's cursor hold what the models hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from dashboard import driver
from dashboard.db import UtcDateTime
from dashboard.driver import BulkInsert
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send
from dashboard.gateway.sandbox import inbox


@pytest.mark.parametrize("statement", [outbox.INSERT_ALL, send.INSERT, inbox.INSERT], ids=lambda each: each.table.name)
def test_an_insert_gives_every_column_that_the_database_does_not_fill(statement: BulkInsert) -> None:
    """A default of the model is none of the database: it must stand in the rows."""
    table = statement.table
    filled = {column.name for column in table.c if column.server_default or column.primary_key}
    asked = {column.name for column in table.c if not column.nullable or column.default} - filled
    assert asked <= set(statement.names) <= set(table.c.keys())


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=3))])
@pytest.mark.parametrize("microsecond", [0, 70, 999_999])
def test_sqlite_gets_times_as_sqlalchemy_writes_them(zone: timezone, microsecond: int) -> None:
    at = datetime(2026, 11, 27, 23, 59, 1, microsecond, zone)
    process = UtcDateTime().dialect_impl(sqlite.dialect()).bind_processor(sqlite.dialect())
    assert process
    assert driver._sqlite_time(at) == process(at)


def test_a_row_that_holds_more_than_the_statement_is_refused() -> None:
    """A new column of a model must not be left out in silence."""
    prepared = inbox.INSERT._prepare(sqlite.dialect())
    row = dict.fromkeys(inbox.INSERT.names)
    assert len(prepared.columns([row])) == len(row)
    with pytest.raises(ValueError, match="'new'"):
        prepared.columns([row | {"new": 1}])


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        driver._sqlite_time(datetime(2026, 11, 27))  # noqa: DTZ001
