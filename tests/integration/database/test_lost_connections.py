"""Connections that a restart of PostgreSQL broke while they lay in the pool break off no call."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from dashboard import db
from dashboard.db import Sessions, make_sessions
from tests.support.postgres import Server


@pytest.fixture
def sessions(postgres: Server) -> Iterator[Sessions]:
    found = make_sessions(postgres.create())
    yield found
    found.kw["bind"].dispose()


def end_all(sessions: Sessions) -> None:
    """As a restart does, from a connection of its own."""
    url = sessions.kw["bind"].url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_connections_that_died_in_the_pool_are_replaced(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "PING_AFTER_SECONDS", 0.0)  # as after a second
    with sessions.begin() as one, sessions.begin() as other:
        pids = {session.scalar(text("SELECT pg_backend_pid()")) for session in (one, other)}
    end_all(sessions)
    with sessions.begin() as one, sessions.begin() as other:
        assert pids.isdisjoint({session.scalar(text("SELECT pg_backend_pid()")) for session in (one, other)})


def test_a_connection_that_was_used_just_now_is_not_asked_first(sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("SELECT 1"))
    end_all(sessions)
    with pytest.raises(Exception, match=r"terminating connection|closed"), sessions.begin() as session:
        session.execute(text("SELECT 1"))
    with sessions.begin() as session:  # the first error told the pool of it
        assert session.scalar(text("SELECT 1")) == 1
