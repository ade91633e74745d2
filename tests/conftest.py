"""What tests share: fixtures by what they open, and the order of a run."""

from __future__ import annotations

import pytest

pytest_plugins = [
    f"tests.support.fixtures.{name}" for name in ("databases", "gateways", "dashboard", "carriers", "webhooks")
]

LONG = ("chaos", "browser", "long")  # markers
OTHERS = {"stack", "sqlite_stack", "receiver", "start_smsc", "open_desk", "carrier", "first"}  # fixtures with processes


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that mostly wait, or take long, begin first: so no worker is left alone with one at the end.

    What waits for others, on a machine that may be busy, is tried once more when it fails; the report counts that.
    """
    for item in items:
        if any(map(item.get_closest_marker, LONG)) or OTHERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if item.get_closest_marker(name)), len(LONG)))
