"""How many calls a second the API takes, as a share of what Flask can do at all under the same gunicorn settings.

python -m tests.bench.api [ROUNDS SECONDS]      (5 rounds of runs of 2 seconds)

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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import select

from dashboard.gateway.otp.codes import Keyring
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.resources import ROOT
from tests.bench import load
from tests.bench.load import Load
from tests.support.postgres import Postgres
from tests.support.stack import PYTHON, Stack, free_port, until

CEILING = "Flask answering JSON"
KANNEL_PER_SECOND = 10_900
BATCH = 1_000
LATENCIES = 200
IDLE_SECONDS = 20.0
DEMAND_MS, DEMAND_MB, DEMAND_START = 50, 90, 2.0
TEXT = "Bonjour, votre commande est prete."
phones = (f"{number}" for number in itertools.count(20_000_000))


@dataclass(frozen=True)
class Measure:
    """A row of the table: a call on a database by so many clients, and the share of the ceiling that is asked for."""

    name: str
    database: str
    clients: int
    demand: float


MEASURES = (
    Measure("/messages/send", "sqlite", 16, 0.60),
    Measure("/messages/send", "sqlite", 64, 0.70),
    Measure("/messages/send", "postgresql", 16, 0.45),
    Measure("/messages/send", "postgresql", 64, 0.55),
    Measure("/otp/send", "sqlite", 16, 0.40),
    Measure("/otp/send", "postgresql", 16, 0.40),
    Measure("/otp/verify", "sqlite", 16, 0.40),
    Measure("/otp/verify", "postgresql", 16, 0.40),
)


def main(rounds: int, seconds: float) -> None:
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-bench-")))
        server = Postgres(durable=True)
        held.callback(server.stop)
        stacks = {}
        for name, url in (("sqlite", f"sqlite:///{folder / 'sqlite' / 'chinqit.db'}"), ("postgresql", server.create())):
            stacks[name] = held.enter_context(gateway(folder / name, url))
            print_alone(name, stacks[name])
            stacks[name].stop("sms-1", "sms-2", "whatsapp", "webhooks", "relay")
        measure(held.enter_context(flask_alone()), stacks, rounds, seconds)
        for name, stack in stacks.items():
            print_batches(name, batches(stack, seconds))


def measure(ceiling: int, stacks: dict[str, Stack], rounds: int, seconds: float) -> None:
    shares: dict[Measure, list[float]] = {row: [] for row in MEASURES}
    rates: dict[object, list[float]] = {}
    for turn in range(rounds):
        print(f"round {turn + 1} of {rounds} ...", file=sys.stderr)
        for clients in (16, 64):
            rates.setdefault(clients, []).append(top(ceiling, clients, seconds))
            for row in (row for row in MEASURES if row.clients == clients):
                rates.setdefault(row, []).append(run(stacks[row.database], row, seconds))
                shares[row].append(rates[row][turn] / rates[clients][turn])
    print_shares(shares, rates)


def print_shares(shares: dict[Measure, list[float]], rates: dict[object, list[float]]) -> None:
    print(f"\n{'call':24}{'database':12}{'clients':>8}{'per second':>12}{'share':>8}{'demand':>8}")
    for clients in (16, 64):
        print(f"{CEILING:24}{'':12}{clients:8}{statistics.median(rates[clients]):12,.0f}{1:8.2f}")
    for measure, found in shares.items():
        share, rate = statistics.median(found), statistics.median(rates[measure])
        missed = " !" if share < measure.demand else ""
        row = f"{measure.name:24}{measure.database:12}{measure.clients:8}{rate:12,.0f}"
        print(f"{row}{share:8.2f}{measure.demand:8.2f}{missed}")


def print_batches(name: str, rate: float) -> None:
    share = rate / KANNEL_PER_SECOND
    row = f"{'/messages/batch':24}{name:12}{2:8}{rate:12,.0f}{share:8.2f}{1:8.2f}"
    print(f"{row}{' !' * (share < 1)}   (messages; share of Kannel's {KANNEL_PER_SECOND:,} a second)")


def print_alone(name: str, stack: Stack) -> None:
    """What one gateway takes to start and to hold, and how long a code is under way when nothing else is."""
    print(f"\nOne gateway with nothing else to do, {name}")
    times = sorted(under_way(stack))
    p95 = statistics.quantiles(times, n=20)[-1] * 1_000
    print_figure("code: accept to sandbox phone, median", times[len(times) // 2] * 1_000, "ms")
    print_figure("code: accept to sandbox phone, p95", p95, "ms", DEMAND_MS)
    stack.stop("web")
    began = time.monotonic()
    stack.start("web")
    until(lambda: answers(stack.port), 30)
    print_figure("start of web to first answer", time.monotonic() - began, "s", DEMAND_START)
    for _ in range(20):
        stack.call("GET", "/dashboard/sign-in")
    print_figure("memory of a web process", max(map(megabytes, stack.web_workers())), "MB", DEMAND_MB)
    print_figure("memory of a worker process", megabytes(stack.running["sms-1"].pid), "MB", DEMAND_MB)
    print_figure("processor of all parts, idle", idle_share(stack) * 100, "% of a core")


def print_figure(what: str, value: float, unit: str, demand: float | None = None) -> None:
    asked = "" if demand is None else f"; demand {demand:g}{' !' * (value > demand)}"
    print(f"{what:40}{value:10.1f} {unit}{asked}")


# Servers


@contextmanager
def flask_alone() -> Iterator[int]:
    """The port of the ceiling."""
    port = free_port()
    config = f"--config={ROOT / 'deploy' / 'gunicorn.conf.py'}"
    argv = [PYTHON, "-m", "gunicorn", "tests.bench.ceiling:app", config, f"--bind=127.0.0.1:{port}"]
    server = subprocess.Popen(argv, cwd=ROOT)
    try:
        until(lambda: _listens(port), 30)
        yield port
    finally:
        server.terminate()
        server.wait()


@contextmanager
def gateway(home: Path, url: str) -> Iterator[Stack]:
    """All of a gateway."""
    stack = Stack(home, url)
    stack.start()
    try:
        stack.wait_ready()
        yield stack
    finally:
        stack.close()


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


def top(port: int, clients: int, seconds: float) -> float:
    return load.run(port, clients, seconds, lambda: send("none")).expect(200).per_second


def run(stack: Stack, measure: Measure, seconds: float) -> float:
    """Calls a second."""
    key = stack.key()
    if measure.name == "/otp/verify":
        guesses = iter(right_codes(stack, key, measure.clients, seconds))
        ask: Callable[[], bytes | None] = lambda: next(guesses, None)  # noqa: E731
    elif measure.name == "/otp/send":
        ask = lambda: load.post("/otp/send", key, b'{"phoneNumber":"%s"}' % next(phones).encode())  # noqa: E731
    else:
        ask = lambda: send(key)  # noqa: E731
    warm_up(stack, measure.clients, ask)
    return load.run(stack.port, measure.clients, seconds, ask).expect(200).per_second


def warm_up(stack: Stack, clients: int, ask: Callable[[], bytes | None]) -> None:
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

    load.run(stack.port, clients, seconds, ask).expect(200)
    keyring = Keyring.of(stack.settings)
    wanted = select(Otp, Message.uuid).join(Message, Message.id == Otp.message_id)
    with stack.sessions() as session:
        found = {row.Otp.phone: keyring.derive(row.Otp, row.uuid) for row in session.execute(wanted)}
    calls = ({"phoneNumber": number, "otp": found["+222" + number]} for number in numbers)
    return [load.post("/otp/verify", key, json.dumps(call).encode()) for call in calls]


def batches(stack: Stack, seconds: float) -> float:
    """Messages a second, by two callers."""
    key = stack.key()

    def ask() -> bytes:
        items = [{"phoneNumber": next(phones), "message": TEXT} for _ in range(BATCH)]
        return load.post("/messages/batch", key, json.dumps({"messages": items}).encode())

    ready = iter([ask() for _ in range(20)])  # made before, so that making them costs the server nothing
    found: Load = load.run(stack.port, 2, seconds, lambda: next(ready, None)).expect(200)
    return found.per_second * BATCH


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
