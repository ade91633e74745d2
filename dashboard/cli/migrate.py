"""chinqit migrate, and the version of the database.

Migrations run beside the processes that serve. On PostgreSQL one that changes a table waits for those who read it, and
everybody after it waits for that one: so it waits for a moment only, gives up, and tries again. Of several machines
that migrate at once, one does it and the others wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.cli.core import example
from dashboard.db import Executor, error_reason, make_sessions
from dashboard.resources import resource
from dashboard.settings import Settings, SettingsError

VERSIONS = resource("migrations/versions")
LOCK_SECONDS = 3.0  # that a table may be waited for, and with it everybody who comes after
LOCK_TRIES = 20
PAUSE_SECONDS = 2.0  # for those who came after
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('chinqit migrate', 0))"  # as db.lock has names
TURN_SECONDS = 0.5
IDLE_SECONDS = 2.0  # an open transaction of this age is no call of ours
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, appendix A
_OPEN_TRANSACTIONS = text(
    "SELECT pid, usename, application_name, extract(epoch FROM now() - xact_start)::int AS seconds"
    " FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid() AND now() - xact_start > make_interval(secs => :seconds)"
    " AND NOT EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = pg_stat_activity.pid AND locktype = 'advisory')"
    " ORDER BY xact_start"
)


@click.command(epilog=example("DATABASE_URL=postgresql://chinqit@/chinqit chinqit migrate"))
def migrate() -> None:
    """Bring the database to this version's tables."""
    upgrade(Settings.from_env())
    click.echo("The database is up to date.")


def newest_version() -> str:
    """The number of the newest migration: the files are numbered."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def database_version(session: Session) -> str | None:
    """The number of the last migration that was run, or None on an empty database."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def upgrade_if_needed(settings: Settings, echo: Callable[[str], None]) -> None:
    """Run the migrations that are missing. Raise SettingsError when the database does not answer or is newer."""
    sessions = make_sessions(settings.database_url)
    try:
        with sessions() as session:
            version = database_version(session)
    except SQLAlchemyError as error:
        raise SettingsError(f"{database_name(settings)} does not answer: {error_reason(error)}") from None
    finally:
        sessions.kw["bind"].dispose()
    newest = newest_version()
    if version is not None and version > newest:
        raise SettingsError(f"The database is newer ({version}) than this version of the gateway ({newest}).")
    if version != newest:
        echo("Preparing the database ...")
        upgrade(settings)


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Run the migrations that are missing, up to a revision. Raise SettingsError when a table stays locked."""
    with _alembic(settings) as (command, config):
        engine = config.attributes["engine"]
        with engine.connect() as waiting:  # a transaction of its own, as poolers know no other locks
            if engine.dialect.name == "postgresql":
                _take_turn(waiting)
                event.listen(engine, "begin", _wait_for_tables_briefly)
            _try_to(lambda: command.upgrade(config, revision), waiting)


def _take_turn(waiting: Connection) -> None:
    """Wait until no other machine migrates, by asking now and then.

    An index is made CONCURRENTLY when no transaction is left that looks at the tables as they were: a statement that
    waits for the lock would be one, as would one with parameters, whose portal PostgreSQL keeps until the next.
    """
    while not waiting.exec_driver_sql(TAKE_TURN).scalar_one():
        waiting.rollback()
        time.sleep(TURN_SECONDS)


def _wait_for_tables_briefly(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1_000)}")


def _try_to(run: Callable[[], None], waiting: Connection) -> None:
    for tries_left in reversed(range(LOCK_TRIES)):
        try:
            run()
            return
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            if not tries_left:
                holders = "; ".join(open_transactions(waiting)) or "it is not known whose"
                raise SettingsError(f"A table stays locked by another transaction: {holders}") from None
            time.sleep(PAUSE_SECONDS)


def open_transactions(executor: Executor) -> list[str]:
    """The transactions of others that have been open for a while, by process: a migration waits for them."""
    if (executor.dialect if isinstance(executor, Connection) else executor.get_bind().dialect).name != "postgresql":
        return []
    rows = executor.execute(_OPEN_TRANSACTIONS, {"seconds": IDLE_SECONDS})
    return [f"process {row.pid} ({row.application_name or row.usename}), open for {row.seconds} s" for row in rows]


def downgrade(settings: Settings, revision: str) -> None:
    """Take the migrations after a revision back; for tests."""
    with _alembic(settings) as (command, config):
        command.downgrade(config, revision)


@contextmanager
def _alembic(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """Alembic's commands, and what they take for this database."""
    from alembic import command  # 7 MB, for what most processes never do
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    config.attributes["engine"] = engine = make_sessions(settings.database_url).kw["bind"]
    try:
        yield command, config
    finally:
        engine.dispose()


def database_name(settings: Settings) -> str:
    return "SQLite" if settings.database_url.startswith("sqlite") else "PostgreSQL"
