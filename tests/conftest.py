"""Fixtures: both databases, a migrated database, and the whole gateway running on one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.db import Base, Sessions, make_sessions
from dashboard.settings import Settings, prepare_home
from tests.support.postgres import Postgres, PostgresMissing
from tests.support.processes import fork
from tests.support.stack import Client, Stack, migrate
from tests.support.valkey import running as running_valkey

DATABASES = ("sqlite", "postgresql")
LONG = ("chaos", "browser", "long")  # markers
OTHERS = {"stack", "sqlite_stack", "receiver", "start_smsc", "open_desk", "carrier", "first"}  # fixtures with processes
_taken: set[int] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that mostly wait, or take long, begin first: so no worker is left alone with one at the end.

    What waits for others, on a machine that may be busy, is tried once more when it fails; the report counts that.
    """
    for item in items:
        if any(map(item.get_closest_marker, LONG)) or OTHERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.get_closest_marker(name)), len(LONG)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server. Without one these tests are skipped; on CI that is a failure."""
    try:
        server = Postgres()
    except PostgresMissing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("NO POSTGRESQL: half of the tests do not run")
    yield server
    server.stop()


@pytest.fixture(scope="session", params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database: every test that needs one runs on both."""
    return str(request.param)


def _in_home(home: Path) -> str:
    return f"sqlite:///{home / 'chinqit.db'}"


@pytest.fixture(scope="session")
def new_database(database: str, request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Makes an empty database for a home folder; returns its address. SQLite's is in that folder, as by default."""
    if database == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        return lambda _home: server.create()
    return _in_home


@pytest.fixture(scope="session")
def sqlite_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from run_stack(_in_home, tmp_path_factory.mktemp("s") / "home")


@pytest.fixture(scope="session")
def postgresql_stack(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from run_stack(lambda _home: postgres.create(), tmp_path_factory.mktemp("s") / "home")


@pytest.fixture(scope="session")
def stack(database: str, request: pytest.FixtureRequest) -> Stack:
    """The whole gateway on either database, started once for all tests; leave it as healthy as you found it."""
    found: Stack = request.getfixturevalue(f"{database}_stack")
    return found


@pytest.fixture
def healed(stack: Stack) -> Iterator[None]:
    """Whatever a test broke is whole again after it."""
    yield
    stack.heal()


def run_stack(new_database: Callable[[Path], str], home: Path) -> Iterator[Stack]:
    stack = Stack(home, new_database(home), run=fork)
    try:
        stack.start()
        stack.wait_ready()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Valkey with nothing around it."""
    with running_valkey(tmp_path_factory.mktemp("v")) as (address, _):
        yield address


@pytest.fixture
def client(stack: Stack) -> Client:
    """A caller with a fresh live key."""
    return stack.client()


@pytest.fixture
def phone() -> str:
    """A number that no other test uses."""
    return new_phone()


def new_phone() -> str:
    while True:
        number = random.randrange(20_000_000, 50_000_000)
        if number not in _taken and not str(number)[2:].startswith("9999"):
            _taken.add(number)
            return f"+222{number}"


@pytest.fixture(scope="session")
def settings(new_database: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a migrated database with no process around it."""
    home = tmp_path_factory.mktemp("s") / "home"
    prepare_home(home)
    found = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": new_database(home)})
    migrate(found)
    return found


@pytest.fixture(scope="session")
def _engine_of(settings: Settings) -> Iterator[Sessions]:
    sessions = make_sessions(settings.database_url)
    yield sessions
    sessions.kw["bind"].dispose()


@pytest.fixture
def sessions(_engine_of: Sessions) -> Sessions:
    """A session factory on an empty, migrated database; no processes run."""
    with _engine_of.begin() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    return _engine_of
