"""What tests share: fixtures by what they open, who runs which tests, and in which order."""

from __future__ import annotations

import pytest

PLUGINS = ("databases", "gateways", "dashboard", "carriers", "smpp", "webhooks")
pytest_plugins = ["tests.support.run_hooks", *(f"tests.support.fixtures.{name}" for name in PLUGINS)]

GATEWAYS = ("tests/system/", "tests/resilience/")  # where tests use the shared gateway of a database
SHARED = {"stack", "sqlite_stack", "postgresql_stack"}
APART = "tests/e2e/"  # tests that share nothing but a browser: each may go to any worker
# Begin first, so that no worker is left alone with one at the end: both gateways, then what takes long by itself.
FIRST = (
    "gateway",
    "tests/e2e/test_first_hours.py",
    "tests/resilience/",
    "tests/e2e/",
    "tests/system/",
    "tests/integration/delivery/",
)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group tests for the workers, and put the longest groups first."""
    groups = {item: _group(item) for item in items}
    for item, group in groups.items():
        if group.startswith("gateway") and not item.nodeid.startswith(GATEWAYS):
            raise pytest.UsageError(f"{item.nodeid} uses the shared gateway: its place is in {' or '.join(GATEWAYS)}")
        if not item.nodeid.startswith(APART):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: next((n for n, name in enumerate(FIRST) if groups[item].startswith(name)), len(FIRST)))


def _group(item: pytest.Item) -> str:
    """Tests of one gateway go to one worker, so that there is one of them a database; others go by file and database,
    for what is started once a file.
    """
    names = SHARED & set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    database = callspec.params.get("database", "sqlite") if callspec else "sqlite"
    if names:
        return f"gateway on {'postgresql' if 'postgresql_stack' in names else database}"
    return f"{item.nodeid.partition('::')[0]} {database}"
