"""A test that is run to be broken off by `test_broken_off.py`, with a process of each kind that tests start."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.resilience.broken_off.where import say
from tests.support import tables
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.postgres import Server
from tests.support.processes import fork
from tests.support.smpp.smsc import Smsc
from tests.support.stack import KEPT


@pytest.fixture
def chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its files lie among those of the test that breaks this one off, which removes them."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        browser.new_page()
        yield
        browser.close()


@pytest.fixture
def part(valkey: str, tmp_path: Path) -> None:
    """A part of the gateway: all are forked alike, and each leads a session of its own."""
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {"CHINQIT_HOME": str(tmp_path), "DATABASE_URL": tables.sqlite(tmp_path), "REDIS_URL": valkey}
    fork([sys.executable, "-m", "jobs.relay"], environ, tmp_path / "log")


def test_that_everything_runs(
    postgres: Server, part: None, start_smsc: Callable[..., Smsc], valkey: str, chromium: None
) -> None:
    start_smsc()
    say()
    time.sleep(100)
