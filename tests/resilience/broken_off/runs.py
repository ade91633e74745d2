"""Tests that are run to be broken off by `test_broken_off.py`; they say in a file where they are."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import sync_playwright

from tests.support.browser import CHROMIUM, FLAGS
from tests.support.postgres import Server
from tests.support.smpp.smsc import Smsc
from tests.support.stack import Stack


def say(**told: int) -> None:
    path = Path(os.environ["TOLD"])
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps(told))
    whole.replace(path)  # whoever waits for the file finds it written


@pytest.fixture
def chromium() -> Iterator[None]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        browser.new_page()
        yield
        browser.close()


def test_that_everything_runs(
    postgresql_stack: Stack, start_smsc: Callable[..., Smsc], valkey: str, chromium: None
) -> None:
    start_smsc()
    say(worker=os.getpid())
    time.sleep(100)


@pytest.mark.parametrize("number", range(20))
def test_that_asks_postgresql(postgres: Server, number: int) -> None:
    address = postgres.create()
    if number == 1:
        say(worker=os.getpid(), postgres=_pid(postgres))
        time.sleep(2)
    psycopg.connect(address).close()


def _pid(server: Server) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
