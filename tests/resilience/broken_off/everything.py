"""A test that is run to be broken off by `test_broken_off.py`, with a process of each kind that tests start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.resilience.broken_off.where import say
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.postgres import Server
from tests.support.smpp.smsc import Smsc
from tests.support.stack import Stack


@pytest.fixture
def chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its files lie among those of the test that breaks this one off, which removes them."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        browser.new_page()
        yield
        browser.close()


def test_that_everything_runs(
    postgres: Server, sqlite_stack: Stack, start_smsc: Callable[..., Smsc], valkey: str, chromium: None
) -> None:
    start_smsc()
    say()
    time.sleep(100)
