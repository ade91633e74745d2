"""How many calls a second the API takes, as a share of one fixed ceiling, and what a call costs the processor.

The ceiling is Flask answering JSON and nothing else under gunicorn's own gthread, two processes with 64 threads each: a
better worker of ours counts as a gain. Processor time is that of all processes of the server; on a machine that does
something else beside, it is the firmer figure.

python -m tests.bench.api [ROUNDS SECONDS]      (5 rounds of runs of 2 seconds; one round leaves out what waits)

Every round runs the ceiling and then each call, one after the other, so that what else the machine does falls on
both; the table has the median of the rounds. Nobody delivers meanwhile: the ceiling has no workers beside it either.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
from sqlalchemy import func, select

from dashboard.gateway.otp.codes import Keyring
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.resources import ROOT
from tests.bench import load, table
from tests.bench.load import Ask, Load
from tests.bench.table import Demand
from tests.support.postgres import Postgres
from tests.support.stack import PYTHON, Stack, free_port, until

CEILING = "Flask answering JSON"
BATCH = 1_000
OTHERS = ("sms-1", "sms-2", "whatsapp", "webhooks", "relay")
LATENCIES = 200
IDLE_SECONDS = 20.0
TEXT = "Bonjour, votre commande est prete."
# Neighbours of neighbours lie in different ranges of 1,000: codes for numbers in a row are held back as SMS pumping.
phones = (f"{20_000_000 + number * 7_919 % 10_000_000}" for number in itertools.count())


@dataclass(frozen=True)
class Measure:
    """A call on a database by so many clients, the share of the ceiling, and the milliseconds that are asked for."""

    name: str
    database: str
    clients: int
    share: float
    milliseconds: float | None = None


MEASURES = (
    Measure("/messages/send", "sqlite", 16, 0.50, 0.28),
    Measure("/messages/send", "sqlite", 64, 0.60, 0.28),
    Measure("/messages/send", "postgresql", 16, 0.45, 0.40),
    Measure("/messages/send", "postgresql", 64, 0.60, 0.40),
    Measure("/otp/send", "sqlite", 16, 0.50),
    Measure("/otp/send", "postgresql", 16, 0.40),
    Measure("/otp/verify", "sqlite", 16, 0.60),
    Measure("/otp/verify", "postgresql", 16, 0.45),
)
BATCH_RATE, BATCH_MS = Demand(12_000), Demand(0.04, at_most=True)
CODE_P95 = Demand(30, at_most=True)
WEB_MEMORY, START = Demand(70, at_most=True), Demand(1.5, at_most=True)


OWN_WORKER = ("--worker-class=gthread", "--workers=2", "--threads=64", "--keep-alive=30", "--log-level=warning")


@dataclass(frozen=True)
class Cost:
    """What a run came to: calls a second, and the milliseconds of processor that one cost."""

    per_second: float
    milliseconds: float


def main(rounds: int, seconds: float) -> None:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-bench-")))
        server = Postgres(durable=True)
        held.callback(server.stop)
        stacks = {}
        for name, url in (("sqlite", f"sqlite:///{folder / 'sqlite' / 'chinqit.db'}"), ("postgresql", server.create())):
            stacks[name] = held.enter_context(gateway(folder / name, url))
            if rounds > 1:
                stacks[name].start(*OTHERS)
                stacks[name].wait_ready()
                print_alone(name, stacks[name])
                stacks[name].stop(*OTHERS)
        measure(held.enter_context(flask_alone()), stacks, rounds, seconds)
        for name, stack in stacks.items():
            print_batches(name, batches(stack, seconds))


def measure(ceiling: Ceiling, stacks: dict[str, Stack], rounds: int, seconds: float) -> None:
    found: dict[Measure, list[Cost]] = {row: [] for row in MEASURES}
    ceilings: dict[int, list[Cost]] = {16: [], 64: []}
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds} ...", file=sys.stderr)
        for clients in ceilings:
            ceilings[clients].append(top(ceiling, clients, seconds))
            for row in (row for row in MEASURES if row.clients == clients):
                found[row].append(run(stacks[row.database], row, seconds))
    print()
    for clients, costs in ceilings.items():
        print(table.line(f"{CEILING}, {clients} clients", median(cost.per_second for cost in costs), "/s"))
        print(table.line("  processor", median(cost.milliseconds for cost in costs), "ms a call"))
    for row, costs in found.items():
        of = ceilings[row.clients]
        share = median(cost.per_second / top.per_second for cost, top in zip(costs, of, strict=True))
        print(
            table.line(f"{row.name}, {row.database}, {row.clients} clients", median(c.per_second for c in costs), "/s")
        )
        print(table.line("  share of the ceiling", share, "", Demand(row.share)))
        limit = Demand(row.milliseconds, at_most=True) if row.milliseconds else None
        print(table.line("  processor", median(cost.milliseconds for cost in costs), "ms a call", limit))


def print_batches(name: str, cost: Cost) -> None:
    print(table.line(f"/messages/batch, {name}, 2 clients", cost.per_second, "messages/s", BATCH_RATE))
    print(table.line("  processor", cost.milliseconds, "ms each", BATCH_MS))


def print_alone(name: str, stack: Stack) -> None:
    """What one gateway takes to start and to hold, and how long a code is under way when nothing else is."""
    print(f"\nOne gateway with nothing else to do, {name}")
    times = sorted(under_way(stack))
    p95 = statistics.quantiles(times, n=20)[-1] * 1_000
    print(table.line("code: accept to sandbox phone, median", times[len(times) // 2] * 1_000, "ms"))
    print(table.line("code: accept to sandbox phone, p95", p95, "ms", CODE_P95))
    stack.stop("web")
    began = time.monotonic()
    stack.start("web")
    until(lambda: answers(stack.port), 30)
    print(table.line("start of web to first answer", time.monotonic() - began, "s", START))
    for _ in range(20):
        stack.call("GET", "/dashboard/sign-in")
    print(table.line("memory of a web process", max(map(megabytes, stack.web_workers())), "MB", WEB_MEMORY))
    print(table.line("processor of all parts, idle", idle_share(stack) * 100, "% of a core"))


# Servers


@dataclass(frozen=True)
class Ceiling:
    """Flask alone, as it is served."""

    port: int
    pid: int


@contextmanager
def flask_alone() -> Iterator[Ceiling]:
    port = free_port()
    argv = [PYTHON, "-m", "gunicorn", "tests.bench.ceiling:app", f"--bind=127.0.0.1:{port}", *OWN_WORKER]
    server = subprocess.Popen(argv, cwd=ROOT)
    try:
        until(lambda: _listens(port), 30)
        yield Ceiling(port, server.pid)
    finally:
        server.terminate()
        server.wait()


@contextmanager
def gateway(home: Path, url: str) -> Iterator[Stack]:
    """A gateway without workers and relay."""
    stack = Stack(home, url)
    stack.start("valkey", "web")
    try:
        until(lambda: answers(stack.port), 30)
        yield stack
    finally:
        stack.close()


def children(pid: int) -> list[int]:
    """Process ids of gunicorn's workers."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 404
    except httpx.TransportError:
        return False


