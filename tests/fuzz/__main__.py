"""40,000 requests on each kind of database: made from `/openapi.json`, of raw bytes, and made from the pages' forms.

The first two go to a gateway of their own, the others to the application in this process. The seed may be given, and
another number of requests: `python -m tests.fuzz 7 1000`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
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


def main(seed: int = 1, cases: int = CASES) -> int:
    """Return 1 when any answer was wrong; the last line tells how many."""
    faults = 0
    for name, new_database in databases():
        began = time.monotonic()
        faults += fuzz_api(name, new_database(), seed, cases // 4) + fuzz_pages(name, new_database(), seed, cases // 2)
        say(f"{name}: {round(time.monotonic() - began)} s")
    say(f"{2 * cases:,} requests, seed {seed}: {faults} faults")
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


def fuzz_api(name: str, address: str, seed: int, cases: int) -> int:
    """So many made from the description, as many of raw bytes; return how many answers were wrong."""
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        stack = Stack(Path(folder) / "home", address)
        try:
            stack.start()
            stack.wait_ready()
            stack.kill("webhooks")
            ran = generated.fuzz(stack, max(1, cases // _operations()), Path(folder), tuple(Scope))
            raw = raw_bytes.fuzz(stack, cases, seed, tuple(Scope))
        finally:
            stack.close()
    if ran.returncode:
        say(ran.stdout[-20_000:] + ran.stderr[-4_000:])
    say(f"{name}: {cases:,} made from the API's description: {'faults' if ran.returncode else 'no fault'}")
    told(f"{name}: {cases:,} of raw bytes", raw.statuses, raw.faults)
    return bool(ran.returncode) + len(raw.faults)


def fuzz_pages(name: str, address: str, seed: int, cases: int) -> int:
    """So many made from the pages' links and forms; return how many were answered with a 500."""
    logging.disable(logging.ERROR)  # a fault is told once, below
    with tempfile.TemporaryDirectory(prefix="chinqit-") as folder:
        settings = make_settings(Path(folder), database_url=address, public_url="http://localhost")
        migrate.upgrade(settings)
        app = create_app(settings)
        report = PageFuzzer(app, World(app.extensions["chinqit"]), seed).run(cases)
        with app.app_context():
            db.engine.dispose()
    logging.disable(logging.NOTSET)
    told(f"{name}: {cases:,} made from pages", report.statuses, report.faults)
    return len(report.faults)


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
