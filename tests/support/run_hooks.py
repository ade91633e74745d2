"""What pytest does at the begin and the end of a run, and when a server dies: a plugin of `tests/conftest.py`."""

from __future__ import annotations

import subprocess
from collections.abc import Generator

import pytest

from tests.support import postgres, run

KEEPER = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[KEEPER] = run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    keeper = config.stash.get(KEEPER, None)
    if keeper:
        run.end(keeper)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A server that has died ends the run, with its name, instead of failing all that is still to come."""
    report = yield
    if report.failed:
        item.session.shouldstop = postgres.obituary() or item.session.shouldstop
    return report
