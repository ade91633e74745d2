"""A Valkey of its own, with nothing around it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.wakeup import Wakeup
from tests.support import run
from tests.support.processes import valkey_command
from tests.support.stack import until


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """One with its socket in a folder: its address, its process."""
    address = f"unix://{folder / 's'}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(valkey_command(folder / "s"), stdout=log, stderr=log)
    run.watch(process.pid)
    try:
        until(Wakeup(address).is_reachable, 10)
        yield address, process
    finally:
        process.kill()
        process.wait(10)
