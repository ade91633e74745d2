"""What tests share: fixtures by what they open, who runs which tests, and in which order."""

from __future__ import annotations

import gc

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.support.groups import GATEWAYS, group

FIXTURES = ("databases", "gateways", "dashboard", "carriers", "smpp", "webhooks")
pytest_plugins = ["tests.support.run_hooks"]

SHARED = {"stack", "sqlite_stack", "postgresql_stack"}
ALONE = "tests/resilience/broken_off/everything.py"  # run by itself, to be broken off
# Begin first, so that no worker is left alone with one at the end: both gateways, then what takes long by itself.
FIRST = ("gateway", "tests/e2e/test_first_hours.py", "tests/resilience/", "tests/e2e/", "tests/system/")


def pytest_configure(config: pytest.Config) -> None:
    """Load the fixtures, and the product with them, where tests are run: not in the process that hands them out."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or config.getoption("dist") == "no" or config.getoption("collectonly"):
        gc.disable()  # all that is loaded stays; `pytest_collection_finish` lets it collect again
        for name in FIXTURES:
            config.pluginmanager.import_plugin(f"tests.support.fixtures.{name}")
        from hypothesis import settings  # takes half a second

        settings.register_profile("fixed", derandomize=True)  # the same examples in each run: a red one can be repeated
        settings.load_profile("fixed")


class OneGatewayADatabase(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out groups of tests, each to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


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
