"""What tests share: fixtures by what they open, the order of a run, and its end."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Generator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import postgres, run

PLUGINS = ("databases", "gateways", "dashboard", "carriers", "smpp", "webhooks")
pytest_plugins = [f"tests.support.fixtures.{name}" for name in PLUGINS]

LONG = ("tests/system/", "tests/resilience/", "tests/e2e/")  # begin first: no worker is left alone with one at the end
GATEWAYS = ("tests/system/", "tests/resilience/")  # where tests use the shared gateway of a database
SHARED = {"stack", "sqlite_stack", "postgresql_stack"}
# Run processes of their own, not those of the shared gateway.
OWN_PROCESSES = (
    "tests/system/cli/",
    "tests/system/install/",
    "tests/system/carriers/",
    "tests/resilience/database/test_crash.py",
    "tests/resilience/broken_off/",
)
DATABASE = re.compile(r"[\[-](sqlite|postgresql)[]-]")
KEEPER = pytest.StashKey[subprocess.Popen[bytes]]()


class OneGatewayADatabase(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one file and one database go to one worker; those of the gateway on a database all go to the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        database = DATABASE.search(nodeid)
        kind = database[1] if database else "sqlite"
        if file.startswith(GATEWAYS) and not file.startswith(OWN_PROCESSES):
            return f"gateway on {kind}"
        return f"{file} {kind}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneGatewayADatabase:
    return OneGatewayADatabase(config, log)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[KEEPER] = run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    keeper = config.stash.get(KEEPER, None)
    if keeper:
        run.end(keeper)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SHARED & set(getattr(item, "fixturenames", ())) and not item.nodeid.startswith(GATEWAYS):
            raise pytest.UsageError(f"{item.nodeid} uses the shared gateway: its place is in {' or '.join(GATEWAYS)}")
    items.sort(key=lambda item: next((n for n, folder in enumerate(LONG) if item.nodeid.startswith(folder)), len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A server that has died ends the run, with its name, instead of failing all that is still to come."""
    report = yield
    if report.failed:
        item.session.shouldstop = postgres.obituary() or item.session.shouldstop
    return report
