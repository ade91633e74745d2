"""The gateway's Python processes, forked from one that has loaded what they share: no start reads the libraries anew.

What runs in them is what `python -m` would run. That the parts start by themselves is shown by the tests of the
command line, and measured by the benches.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from gunicorn.app import wsgiapp

import dashboard.cli.registry
import jobs.relay
import jobs.worker
from dashboard.resources import ROOT
from dashboard.supervisor import valkey_server
from tests.support import run

FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["__main__", __name__, "dashboard.app", "dashboard.gunicorn_worker"])
MAINS: dict[str, Callable[..., int | None]] = {
    "chinqit": lambda *_arguments: dashboard.cli.registry.main(),  # reads sys.argv
    "gunicorn": lambda *_arguments: wsgiapp.run(),  # reads sys.argv
    "jobs.worker": jobs.worker.main,
    "jobs.relay": jobs.relay.main,
}


def valkey_command(socket: Path) -> list[str]:
    """What starts a Valkey that listens on a socket alone, in its folder, and keeps nothing."""
    options = {"port": "0", "unixsocket": socket, "save": "", "appendonly": "no", "dir": socket.parent}
    return [valkey_server(), *(str(word) for name, value in options.items() for word in (f"--{name}", value))]


class Part(Protocol):
    """A process that leads a group of its own; subprocess.Popen is one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def send_signal(self, sig: int) -> None: ...


def execute(argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Part:
    """Start a program."""
    with log.open("ab") as out:
        process = subprocess.Popen(argv, env=environ, cwd=ROOT, stdout=out, stderr=out, start_new_session=True)
    run.watch(process.pid)
    return process


def fork(argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Part:
    """Start a part of the gateway (PYTHON -m MODULE ARGUMENT…) quickly; any other program as always."""
    python, *words = map(str, argv)
    if python != sys.executable:
        return execute(argv, environ, log)
    return Forked(words[1:], environ, log)


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    returncode: int
    stdout: str
    stderr: str


def run_forked(words: Sequence[str], environ: Mapping[str, str], folder: Path) -> Done:
    """Run a part's command to its end, in a process that was forked; its output goes through files in a folder."""
    out, err = folder / f"{uuid4()}.out", folder / f"{uuid4()}.err"
    code = Forked(words, environ, out, err).wait(60)
    done = Done(code, out.read_text(), err.read_text())
    out.unlink()
    err.unlink()
    return done


class Forked:
    """A Part that was forked."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], log: Path, errors: Path | None = None) -> None:
        told = (list(words), dict(environ), log, errors or log)
        self._process = FORKSERVER.Process(target=_be, args=told, daemon=True)
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)


def _be(words: list[str], environ: dict[str, str], log: Path, errors: Path) -> None:
    os.setsid()
    os.chdir(ROOT)
    with log.open("ab") as out, errors.open("ab") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = words
    sys.exit(MAINS[words[0]](*words[1:]))
