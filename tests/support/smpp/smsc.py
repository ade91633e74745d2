"""SMSCs that nobody here wrote, told what to do by `node/smsc.js` or `twisted/smsc.py`.

The log of one is the carrier's ledger.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support.stack import until

PASSWORD = "secret08"
CONTROL = httpx.Client(timeout=10, verify=False, limits=httpx.Limits(max_keepalive_connections=0))
SOURCE = Path(__file__).parent / "node"
TWISTED = Path(__file__).parent / "twisted"


class NodeMissing(Exception):
    """There is no node, or no npm."""


def install(folder: Path) -> tuple[str, ...]:
    """Put node-smpp, in the versions and with the checksums of its lock, into a folder; the command that starts it."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NodeMissing
    shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
    (folder / "checksums.json").rename(folder / "package-lock.json")  # kept apart: npm would write registries into it
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    subprocess.run(command, cwd=folder, check=True, timeout=120, stdout=subprocess.DEVNULL)
    return run_node(folder)


def run_node(folder: Path) -> tuple[str, ...]:
    """What starts it, once it is installed there."""
    return "node", str(folder / "smsc.js")


def install_twisted(folder: Path) -> None:
    """Put smpp.twisted, which has no wheels and so is not in the lock, into a folder."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-compile"]
    told = ["--require-hashes", "--target", str(folder), "--requirement", str(TWISTED / "requirements.txt")]
    subprocess.run([*command, *told], check=True, timeout=240, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run_twisted(folder: Path) -> tuple[str, ...]:
    """What starts it, once it is installed there."""
    return "env", f"PYTHONPATH={folder}", sys.executable, str(TWISTED / "smsc.py")


class Smsc:
    """A running SMSC; `options` as in its --help, with underscores."""

    def __init__(self, command: Sequence[str], log: Path, port: int = 0, **options: Any) -> None:
        self.command, self.log, self.options = command, log, options
        self._reading = threading.Lock()
        self._read: list[dict[str, Any]] = []
        self._offset = 0
        self._start(port)

    def _start(self, port: int) -> None:
        told = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in self.options.items()
        ]
        fixed = ["--port", str(port), "--control-port", "0"]
        before = len(self.events())
        with self.log.open("ab") as log:  # both write a line before they go on: no answer precedes it
            self.process = subprocess.Popen([*self.command, *fixed, *told], stdout=log, stderr=subprocess.PIPE)
        until(lambda: self._is_up(before), 20)

    def _is_up(self, before: int) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.process.communicate()[1].decode())
        ports = {event["ev"]: event["port"] for event in self.events()[before:] if event["ev"] in ("listen", "control")}
        if len(ports) < 2:
            return False
        self.port, self.control = ports["listen"], ports["control"]
        return True

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """What its log says so far, all of it or the events of one name."""
        with self._reading:
            if self.log.exists():
                with self.log.open("rb") as log:
                    log.seek(self._offset)
                    lines = log.read().split(b"\n")[:-1]  # the last one may be half written
                self._offset += sum(len(line) + 1 for line in lines)
                self._read += [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]
        return [event for event in self._read if name in (None, event["ev"])]

    def taken(self) -> Counter[tuple[str, str]]:
        """How often a text was taken whole, by destination and text."""
        return Counter(
            (event["dest"], event["full"] if event.get("concat") else event["text"])
            for event in self.events("submit_sm")
            if event["status"] == 0 and (not event.get("concat") or event.get("full") is not None)
        )

    def ask(self, path: str, **body: Any) -> Any:
        """Use its control port: stats, messages; or config, mo, drop, outage, unbind with a body."""
        address = f"http://127.0.0.1:{self.control}/{path}"
        if path in ("stats", "messages"):
            return CONTROL.get(address).json()
        return CONTROL.post(address, json={name.replace("_", "-"): value for name, value in body.items()}).json()

    def freeze(self) -> None:
        """Go silent without closing anything."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def restart(self) -> None:
        """On the same port, after a `kill`, with the same ledger."""
        self._start(self.port)
