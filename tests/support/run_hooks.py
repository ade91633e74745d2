"""What pytest does at the begin and the end of a run, and when a server dies: a plugin of `tests/conftest.py`."""

from __future__ import annotations

import gc
import importlib
import subprocess
from collections.abc import Generator
from contextlib import suppress

import pytest

from dashboard.resources import ROOT
from tests.support import postgres, run

KEEPER = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[KEEPER] = run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    keeper = config.stash.get(KEEPER, None)
    if keeper:
        run.end(keeper)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each worker begins to load the test files at another place and finds compiled what the others have loaded:
    all of them begin at once, and to compile all files takes longer than all else until the first test.
    """
    worker: dict[str, str | int] | None = getattr(session.config, "workerinput", None)
    if worker is None:
        return
    files = sorted({file for folder in session.config.args for file in (ROOT / folder).glob("**/test_*.py")})
    begin = len(files) * int(str(worker["workerid"]).removeprefix("gw")) // int(worker["workercount"])
    for file in files[begin:] + files[:begin]:
        with suppress(Exception, pytest.skip.Exception):  # it is loaded again to be collected, and fails there
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: to look at it again and again takes a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A server that has died ends the run, with its name, instead of failing all that is still to come."""
    report = yield
    if report.failed:
        item.session.shouldstop = postgres.obituary() or item.session.shouldstop
    return report
