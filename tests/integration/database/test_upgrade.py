"""A newer version takes over while the older one runs: `chinqit upgrade`, and migrations that hold nobody up."""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, Engine, create_engine, text

from dashboard.cli import migrate, upgrade
from dashboard.cli.registry import main
from dashboard.db import make_sessions
from dashboard.settings import Settings, SettingsError, prepare_home
from tests.support.postgres import Server
from tests.support.processes import run_forked
from tests.support.stack import KEPT, until

FILES = sorted(migrate.VERSIONS.glob("[0-9]*.py"))
TAKES_AWAY = {"drop_column", "drop_table", "rename_table", "alter_column"}
BEFORE_LAST, LAST = (path.name.split("_")[0] for path in FILES[-2:])


@pytest.fixture
def older(new_database: Callable[[Path], str], tmp_path: Path) -> Settings:
    """A gateway whose database lacks the newest migration."""
    home = tmp_path / "home"
    prepare_home(home)
    settings = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": new_database(home)})
    migrate.upgrade(settings, BEFORE_LAST)
    return settings


def environ_of(settings: Settings) -> dict[str, str]:
    return {"CHINQIT_HOME": str(settings.chinqit_home), "DATABASE_URL": settings.database_url}


def command(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(main, ["upgrade", *words], env=environ_of(settings))


def version(settings: Settings) -> str | None:
    sessions = make_sessions(settings.database_url)
    with sessions() as session:
        found = migrate.database_version(session)
    sessions.kw["bind"].dispose()
    return found


def test_what_is_missing_is_named_and_then_done(older: Settings) -> None:
    told = command(older, "--check")
    assert (told.exit_code, version(older)) == (0, BEFORE_LAST), told.output
    assert f"version {BEFORE_LAST}, this code needs {LAST}" in told.stdout
    assert f"{LAST}  " in told.stdout and "beside what runs" in told.stdout
    done = command(older)
    assert (done.exit_code, version(older)) == (0, LAST), done.output
    assert LAST + "  " not in command(older, "--check").stdout


def test_a_migration_that_takes_away_what_runs_is_refused(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    home = tmp_path / "home"
    prepare_home(home)
    old = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": new_database(home)})
    migrate.upgrade(old, "0007")
    told = command(old)
    assert (told.exit_code, version(old)) == (1, "0007"), told.output
    assert "0008  " in told.stdout and "STOP THE GATEWAY FIRST" in told.stdout
    assert "NOT NOW: 0008 removes what the running version uses" in told.stdout


def test_a_migration_that_takes_away_says_who_used_it() -> None:
    """Else nobody could tell whether the version that runs goes on."""
    taking = [path.name.split("_")[0] for path in FILES if called_on_the_way_up(path) & TAKES_AWAY]
    saying = [step.version for step in upgrade.missing(None) if step.used_before is not None]
    assert taking == saying != []


def called_on_the_way_up(path: Path) -> set[str]:
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    nodes = [node for each in functions if each.name != "downgrade" for node in ast.walk(each)]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@pytest.fixture
def on_postgresql(postgres: Server, tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    prepare_home(home)
    settings = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": postgres.create()})
    migrate.upgrade(settings, "0022")
    return settings


@contextmanager
def reader_of(settings: Settings, table: str, isolation_level: str = "READ COMMITTED") -> Iterator[Engine]:
    """Somebody reads a table in a transaction that stays open, as a report or a forgotten psql does."""
    engine = create_engine(settings.database_url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect().execution_options(isolation_level=isolation_level) as connection, connection.begin():
            connection.execute(text(f"SELECT count(*) FROM {table}"))
            yield engine
    finally:
        engine.dispose()


def test_a_migration_that_waits_for_a_reader_lets_others_through(
    on_postgresql: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.3)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.2)
    with ThreadPoolExecutor(1) as pool:
        with reader_of(on_postgresql, "sandbox_texts") as engine:
            migrating = pool.submit(migrate.upgrade, on_postgresql, "0023")
            waited = threading.Event()
            for _ in range(200):
                with engine.connect() as other:
                    waits = other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
                    if waits:
                        waited.set()
                        other.execute(text("SELECT count(*) FROM sandbox_texts"))  # behind it in the queue
                        break
                time.sleep(0.01)
            assert waited.is_set() and not migrating.done()
        migrating.result(30)
    assert version(on_postgresql) == "0023"


def test_a_table_that_stays_locked_is_given_up_with_the_name_of_who_holds_it(
    on_postgresql: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(migrate, "LOCK_TRIES", 3)
    monkeypatch.setattr(migrate, "IDLE_SECONDS", 0.0)
    with reader_of(on_postgresql, "sandbox_texts"):
        with pytest.raises(SettingsError, match=r"stays locked by another transaction: process \d+ \(postgres\)"):
            migrate.upgrade(on_postgresql, "0023")
        assert "a migration would wait for the transaction of process" in command(on_postgresql, "--check").stdout
    assert version(on_postgresql) == "0022"


def test_of_machines_that_migrate_at_once_one_does_it(on_postgresql: Settings, tmp_path: Path) -> None:
    environ = {name: os.environ[name] for name in KEPT if name in os.environ} | environ_of(on_postgresql)
    with ThreadPoolExecutor(3) as pool:
        for done in pool.map(lambda _: run_forked(["chinqit", "migrate"], environ, tmp_path), range(3)):
            assert done.returncode == 0, done.stderr
    assert version(on_postgresql) == LAST


INDEX = "ix_messages_step"


def test_an_index_of_messages_is_made_while_others_write_to_them(on_postgresql: Settings) -> None:
    """Its making waits for an old transaction; whoever writes to messages meanwhile does not."""
    migrate.upgrade(on_postgresql, "0038")
    with ThreadPoolExecutor(1) as pool:
        with reader_of(on_postgresql, "webhook_endpoints", isolation_level="REPEATABLE READ") as engine:
            migrating = pool.submit(migrate.upgrade, on_postgresql, "0039")
            with engine.connect() as other:
                until(lambda: _is_being_made(other), 20)
            with engine.begin() as writer:
                writer.execute(text("SET LOCAL lock_timeout = '2s'"))
                writer.execute(text("UPDATE messages SET step = NULL"))
            assert not migrating.done()
        migrating.result(30)
    assert (version(on_postgresql), _is_valid(on_postgresql)) == ("0039", True)


def test_an_index_whose_making_was_broken_off_is_made_anew(on_postgresql: Settings) -> None:
    migrate.upgrade(on_postgresql, "0039")
    _change(on_postgresql, f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}'::regclass")
    _change(on_postgresql, "UPDATE alembic_version SET version_num = '0038'")
    assert not _is_valid(on_postgresql)
    migrate.upgrade(on_postgresql, "0039")
    assert (version(on_postgresql), _is_valid(on_postgresql)) == ("0039", True)


def _is_being_made(connection: Connection) -> bool:
    with connection.begin():
        return bool(connection.scalar(text("SELECT count(*) FROM pg_stat_progress_create_index")))


def _is_valid(settings: Settings) -> bool:
    sessions = make_sessions(settings.database_url)
    with sessions() as session:
        found = session.scalar(text(f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{INDEX}')"))
    sessions.kw["bind"].dispose()
    return bool(found)


def _change(settings: Settings, statement: str) -> None:
    sessions = make_sessions(settings.database_url)
    with sessions.begin() as session:
        session.execute(text(statement))
    sessions.kw["bind"].dispose()