def megabytes(pid: int) -> float:
    """Resident memory, a page that several processes share counted in parts (Linux: proportional set size)."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    assert found
    return int(found[1]) / 1_024


def idle_share(stack: Stack) -> float:
    """The share of one core that the gateway takes when nobody asks for anything."""
    pids = [*(part.pid for part in stack.running.values()), *stack.web_workers()]
    before, began = sum(map(processor_seconds, pids)), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (sum(map(processor_seconds, pids)) - before) / (time.monotonic() - began)


def processor_seconds(pid: int) -> float:
    """What a process has used so far (Linux: fields 14 and 15 of its stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# Runs


def top(ceiling: Ceiling, clients: int, seconds: float) -> Cost:
    return cost_of([ceiling.pid, *children(ceiling.pid)], ceiling.port, clients, seconds, lambda: send("none"))


def run(stack: Stack, measure: Measure, seconds: float) -> Cost:
    key = stack.key()
    if measure.name == "/otp/verify":
        guesses = iter(right_codes(stack, key, measure.clients, seconds))
        ask: Ask = lambda: next(guesses, None)  # noqa: E731
    elif measure.name == "/otp/send":
        ask = lambda: load.post("/otp/send", key, b'{"phoneNumber":"%s"}' % next(phones).encode())  # noqa: E731
    else:
        ask = lambda: send(key)  # noqa: E731
    if measure.name != "/otp/verify":
        warm_up(stack, measure.clients, ask)
    return cost_of(web(stack), stack.port, measure.clients, seconds, ask)


def cost_of(pids: list[int], port: int, clients: int, seconds: float, ask: Ask) -> Cost:
    """Run, and see what the server's processes took for it."""
    before = sum(map(processor_seconds, pids))
    found: Load = load.run(port, clients, seconds, ask).expect(200)
    used = sum(map(processor_seconds, pids)) - before
    return Cost(found.per_second, used * 1_000 / len(found.times))


def web(stack: Stack) -> list[int]:
    return [stack.running["web"].pid, *stack.web_workers()]


def warm_up(stack: Stack, clients: int, ask: Ask) -> None:
    load.run(stack.port, clients, 0.2, ask).expect(200)


def send(key: str) -> bytes:
    body = b'{"phoneNumber":"%s","message":"%s"}' % (next(phones).encode(), TEXT.encode())
    return load.post("/messages/send", key, body)


def right_codes(stack: Stack, key: str, clients: int, seconds: float) -> list[bytes]:
    """Calls that verify codes which were sent just now."""
    numbers: list[str] = []

    def ask() -> bytes:
        numbers.append(next(phones))
        return load.post("/otp/send", key, b'{"phoneNumber":"%s"}' % numbers[-1].encode())

    with stack.sessions() as session:
        others = session.scalar(select(func.max(Otp.id))) or 0
    load.run(stack.port, clients, seconds, ask).expect(200)
    keyring = Keyring.of(stack.settings)
    wanted = select(Otp, Message.uuid).join(Message, Message.id == Otp.message_id).where(Otp.id > others)
    with stack.sessions() as session:
        found = {row.Otp.phone: keyring.derive(row.Otp, row.uuid) for row in session.execute(wanted)}
    calls = ({"phoneNumber": number, "otp": found["+222" + number]} for number in numbers)
    return [load.post("/otp/verify", key, json.dumps(call).encode()) for call in calls]


def batches(stack: Stack, seconds: float) -> Cost:
    """Messages, by two callers."""
    key = stack.key()

    def ask() -> bytes:
        items = [{"phoneNumber": next(phones), "message": TEXT} for _ in range(BATCH)]
        return load.post("/messages/batch", key, json.dumps({"messages": items}).encode())

    ready = iter([ask() for _ in range(20)])  # made before, so that making them costs the server nothing
    cost = cost_of(web(stack), stack.port, 2, seconds, lambda: next(ready, None))
    return Cost(cost.per_second * BATCH, cost.milliseconds / BATCH)


def under_way(stack: Stack) -> Iterator[float]:
    """Seconds from the call to the sandbox phone."""
    client = stack.client()
    for _ in range(LATENCIES):
        phone, began = f"+222{next(phones)}", time.time()
        reference = client.otp(phone).json()["messageId"]
        received = stack.arrived(phone, reference).received_at
        yield received.timestamp() - began
        time.sleep(0.02)


if __name__ == "__main__":
    rounds, seconds = (int(sys.argv[1]), float(sys.argv[2])) if len(sys.argv) > 2 else (5, 2.0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main(rounds, seconds)
