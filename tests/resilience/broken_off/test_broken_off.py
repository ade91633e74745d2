"""A run of tests that is broken off leaves no process behind; one whose PostgreSQL dies ends with its name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from dashboard.resources import ROOT
from tests.support import run
from tests.support.stack import until

EVERYTHING = ("postgres", "valkey-server", "forkserver", "smsc.js", "chrom", "support/run.py")
FEW = ("postgres", "sleep", "support/run.py")
WITHOUT_FIXTURES = ("--noconftest", "-p", "tests.support.run_hooks")
WITHIN = 60


class Inner:
    """A run of its own, of a test in a file beside this one."""

    def __init__(self, folder: Path, test: str, *options: str) -> None:
        self.told, self.printed = folder / "told.json", folder / "printed"
        command = [sys.executable, "-m", "pytest", "-n1", "-p", "no:cacheprovider", f"--basetemp={folder / 'b'}"]
        # Where this run is a shell's background job it ignores SIGINT, and so would the inner one.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with self.printed.open("wb") as out:
            self.process = subprocess.Popen(
                [*command, *options, str(Path(__file__).with_name(test))],
                cwd=ROOT,
                env={**os.environ, "TOLD": str(self.told)},
                stdout=out,
                stderr=out,
            )
        signal.signal(signal.SIGINT, before)

    def where(self) -> dict[str, int]:
        """Where it is, once it says so."""
        until(self.told.exists, WITHIN, self.printed.read_text)
        found: dict[str, int] = json.loads(self.told.read_text())
        return found

    def processes(self) -> dict[int, str]:
        """All that descends from it, by what it runs."""
        found = {}
        for pid in run.descendants({self.process.pid}):
            with suppress(OSError):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("i")  # short: it holds sockets


def begun(folder: Path, test: str, *options: str) -> Iterator[Inner]:
    inner = Inner(folder, test, *options)
    yield inner
    inner.process.kill()
    inner.process.wait(10)  # its keeper ends the rest


@pytest.fixture
def everything(folder: Path) -> Iterator[Inner]:
    yield from begun(folder, "everything.py::test_that_everything_runs")


@pytest.fixture
def few(folder: Path) -> Iterator[Inner]:
    yield from begun(folder, "few.py::test_that_few_run", *WITHOUT_FIXTURES)


@pytest.fixture
def asking(folder: Path) -> Iterator[Inner]:
    yield from begun(folder, "few.py::test_that_asks_postgresql", *WITHOUT_FIXTURES)


def processes(inner: Inner, names: Sequence[str]) -> dict[int, str]:
    """Those of a run that says where it is: each of these programs is among them."""
    inner.where()
    begun = inner.processes()
    assert [name for name in names if not any(name in line for line in begun.values())] == []
    return begun


def test_a_run_that_is_killed_leaves_no_process(everything: Inner) -> None:
    begun = processes(everything, EVERYTHING)
    everything.process.kill()
    assert everything.process.wait(WITHIN) != 0
    until(lambda: not any(map(run.is_alive, begun)), WITHIN, lambda: str(left(begun)))


def test_a_run_that_is_interrupted_leaves_no_process(few: Inner) -> None:
    begun = processes(few, FEW)
    few.process.send_signal(signal.SIGINT)
    assert few.process.wait(WITHIN) != 0
    until(lambda: not any(map(run.is_alive, begun)), WITHIN, lambda: str(left(begun)))


def test_a_worker_that_is_killed_leaves_no_process_when_the_run_ends(few: Inner) -> None:
    begun = processes(few, FEW)
    os.kill(few.where()["worker"], signal.SIGKILL)
    assert few.process.wait(WITHIN) != 0
    assert "crashed" in few.printed.read_text()
    until(lambda: not any(map(run.is_alive, begun)), WITHIN, lambda: str(left(begun)))


def left(begun: dict[int, str]) -> dict[int, str]:
    return {pid: line for pid, line in begun.items() if run.is_alive(pid)}


def test_a_postgresql_that_dies_ends_the_run_with_its_name(asking: Inner) -> None:
    server = asking.where()["postgres"]
    os.kill(server, signal.SIGKILL)
    assert asking.process.wait(WITHIN) == pytest.ExitCode.INTERRUPTED
    printed = asking.printed.read_text()
    assert f"PostgreSQL (process {server}) has died" in printed
    assert "1 failed" in printed and "2 failed" not in printed
