"""PgBouncer in front of a PostgreSQL server, and a Valkey with a replica and a sentinel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from dashboard.supervisor import valkey_server
from tests.support import run
from tests.support.postgres import UNPRIVILEGED, USER, Server
from tests.support.stack import free_port, until

INI = """[databases]
* = host={folder} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
"""


class BouncerMissing(Exception):
    """The system has no PgBouncer."""


@contextmanager
def bouncer(server: Server, name: str, folder: Path) -> Iterator[str]:
    """The address of a database by way of PgBouncer, in transaction mode."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise BouncerMissing
    port = free_port()
    ini = server.folder / f"pgbouncer-{port}.ini"  # where the user that it runs as may read
    ini.write_text(INI.format(folder=server.folder, port=port, user=USER))
    ini.chmod(0o644)
    with (folder / "log").open("wb") as log:
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        process = subprocess.Popen([program, str(ini)], stdout=log, stderr=log, user=user)
    run.watch(process.pid)
    try:
        until(lambda: "listening on" in (folder / "log").read_text(), 10)
        yield f"postgresql+psycopg://{USER}@127.0.0.1:{port}/{name}"
    finally:
        process.kill()
        process.wait(10)


@dataclass
class Watched:
    """A master, its replica and the sentinel that watches both; `address` is what the gateway is given."""

    address: str
    master: subprocess.Popen[bytes]
    replica_port: int


@contextmanager
def watched_by_sentinel(folder: Path) -> Iterator[Watched]:
    master, replica, sentinel = free_port(), free_port(), free_port()
    common = ["--save", "", "--appendonly", "no", "--dir", str(folder), "--bind", "127.0.0.1"]
    conf = folder / "sentinel.conf"
    conf.write_text(
        f"sentinel monitor mymaster 127.0.0.1 {master} 1\n"
        "sentinel down-after-milliseconds mymaster 300\n"
        "sentinel failover-timeout mymaster 1000\n"
    )
    commands = (
        ["--port", str(master), *common],
        ["--port", str(replica), *common, "--replicaof", "127.0.0.1", str(master), "--repl-diskless-sync-delay", "0"],
        [str(conf), "--sentinel", "--port", str(sentinel), "--bind", "127.0.0.1", "--dir", str(folder)],
    )
    processes = []
    with (folder / "log").open("wb") as log:
        for words in commands:
            processes.append(subprocess.Popen([valkey_server(), *words], stdout=log, stderr=log))
            run.watch(processes[-1].pid)
    try:
        asked = Redis(port=sentinel)
        until(lambda: replicas_in_step(asked) == 1, 20)
        asked.close()
        yield Watched(f"redis+sentinel://127.0.0.1:{sentinel}/mymaster", processes[0], replica)
    finally:
        for process in processes:
            process.kill()
            process.wait(10)


def replicas_in_step(sentinel: Redis) -> int:
    """How many replicas the sentinel knows that are in step."""
    try:
        rows = sentinel.sentinel_slaves("mymaster")
    except (OSError, RedisError):  # it has not begun, or has not asked the master yet
        return 0
    return sum(row["master-link-status"] == "ok" for row in rows)
