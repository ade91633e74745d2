"""The whole gateway as its users meet it: every process real, a database and a Valkey of its own. For tests.

Judge by what goes in over HTTP and by what comes out on the sandbox phone (`inbox`), which is the carrier's ledger.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import func, select, update

from dashboard.cli import migrate
from dashboard.db import make_sessions, utcnow
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.carriers import carriers
from dashboard.gateway.sandbox.inbox import ReceivedText, SandboxInbox
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.sandbox import SandboxMessage
from dashboard.resources import ROOT
from dashboard.settings import Settings, prepare_home
from tests.support.api_client import Api, ApiClient
from tests.support.processes import Part, execute, fork, valkey_command
from tests.support.run import MARK

PYTHON = sys.executable
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", MARK)  # of the environment: no developer's settings
READY_SECONDS = 30
PATIENCE = 2  # times what a machine needs that does nothing else
T = TypeVar("T")
SHARED: list[Stack] = []  # by the tests of this process


class Stack(Api):
    """Processes by name: valkey, web, sms-1, sms-2, whatsapp, webhooks, relay. Each is its own process group."""

    NAMES = ("valkey", "web", "sms-1", "sms-2", "whatsapp", "webhooks", "relay")

    def __init__(
        self,
        home: Path,
        database_url: str,
        run: Callable[..., Part] = execute,
        address: str = "127.0.0.1",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`environ` goes before what is usual here; with a REDIS_URL it has no Valkey of its own."""
        prepare_home(home)
        self.run = run
        self.names = tuple(name for name in self.NAMES if name != "valkey" or "REDIS_URL" not in (environ or {}))
        self.home = home
        self.output = home.parent / f"{home.name}-output"
        self.output.mkdir()
        self.address, self.port = address, free_port()
        self.environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
            "CHINQIT_HOME": str(home),
            "DATABASE_URL": database_url,
            "REDIS_URL": f"unix://{home / 'valkey.sock'}",
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "WEBHOOKS_ALLOW_HTTP": "1",  # receivers are on the loopback
            "WEBHOOKS_ALLOW_PRIVATE": "1",
            "WHATSAPP_WAIT": "3",  # nothing here depends on how long it is
            **(environ or {}),
        }
        self.settings = Settings.from_env(self.environment)
        self.migrate()
        http = httpx.Client(
            base_url=f"http://{address}:{self.port}",
            timeout=20,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        )
        super().__init__(http, make_sessions(self.settings.database_url))
        self.handset = SandboxInbox(self.sessions, self.settings)
        self.running: dict[str, Part] = {}

    def migrate(self) -> None:
        """Bring the database to the newest version."""
        migrate.upgrade(self.settings)

    # Processes

    def start(self, *names: str) -> None:
        """Start parts by name, all of them when none is named."""
        for name in names or self.names:
            assert name not in self.running, f"{name} runs already"
            self.running[name] = self.run(self._command(name), self.environment, self.output / f"{name}.log")

    def wait_ready(self) -> None:
        """Until /readyz is content."""

        def ready() -> bool:
            with suppress(httpx.TransportError):
                return self.call("GET", "/readyz").status_code == 200
            return False

        until(ready, READY_SECONDS, lambda: self.printed()[-4000:])

    def kill(self, *names: str) -> None:
        """SIGKILL, children too."""
        for name in names:
            self._signal(name, signal.SIGKILL)
        for name in names:
            self.running.pop(name).wait(10)

    def stop(self, *names: str) -> list[int]:
        """SIGTERM, then wait; return the exit codes."""
        for name in names:
            self.running[name].terminate()
        return [self._reap(name) for name in names]

    def restart(self, *names: str) -> None:
        """Kill what runs, start it again."""
        self.kill(*(name for name in names if name in self.running))
        self.start(*names)

    def freeze(self, name: str) -> None:
        """SIGSTOP, while SQLite's write lock is ours: frozen with it, a part would hold up all the others."""
        with self.sessions.begin() as session:
            session.connection()
            self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def heal(self) -> None:
        """Thaw what is frozen and start what is gone."""
        for name, process in list(self.running.items()):
            self.thaw(name)
            if process.poll() is not None:
                self.running.pop(name)
        gone = [name for name in self.names if name not in self.running]
        if gone:
            self.start(*gone)
        self.wait_ready()

    def web_workers(self) -> list[int]:
        """Process ids of gunicorn's workers."""
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = (line.split() for line in listing.splitlines())
        return [int(pid) for pid, parent in pairs if int(parent) == self.running["web"].pid]

    def close(self) -> None:
        """End every process, and let go of the database."""
        for name in self.running:
            self._signal(name, signal.SIGCONT)
        self.http.close()  # first: the web server gives callers who keep their connection two seconds
        self.stop(*list(self.running))
        self.sessions.kw["bind"].dispose()

    def printed(self) -> str:
        """All that the processes wrote to stdout and stderr."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.output.iterdir()))

    def _command(self, name: str) -> list[str]:
        if name == "valkey":
            return valkey_command(self.settings.valkey_socket)
        if name == "web":
            config = f"--config={ROOT / 'deploy' / 'gunicorn.conf.py'}"
            return [PYTHON, "-m", "gunicorn", "wsgi:app", config, f"--bind={self.address}:{self.port}"]
        if name == "relay":
            return [PYTHON, "-m", "jobs.relay"]
        return [PYTHON, "-m", "jobs.worker", name.partition("-")[0]]

    def _signal(self, name: str, number: signal.Signals) -> None:
        try:
            os.killpg(self.running[name].pid, number)
        except ProcessLookupError:  # it has ended, or was forked just now and does not lead its group yet
            self.running[name].send_signal(number)

    def _reap(self, name: str) -> int:
        try:
            code = self.running[name].wait(15)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        self._signal(name, signal.SIGKILL)  # a child that outlived its parent
        self.running.pop(name).wait(10)
        return code

    def client(self, mode: str = "live", **more: Any) -> Client:
        """A caller with a key of its own; `more` are fields of keys.NewKey."""
        return Client(self, self.key(mode, **more))

    @contextmanager
    def for_a_crowd(self) -> Iterator[None]:
        """Give each call a connection of its own, for threads that call at once.

        httpcore may close an idle connection while another thread begins to use it, which then reads from a closed
        socket: for its age, or because none may be kept. One that the call itself ends is never idle.
        """
        shared, limits = self.http, httpx.Limits(max_connections=None)
        ends = {"Connection": "close"}
        with httpx.Client(base_url=shared.base_url, timeout=20, limits=limits, headers=ends, verify=False) as http:
            self.http = http
            try:
                yield
            finally:
                self.http = shared

    def remove_carriers(self) -> None:
        """Remove all carriers, each in a transaction of its own: workers write of several at once, in another order."""
        with self.sessions() as session:
            names = [carrier.name for carrier in carriers.listed(session)]
        for name in names:
            with self.sessions.begin() as session:
                carriers.remove(session, carriers.find(session, name))

    # What a phone received

    def inbox(self, phone: str) -> list[ReceivedText]:
        """The texts on a sandbox phone, oldest first."""
        return self.handset.inbox(phone)

    def copies(self, phones: Iterable[str]) -> Counter[str]:
        """How many texts each of many phones received: counted in one go, nothing is opened."""
        wanted = list(phones)
        counted = (
            select(SandboxMessage.phone, func.count())
            .where(SandboxMessage.phone.in_(wanted))
            .group_by(SandboxMessage.phone)
        )
        with self.sessions() as session:
            return Counter(dict.fromkeys(wanted, 0) | {row[0]: row[1] for row in session.execute(counted)})

    def try_again_now(self, message_id: str) -> None:
        """Let a message that was tried and put off be due, once it is."""
        put_off = (Message.uuid == message_id, Message.attempts > 0, Message.claim.is_(None))

        def is_due() -> bool:
            with self.sessions.begin() as session:
                found = session.execute(update(Message).where(*put_off).values(due_at=utcnow()).returning(Message.id))
                return found.first() is not None

        until(is_due, 15, lambda: f"{message_id} was not put off")

    def arrived(self, phone: str, message_id: str, within: float = 15) -> ReceivedText:
        """Wait for a message's text on the phone; return the first."""
        found = until(
            lambda: [text for text in self.inbox(phone) if text.message_uuid == message_id],
            within,
            lambda: f"{message_id} did not arrive",
        )
        return found[0]


