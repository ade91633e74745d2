"""Machines of a network: network namespaces on one bridge, whose cables can be pulled. Needs root."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.chaos.drill import Skipped
from tests.support import run as whole_run
from tests.support.postgres import USER, Postgres
from tests.support.processes import Part, execute

NETWORK = "10.213.77"
OURS = f"{NETWORK}.1"  # of the machine that all of it runs on: callers, and the judge
_numbers = itertools.count(11)


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"ip {' '.join(words)}: {done.stderr.strip()}")


@dataclass(frozen=True)
class Host:
    """One machine, by its network namespace."""

    space: str
    cable: str  # the end of it that is in the bridge
    address: str

    def inside(self, argv: Sequence[str | Path]) -> list[str]:
        return ["ip", "netns", "exec", self.space, *map(str, argv)]

    def execute(self, argv: Sequence[str | Path], environ: Mapping[str, str], log: Path) -> Part:
        """Start a program on it."""
        return execute(self.inside(argv), environ, log)

    def cut_off(self) -> None:
        """Pull the cable: nobody is told, and no connection is reset."""
        ip("link", "set", self.cable, "down")

    def connect(self) -> None:
        ip("link", "set", self.cable, "up")


@contextmanager
def network(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts by name, which reach each other and us."""
    if os.geteuid() != 0:
        raise Skipped("network namespaces need root")
    bridge, hosts = f"cq{os.getpid()}", {}
    try:
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{OURS}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        for name in names:
            number = next(_numbers)
            host = Host(f"{bridge}-{name}", f"{bridge}n{number}", f"{NETWORK}.{number}")
            ip("netns", "add", host.space)
            hosts[name] = host
            ip("link", "add", host.cable, "type", "veth", "peer", "name", "eth0", "netns", host.space)
            ip("link", "set", host.cable, "master", bridge, "up")
            ip("-n", host.space, "addr", "add", f"{host.address}/24", "dev", "eth0")
            ip("-n", host.space, "link", "set", "eth0", "up")
            ip("-n", host.space, "link", "set", "lo", "up")
        yield hosts
    finally:
        for host in hosts.values():
            subprocess.run(["ip", "netns", "del", host.space], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)


class HostPostgres(Postgres):
    """PostgreSQL on a host. A `primary` makes it that one's standby, copied by pg_basebackup."""

    def __init__(self, host: Host, primary: HostPostgres | None = None) -> None:
        self.host, self.primary = host, primary
        super().__init__(durable=True)

    def _make_data(self) -> None:
        if self.primary is None:
            super()._make_data()
            rules = f"host all all {NETWORK}.0/24 trust\nhost replication all {NETWORK}.0/24 trust\n"
            with (self.data / "pg_hba.conf").open("a") as file:
                file.write(rules)
            return
        source = f"host={self.primary.host.address} user={USER} application_name=standby"
        arguments = ("--pgdata", str(self.data), "--dbname", source, "--write-recovery-conf", "--checkpoint=fast")
        done = subprocess.run(
            self._as_nobody("pg_basebackup", *arguments), capture_output=True, text=True, cwd=self.folder, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr)

    def _start(self) -> subprocess.Popen[bytes]:
        options = [f"unix_socket_directories={self.folder}", f"listen_addresses={self.host.address}", *self.options]
        flags = [part for option in options for part in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            command = self._as_nobody("postgres", "-D", str(self.data), *flags)
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        whole_run.watch(process.pid, files=self.folder)
        return process

    def _as_nobody(self, program: str, *arguments: str) -> list[str]:
        become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        return self.host.inside([*become, self.programs / program, *arguments])

    def ask(self, statement: str) -> str:
        """The first value that it answers."""
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone() if statement else None
        return str(row[0]) if row else ""

    def order(self, statement: str) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def wait_for_standby(self) -> None:
        """And have no commit answered before the standby has it, too."""
        end = time.monotonic() + 30
        while self.ask("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") != "1":
            if time.monotonic() > end:
                raise RuntimeError("the standby does not follow")
            time.sleep(0.1)
        self.order("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.order("SELECT pg_reload_conf()")

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            super().stop()
