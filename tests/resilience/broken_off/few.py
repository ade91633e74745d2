"""Tests that are run to be broken off by `test_broken_off.py`, with no fixture and few imports: they begin at once.

A program that carries the mark of the run is there, and one that writes over its environment (PostgreSQL).
"""

from __future__ import annotations

import subprocess
import time

import psycopg
import pytest

from tests.resilience.broken_off.where import say
from tests.support import postgres


def test_that_few_run() -> None:
    server = postgres.shared()
    subprocess.Popen(["sleep", "100"])
    say(postgres=_pid(server))
    time.sleep(100)


@pytest.mark.parametrize("number", range(20))
def test_that_asks_postgresql(number: int) -> None:
    server = postgres.shared()
    address = server.create()
    if number == 1:
        say(postgres=_pid(server))
        while postgres.obituary() is None:
            time.sleep(0.02)
    psycopg.connect(address).close()


def _pid(server: postgres.Server) -> int:
    return int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
