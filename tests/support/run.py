"""One run of the tests, and the end of every process that it started, however the run ends.

The run has a folder, which is named in the environment of every process that tests start. A process of its own, the
keeper, waits for the end of a pipe that pytest holds: the kernel closes it when pytest ends, killed or not. Then the
keeper ends whatever still carries the mark, with all that descends from it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MARK = "CHINQIT_TEST_RUN"
GRACE_SECONDS = 5  # for those who have something to tidy up
PROC = Path("/proc")
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 4 * 2**30  # free, for what a run writes at most


def begin() -> subprocess.Popen[bytes]:
    """Make the run's folder and its keeper. Close the keeper's input to end what is left."""
    _write_to_memory()
    folder = tempfile.mkdtemp(prefix="chinqit-run-")
    os.environ.pop(MARK, None)  # of the run that this one is a test of; the keeper is nobody's
    keeper = subprocess.Popen([sys.executable, __file__, folder], stdin=subprocess.PIPE, start_new_session=True)
    os.environ[MARK] = folder
    return keeper


def _write_to_memory() -> None:
    """Temporary files go to memory where there is enough of it: a commit waits for the disk otherwise, and many do.
    What a process has written is there after it was killed, as on a disk.
    """
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and _holds_a_run(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # read anew


def _holds_a_run(folder: Path) -> bool:
    """There is room, and programs may be run from it."""
    return shutil.disk_usage(folder).free >= MEMORY_BYTES and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def end(keeper: subprocess.Popen[bytes]) -> None:
    """End what is left, and wait until it is gone."""
    assert keeper.stdin
    keeper.stdin.close()
    keeper.wait(3 * GRACE_SECONDS)


def folder() -> Path | None:
    """Of the run, if there is one: benches and `make fuzz` have none."""
    found = os.environ.get(MARK)
    return Path(found) if found else None


def once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one process of the run fills, and that all of them read."""
    here = folder()
    assert here
    made = here / name
    with (here / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            draft = Path(tempfile.mkdtemp(dir=here))
            make(draft)
            draft.rename(made)
    return made


def watch(pid: int, how: signal.Signals = signal.SIGKILL, files: Path | None = None) -> None:
    """End this process with the run, too: it writes over its environment. Then remove its files."""
    here = folder()
    if here:
        (here / f"{pid}.watched").write_text(json.dumps([how, str(files) if files else None]))


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


def descendants(pids: set[int]) -> set[int]:
    """Those processes that run, and all that descend from them."""
    parents: dict[int, int] = {}
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
    found = {pid for pid in pids if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid for pid in found if is_alive(pid)}


def _marked(mark: bytes) -> set[int]:
    found = set()
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
    return found


def _keep(here: Path) -> None:
    sys.stdin.buffer.read()  # until pytest has ended
    watched = {int(file.stem): json.loads(file.read_text()) for file in here.glob("*.watched")}
    gentle = {pid: how for pid, (how, _) in watched.items() if how != signal.SIGKILL and is_alive(pid)}
    for pid, how in gentle.items():
        _send(pid, how)
    end = time.monotonic() + GRACE_SECONDS
    mark = f"{MARK}={here}".encode()
    while left := descendants(_marked(mark) | set(watched)) - {os.getpid()}:
        spared = descendants(set(gentle)) if time.monotonic() < end else set()
        for pid in left - spared:
            _send(pid, signal.SIGKILL)
        time.sleep(0.02)
    for _, files in watched.values():
        if files:
            shutil.rmtree(files, ignore_errors=True)
    shutil.rmtree(here, ignore_errors=True)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
