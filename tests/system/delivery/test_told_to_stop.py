"""A worker that is told to stop before it waits for work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.settings import Settings, prepare_home
from jobs import runtime, worker
from tests.support import valkey


@pytest.fixture
def told_to_stop() -> Iterator[None]:
    """As after SIGTERM; the worker puts signal handlers in place, which are taken out again."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    runtime.stopping.set()
    yield
    runtime.stopping.clear()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("told_to_stop")
def test_a_stop_that_comes_before_the_worker_listens_is_not_lost(tmp_path: Path) -> None:
    """RQ listens to signals from its own loop on, and what comes before, say while texts of the start are sent, would
    else be forgotten: the process would be killed at last, with texts in hand.
    """
    prepare_home(tmp_path / "home")
    with valkey.running(tmp_path) as (address, process):
        settings = Settings.from_env({"CHINQIT_HOME": str(tmp_path / "home"), "REDIS_URL": address})
        breaking_off = threading.Timer(10, process.kill)
        breaking_off.start()
        worker._work("sms", settings)
        assert breaking_off.is_alive(), "it waited for work until Redis was gone"
        breaking_off.cancel()