@dataclass(frozen=True)
class Client(ApiClient):
    """A caller with a key, whose phones can be looked at."""

    api: Stack

    @property
    def stack(self) -> Stack:
        return self.api

    @property
    def key_id(self) -> str:
        with self.stack.sessions() as session:
            return authentication.authenticate(session, self.key).id

    def code(self, phone: str, **more: Any) -> str:
        """Send a code and read it on the phone."""
        sent = self.otp(phone, **more)
        assert sent.status_code == 200, sent.text
        return digits(self.stack.arrived(phone, sent.json()["messageId"]).text)

    def age(self, phone: str, seconds: float) -> None:
        """Make the codes sent to a phone by this key older than they are; only their place in the windows moves."""
        with self.stack.sessions.begin() as session:
            for otp in session.scalars(select(Otp).where(Otp.key_id == self.key_id, Otp.phone == phone)):
                otp.created_at -= timedelta(seconds=seconds)

    def expire(self, phone: str) -> None:
        """Let the life of the codes sent to a phone by this key be over."""
        with self.stack.sessions.begin() as session:
            for otp in session.scalars(select(Otp).where(Otp.key_id == self.key_id, Otp.phone == phone)):
                otp.expires_at -= timedelta(seconds=601)


def until(probe: Callable[[], T | None], seconds: float, story: Callable[[], str] = lambda: "it never happened") -> T:
    """Ask until the answer is true, less often the longer it takes; fail with the story when it takes much longer than
    `seconds`.

    A test of a deadline looks at the clock by itself.
    """
    began = time.monotonic()
    while True:
        answer = probe()
        if answer:
            return answer
        passed = time.monotonic() - began
        if passed > seconds * PATIENCE:
            raise AssertionError(f"after {seconds} s: {story()}")
        time.sleep(min(0.03 + passed / 20, 0.15))


def digits(text: str) -> str:
    """The code in a text."""
    return next(word for word in "".join(c if c in "0123456789" else " " for c in text).split() if len(word) == 6)


def other_than(code: str) -> str:
    """A well-formed code that is not this one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def in_home(home: Path) -> str:
    """The address of SQLite's database in a home folder, as by default."""
    return f"sqlite:///{home / 'chinqit.db'}"


def run_stack(new_database: Callable[[Path], str], home: Path) -> Iterator[Stack]:
    """A gateway that serves; it is closed after the yield. For fixtures."""
    prepare_home(home)
    stack = Stack(home, new_database(home), run=fork)
    try:
        stack.start()
        stack.wait_ready()
        yield stack
    finally:
        stack.close()


def free_port() -> int:
    """A free loopback port below the ephemeral ones, so that no outgoing connection takes it meanwhile."""
    for port in random.sample(range(20_000, 30_000), 50):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")
