"""A disk that is full: the home of a gateway on a small file system in memory. Needs root."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.drill import Drill, Outcome, Skipped, gateway
from tests.support.outages import is_documented
from tests.support.traffic import traffic

SIZE = 48 * 2**20
FULL_SECONDS = 8.0


@contextmanager
def small_disk() -> Iterator[Path]:
    if os.geteuid() != 0:
        raise Skipped("a file system of its own needs root")
    with tempfile.TemporaryDirectory(prefix="chinqit-disk-") as folder:
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "chinqit", folder]
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
        if mounted.returncode:
            raise Skipped(f"mount: {mounted.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False)


def disk_is_full(_length: float) -> Outcome:
    with small_disk() as folder, gateway(folder=folder) as stack:
        with traffic(stack) as flowed:
            flowed.more()
            filler = folder / "filler"
            with filler.open("wb", buffering=0) as file:
                end = time.monotonic() + FULL_SECONDS
                while time.monotonic() < end:
                    _fill(file.fileno())
                    time.sleep(0.2)
            filler.unlink()
            back = time.monotonic()
            flowed.more()
            answered = time.monotonic() - back
        flowed.arrive(60)
        lost, doubles = len(flowed.missing()), flowed.doubles()
        errors = Counter(answer.status_code for answer in flowed.refused)
        are_documented = all(map(is_documented, flowed.refused))
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled, errors {dict(errors)}"
    is_met = lost == 0 and errors.total() > 0 and are_documented
    return Outcome(f"{figure}; takes messages again after {answered:.1f} s", is_met and answered <= 10)


def _fill(file: int) -> None:
    """Until nothing more fits."""
    try:
        while True:
            os.write(file, bytes(2**16))
    except OSError:
        return


DRILLS = (
    Drill(
        "F6", f"the disk is full for {FULL_SECONDS:.0f} s", "documented 500, lost 0, back by itself", disk_is_full, 35
    ),
)
