"""A database host that vanishes without a word: PostgreSQL in a network namespace whose link goes down. Needs root."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.drill import Drill, Outcome, Skipped, gateway
from tests.support.postgres import Postgres
from tests.support.traffic import traffic

SPACE = f"chinqit{os.getpid()}"
OUR_END, THEIR_END = f"cq{os.getpid()}a"[:15], f"cq{os.getpid()}b"[:15]
OURS, THEIRS = "10.213.77.1", "10.213.77.2"
GONE_SECONDS = 15.0


class DistantPostgres(Postgres):
    """One on the other end of the link."""

    def _start(self) -> subprocess.Popen[bytes]:
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {OURS}/32 trust\n")
        options = [f"unix_socket_directories={self.folder}", f"listen_addresses={THEIRS}", *self.options]
        flags = [part for option in options for part in ("-c", option)]
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        inside = ["ip", "netns", "exec", SPACE, *as_nobody, str(self.programs / "postgres"), "-D", str(self.data)]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen([*inside, *flags], stdout=log, stderr=log, cwd=self.folder)


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def network() -> Iterator[None]:
    """Two ends of a link, the other one in a namespace of its own."""
    if os.geteuid() != 0:
        raise Skipped("network namespaces need root")
    ip("netns", "add", SPACE)
    try:
        ip("link", "add", OUR_END, "type", "veth", "peer", "name", THEIR_END)
        ip("link", "set", THEIR_END, "netns", SPACE)
        ip("addr", "add", f"{OURS}/30", "dev", OUR_END)
        ip("link", "set", OUR_END, "up")
        ip("-n", SPACE, "addr", "add", f"{THEIRS}/30", "dev", THEIR_END)
        ip("-n", SPACE, "link", "set", THEIR_END, "up")
        ip("-n", SPACE, "link", "set", "lo", "up")
        yield
    finally:
        subprocess.run(["ip", "netns", "del", SPACE], capture_output=True, check=False)


def database_host_vanishes() -> Outcome:
    with network():
        server = DistantPostgres(durable=True)
        try:
            name = server.create().partition("@/")[2].partition("?")[0]
            with gateway(f"postgresql://postgres@{THEIRS}:5432/{name}") as stack:
                with traffic(stack) as flowed:
                    flowed.more()
                    ip("-n", SPACE, "link", "set", THEIR_END, "down")
                    time.sleep(GONE_SECONDS)
                    ip("-n", SPACE, "link", "set", THEIR_END, "up")
                    back = time.monotonic()
                    flowed.more()
                    answered = time.monotonic() - back
                    stack.http.get("/healthz")
                came = Counter(answer.status_code for answer in flowed.refused)
                flowed.arrive(30)
                lost, doubles = len(flowed.missing()), flowed.doubles()
        finally:
            server.stop()
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled; answers again after {answered:.1f} s"
    slow = f", the slowest call took {flowed.slowest:.1f} s, errors {dict(came)}"
    return Outcome(figure + slow, lost == 0 and answered <= 10 and set(came) <= {500})


DRILLS = (
    Drill(
        "F19",
        f"the database host vanishes for {GONE_SECONDS:.0f} s without a reset",
        "lost 0, answers within 10 s of its return",
        database_host_vanishes,
    ),
)
