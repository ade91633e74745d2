"""`chinqit run` as a person has it: a home of its own, every process real. For tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.processes import Done, run_forked
from tests.support.stack import KEPT, free_port, until

COMMAND = Path(sys.executable).with_name("chinqit")
START_SECONDS = 60


class Run:
    """`chinqit run` in a home of its own."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.port = home, port
        self.environ = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "CHINQIT_HOME": str(home),
            "PORT": str(port),
        }
        self.command = COMMAND
        self.printed = home.with_name(f"{home.name}.out")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.printed.open("wb") as out:
            words, where = [str(self.command), "run"], self.home.parent
            self.process = subprocess.Popen(
                words, env=self.environ, cwd=where, stdout=out, stderr=out, start_new_session=True
            )
        until(lambda: "Ctrl-C" in self.told(), START_SECONDS, self.told)

    def told(self) -> str:
        return self.printed.read_text()

    def ready(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5, verify=False).status_code == 200
        return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def processes(self, of: str = "") -> dict[int, str]:
        """Those that were started with this home, by what they run; the supervisor too."""
        mark, found = str(self.home), {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                name = (folder / "comm").read_text().strip()
                line = f"{name}: " + (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if mark in line or f"CHINQIT_HOME={mark}\0" in (folder / "environ").read_text(errors="replace"):
                    found[int(folder.name)] = line  # Valkey writes over its environment
        return {pid: line for pid, line in found.items() if of in line}

    def invoke(self, *words: str, **environ: str) -> Done:
        """Another command in the same home, without a start of Python of its own."""
        return run_forked(["chinqit", *words], {**self.environ, **environ}, self.home.parent)


def made(folder: Path) -> Iterator[Run]:
    found = Run(folder / "home", free_port())
    yield found
    for pid in found.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if found.process:
        found.process.wait(10)
