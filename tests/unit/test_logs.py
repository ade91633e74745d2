"""Lines of the log: their forms, what is folded, and what never stands in them."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Callable, Iterator
from io import StringIO

import psycopg
import pytest
from redis.exceptions import ConnectionError as Unreachable
from sqlalchemy.exc import DataError, OperationalError

from dashboard import db, logs, redis
from dashboard.logs import FoldingHandler, JsonFormatter, TextFormatter

Told = Callable[[], list[str]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, Told]]:
    """A logger of its own, and what it has written."""
    form = getattr(request, "param", TextFormatter)
    stream, handler = StringIO(), FoldingHandler(form("relay"))
    handler.setStream(stream)
    logger = logging.getLogger(request.node.name)
    logger.propagate = False
    logger.addHandler(handler)
    yield logger, lambda: stream.getvalue().splitlines()
    logger.removeHandler(handler)
    handler.close()


def test_a_line_names_time_level_part_and_request(log: tuple[logging.Logger, Told]) -> None:
    logger, told = log
    token = logs.request_id.set("order-42")
    logger.warning("the relay skips a turn: %s", "disk\nfull")
    logs.request_id.reset(token)
    (line,) = told()
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{when} WARNING relay\[\d+\] \S+: the relay skips a turn: disk full request=order-42", line)


@pytest.mark.parametrize("log", [JsonFormatter], indirect=True)
def test_json_is_an_object_a_line(log: tuple[logging.Logger, Told]) -> None:
    logger, told = log
    logger.error("the database failed: %s", "locked")
    line = json.loads(told()[0])
    assert set(line) == {"time", "level", "part", "pid", "logger", "message"}
    assert (line["level"], line["part"], line["message"]) == ("error", "relay", "the database failed: locked")


def test_equal_lines_are_told_once_and_then_counted(
    log: tuple[logging.Logger, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, told = log
    for _ in range(905):
        logger.error("the database failed: %s", "gone")
    logger.error("another line")
    assert len(told()) == 2
    monkeypatch.setattr(logs, "FOLD_SECONDS", 0.0)
    logger.error("a third one")
    assert len(told()) == 4 and "the database failed: gone (904 times more within" in told()[2]
    logger.error("the database failed: %s", "gone")
    assert len(told()) == 5


def test_what_was_folded_last_is_told_at_the_end(log: tuple[logging.Logger, Told]) -> None:
    logger, told = log
    for _ in range(3):
        logger.error("gone")
    logger.handlers[0].close()
    assert len(told()) == 2 and "(2 times more" in told()[1]


def test_an_exception_is_its_kind_and_place(log: tuple[logging.Logger, Told]) -> None:
    logger, told = log
    try:
        int("482913 of +22238089336")
    except ValueError:
        logger.exception("a job failed")
    (line,) = told()
    assert "a job failed (ValueError, " in line and "test_logs.py:" in line and "482913" not in line


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full")),
            "database or disk is full",
        ),
        (OperationalError("SELECT", {}, psycopg.OperationalError("gone\nDETAIL: 482913")), "gone"),
        (DataError("INSERT", {}, psycopg.DataError("invalid input: 482913")), "DataError"),
        (ValueError("482913"), "ValueError"),
    ],
)
def test_the_driver_says_why_and_no_value(error: Exception, reason: str) -> None:
    assert db.error_reason(error) == reason


def test_redis_says_why() -> None:
    assert (
        redis.error_reason(Unreachable("Error 111 connecting to 127.0.0.1:1.")) == "Error 111 connecting to 127.0.0.1:1"
    )
    assert redis.error_reason(ValueError("482913")) == "ValueError"
