"""40,000 requests on each kind of database: made from `/openapi.json`, of raw bytes, and made from the pages' forms.

The first two go to a gateway of their own, the others to the application in this process. Each run has another seed and
tells it; the seed may be given, and another number of requests: `python -m tests.fuzz 7 1000`.
"""

from __future__ import annotations

import logging
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.app import create_app
from dashboard.cli import migrate
from dashboard.extensions import db
from dashboard.pages.docs import reference
from dashboard.vocabulary import Scope
from tests.fuzz import generated, raw_bytes
from tests.fuzz.pages import PageFuzzer
from tests.support.dashboard_client import World, make_settings
from tests.support.postgres import Postgres
from tests.support.stack import Stack, in_home

CASES = 40_000
SAY_EVERY_SECONDS = 10.0
GENERATED = re.compile(r"(\d+) generated")  # what schemathesis says of itself


@dataclass(frozen=True)
class Result:
    """What one door of one database did: pages, the described API, raw bytes."""

    database: str
    door: str
    requests: int
    faults: int
    seconds: float


def main(seed: int | None = None, cases: int = CASES) -> int:
    """Return 1 when any answer was wrong; the last lines tell how many of how many, by database and door."""
    seed = int(time.time()) if seed is None else seed
    say(f"`python -m tests.fuzz {seed} {cases}` makes the same requests again")
    results: list[Result] = []
    for name, new_database in databases():
        results += fuzz_api(name, new_database(), seed, cases // 4)
        results.append(fuzz_pages(name, new_database(), seed, cases // 2))
    say("")
    for one in results:
        say(f"{one.database:<11} {one.door:<22} {one.requests:>7,} requests {one.faults:>4} faults {one.seconds:.0f} s")
    faults = sum(one.faults for one in results)
    say(f"{sum(one.requests for one in results):,} requests, seed {seed}: {faults} faults")
    return int(faults > 0)


def databases() -> Iterator[tuple[str, Callable[[], str]]]:
    """Each kind, with what makes an empty one and returns its address."""
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        homes = (Path(folder) / f"home-{n}" for n in range(9))

        def in_a_home() -> str:
            home = next(homes)
            home.mkdir()
            return in_home(home)

        yield "SQLite", in_a_home
    server = Postgres()
    try:
        yield "PostgreSQL", server.create
    finally:
        server.stop()


def fuzz_api(name: str, address: str, seed: int, cases: int) -> list[Result]:
    """So many made from the description, as many of raw bytes."""
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", address)
        try:
            stack.start()
            stack.wait_ready()
            stack.kill("webhooks")
            say(f"{name}: requests made from the API's description, {cases:,} or more ...")
            began = time.monotonic()
            ran = generated.fuzz(stack, max(1, cases // _operations()), Path(folder), seed, tuple(Scope))
            half = time.monotonic()
            raw = raw_bytes.fuzz(stack, cases, seed, tuple(Scope), Progress(f"{name}, raw bytes", cases))
        finally:
            stack.close()
    if ran.returncode:
        say(ran.stdout[-20_000:] + ran.stderr[-4_000:])
    told(f"{name}, raw bytes", raw.statuses, raw.faults)
    made = GENERATED.search(ran.stdout)
    described = Result(name, "the API's description", int(made[1]) if made else 0, ran.returncode, half - began)
    return [described, Result(name, "raw bytes", cases, len(raw.faults), time.monotonic() - half)]


def fuzz_pages(name: str, address: str, seed: int, cases: int) -> Result:
    """So many made from the pages' links and forms; a fault is what was answered with a 500."""
    logging.disable(logging.ERROR)  # a fault is told once, below
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        settings = make_settings(Path(folder), database_url=address, public_url="http://localhost")
        migrate.upgrade(settings)
        app = create_app(settings)
        fuzzer = PageFuzzer(app, World(app.extensions["chinqit"]), seed)
        report = fuzzer.run(cases, Progress(f"{name}, pages", cases))
        with app.app_context():
            db.engine.dispose()
    logging.disable(logging.NOTSET)
    told(f"{name}, pages", report.statuses, report.faults)
    missed = fuzzer.unreached()
    say(f"{name}, pages: {len(report.doors)} doors; {len(missed)} not reached {' '.join(missed[:9])}")
    return Result(name, "pages", cases, len(report.faults), time.monotonic() - began)


class Progress:
    """Says every ten seconds how far it is."""

    def __init__(self, what: str, cases: int) -> None:
        self.what, self.cases, self.said_at = what, cases, time.monotonic()

    def __call__(self, done: int, faults: int) -> None:
        if time.monotonic() - self.said_at >= SAY_EVERY_SECONDS:
            self.said_at = time.monotonic()
            say(f"{self.what}: {done:,} of {self.cases:,}, {faults} faults")


def told(what: str, statuses: Counter[str], faults: list[str]) -> None:
    counts = ", ".join(f"{count:,} × {status}" for status, count in statuses.most_common())
    say(f"{what}: {counts}; {len(faults)} faults")
    for fault in faults[:20]:
        say(fault)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _operations() -> int:
    """How many operations of `/openapi.json` take data."""
    paths = reference.document()["paths"].values()
    return sum(bool({"requestBody", "parameters"} & set(operation)) for path in paths for operation in path.values())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
