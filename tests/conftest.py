"""What tests share: fixtures by what they open, who runs which tests, and in which order."""

from __future__ import annotations

import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support import stack

PLUGINS = ("databases", "gateways", "dashboard", "carriers", "smpp", "webhooks")
pytest_plugins = ["tests.support.run_hooks", *(f"tests.support.fixtures.{name}" for name in PLUGINS)]

GATEWAYS = ("tests/system/", "tests/resilience/")  # where tests use the shared gateway of a database
SHARED = {"stack", "sqlite_stack", "postgresql_stack"}
# Run processes of their own, not those of the shared gateway.
OWN_PROCESSES = (
    "tests/system/cli/",
    "tests/system/install/",
    "tests/system/carriers/",
    "tests/system/delivery/",
    "tests/resilience/database/test_crash.py",
    "tests/resilience/broken_off/",
)
ALONE = "tests/resilience/broken_off/everything.py"  # run by itself, to be broken off
APART = "tests/e2e/"  # tests that share nothing but a browser: each may go to any worker
# Begin first, so that no worker is left alone with one at the end: both gateways, then what takes long by itself.
FIRST = ("gateway", "tests/e2e/test_first_hours.py", "tests/resilience/", "tests/e2e/", "tests/system/")
DATABASE = re.compile(r"[\[-](sqlite|postgresql)[]-]")


class OneGatewayADatabase(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups of tests, each to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """Tests of one gateway go to one worker, so that there is one of them a database; others go by file and database,
    for what is started once a file.
    """
    if nodeid.startswith(APART):
        return nodeid
    file = nodeid.partition("::")[0]
    found = DATABASE.search(nodeid)
    database = found[1] if found else "sqlite"
    if file.startswith(GATEWAYS) and not file.startswith(OWN_PROCESSES):
        return f"gateway on {database}"
    return f"{file} {database}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneGatewayADatabase:
    return OneGatewayADatabase(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first."""
    groups = {item: group(item.nodeid) for item in items}
    for item, name in groups.items():
        if item.nodeid.startswith(ALONE):
            continue
        shared = SHARED & set(getattr(item, "fixturenames", ()))
        if shared and not name.startswith("gateway"):
            raise pytest.UsageError(f"{item.nodeid} uses the shared gateway: its place is in {' or '.join(GATEWAYS)}")
        if "postgresql_stack" in shared and name != "gateway on postgresql":
            raise pytest.UsageError(f"{item.nodeid} names no database: take `stack` with the parameter `database`")
    items.sort(key=lambda item: next((n for n, name in enumerate(FIRST) if groups[item].startswith(name)), len(FIRST)))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End a shared gateway with the last of its group: it would look for work to the end of the run. Only a worker is
    given a group as a whole.
    """
    name = group(item.nodeid)
    if not (name.startswith("gateway") and hasattr(item.config, "workerinput")):
        return
    if nextitem is None or group(nextitem.nodeid) != name:
        for running in stack.SHARED:
            running.close()
