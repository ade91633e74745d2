"""A restart under load: nobody is refused, no call is broken off, new code and settings count."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from dashboard import listener
from dashboard.resources import ROOT
from tests.support.command import Run, made
from tests.support.phones import new_phone
from tests.support.stack import until

pytestmark = pytest.mark.timeout(180)
PROGRAM = """#!{python}
from dashboard.cli.registry import main
print("version", {version}, flush=True)
main()
"""


@dataclass
class Callers:
    """Some that keep their connection and some that open one for each call."""

    url: str
    key: str
    answers: Counter[object] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)

    def keep_calling(self, keep_alive: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        with httpx.Client(limits=limits, timeout=60, verify=False) as http:
            while not self.over.is_set():
                try:
                    body = {"phoneNumber": new_phone(), "message": "Bonjour"}
                    self.answers[http.post(self.url, json=body, headers={"X-API-Key": self.key}).status_code] += 1
                except httpx.TransportError as error:
                    self.answers[repr(error)] += 1
                self.over.wait(0.02)


@contextmanager
def callers(run: Run) -> Iterator[Callers]:
    """Texts that are sent for as long as the block runs."""
    made = json.loads(run.invoke("keys", "create", "app", "--json").stdout)
    calling = Callers(f"http://127.0.0.1:{run.port}/messages/send", made["key"])
    threads = [threading.Thread(target=calling.keep_calling, args=[turn % 2 == 0]) for turn in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield calling
    finally:
        calling.over.set()
        for thread in threads:
            thread.join(70)


def more(calling: Callers, count: int = 20) -> None:
    wanted = calling.answers.total() + count
    until(lambda: calling.answers.total() >= wanted, 30, lambda: str(calling.answers))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    yield from made(tmp_path)


def write_program(run: Run, version: int) -> Path:
    """The program as an installation has it; an upgrade writes another in its place."""
    program = run.home.with_name("chinqit")
    program.write_text(PROGRAM.format(python=sys.executable, version=version))
    program.chmod(0o700)
    return program


def test_a_restart_refuses_nobody_and_brings_new_code_and_new_settings(run: Run) -> None:
    run.command = write_program(run, 1)
    run.start()
    assert run.process
    with callers(run) as calling:
        more(calling)
        write_program(run, 2)
        done = run.invoke("restart", WHATSAPP_WORKERS="2")
        assert (done.returncode, done.stderr) == (0, ""), run.told()
        more(calling)
        run.signal(signal.SIGUSR2)  # once more, without the command: the settings stay
        until(lambda: run.told().count("version 2") == 2, 60, run.told)
        more(calling)
    assert set(calling.answers) == {200}
    assert run.told().splitlines()[0] == "version 1"
    until(run.ready, 60, run.told)
    assert len(run.processes("worker whatsapp:")) == 2
    assert not (run.home / "restart.json").exists()
    assert len(run.processes("relay:")) == 1


def test_settings_that_do_not_hold_are_told_before_anything_ends(run: Run) -> None:
    run.invoke("init")
    assert "No gateway runs in" in run.invoke("restart").stderr
    assert "PORT must be a whole number" in run.invoke("restart", PORT="http").stderr


def test_what_is_started_with_a_socket_refuses_nobody_when_it_is_started_again(run: Run) -> None:
    """As systemd does it: the socket is its own, the web server ends and comes back with another environment."""
    run.invoke("init")
    with socket.create_server(("127.0.0.1", run.port), backlog=listener.BACKLOG) as held:
        web = start_web(run, held)
        try:
            with callers(run) as calling:
                more(calling)
                web.send_signal(signal.SIGTERM)
                assert web.wait(30) == 0
                run.environ["PUBLIC_URL"] = "https://sms.example.mr"
                web = start_web(run, held)
                more(calling)
            page = httpx.get(f"http://127.0.0.1:{run.port}/docs/fr/", timeout=30).text
        finally:
            web.terminate()
            web.wait(30)
    assert set(calling.answers) == {200}
    assert "https://sms.example.mr" in page


def start_web(run: Run, held: socket.socket) -> subprocess.Popen[bytes]:
    """gunicorn as the unit starts it, with the socket as descriptor 3."""
    handed = f'exec 3<&{held.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
    gunicorn = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "deploy/gunicorn.conf.py",
        "--bind",
        "127.0.0.1:1",
        "wsgi:app",
    ]
    words, kept = ["bash", "-c", handed, "bash", *gunicorn], [held.fileno()]
    with run.printed.open("ab") as out:
        return subprocess.Popen(words, env=run.environ, cwd=ROOT, stdout=out, stderr=out, pass_fds=kept)
