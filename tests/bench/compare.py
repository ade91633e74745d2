"""How much more or less the API of one checkout does than that of another, say before and after a change.

python -m tests.bench.compare DIR_A DIR_B [--what /messages/send] [--database sqlite] [--clients 16] [--rounds 5]
                              [--seconds 2]

Both need their .venv (`make dev`). Each runs a gateway of its own, and its own `tests.bench.api` loads it. Every round
runs the ceiling of that bench and then each checkout, one after the other, so that what else the machine does falls on
all; the table has the median of the rounds, and of their ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench import api, table
from tests.bench.api import CEILING, Cost, Measure
from tests.support.postgres import Postgres

SIDE = "--side"  # how this file is run in a checkout


def main(folders: list[Path], row: Measure, rounds: int, seconds: float) -> None:
    with ExitStack() as held:
        ceiling = held.enter_context(api.flask_alone())
        sides = [held.enter_context(checkout(folder, row, seconds)) for folder in folders]
        runs: list[Callable[[], Cost]] = [partial(api.top, ceiling, row.clients, seconds), *sides]
        found = [[run() for run in runs] for _ in range(rounds)]
    print(f"{row.name}, {row.database}, {row.clients} clients, median of {rounds}")
    for place, name in enumerate((CEILING, *map(str, folders))):
        print_costs(name, [costs[place] for costs in found])
        if place:
            print(
                table.line("  share of the ceiling", median(c[place].per_second / c[0].per_second for c in found), "")
            )
    print(table.line("the second by the first: calls", median(b.per_second / a.per_second for _, a, b in found), ""))
    print(table.line("  processor", median(b.milliseconds / a.milliseconds for _, a, b in found), ""))


def print_costs(name: str, costs: list[Cost]) -> None:
    print(table.line(name, median(cost.per_second for cost in costs), "/s"))
    print(table.line("  processor", median(cost.milliseconds for cost in costs), "ms a call"))


@contextmanager
def checkout(folder: Path, row: Measure, seconds: float) -> Iterator[Callable[[], Cost]]:
    """Run its gateway; what comes back loads it once."""
    # -P: modules are those of the checkout, not those beside this file
    argv = [str(folder / ".venv/bin/python"), "-P", __file__, SIDE]
    argv += [row.name, row.database, str(row.clients), str(seconds)]
    environ = os.environ | {"PYTHONPATH": str(folder)}
    with subprocess.Popen(
        argv, cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as side:
        assert side.stdin and side.stdout
        asked, answers = side.stdin, side.stdout
        assert answers.readline(), f"no gateway in {folder}"

        def run() -> Cost:
            print(file=asked, flush=True)
            return Cost(**json.loads(answers.readline()))

        yield run


def hold(row: Measure, seconds: float) -> None:
    """In a checkout: run its gateway, and print a line when it runs; for every line that comes, what a run costs."""
    with ExitStack() as held:
        home = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-bench-")))
        url = f"sqlite:///{home / 'gateway' / 'chinqit.db'}"
        if row.database == "postgresql":
            server = Postgres(durable=True)
            held.callback(server.stop)
            url = server.create()
        stack = held.enter_context(api.gateway(home / "gateway", url))
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(asdict(api.run(stack, row, seconds))), flush=True)


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs=2, type=lambda text: Path(text).resolve(), metavar="DIR")
    parser.add_argument("--what", choices=sorted({row.name for row in api.MEASURES}), default="/messages/send")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    return parser.parse_args()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if sys.argv[1] == SIDE:
        name, database, clients, length = sys.argv[2:]
        hold(Measure(name, database, int(clients), share=0), float(length))
    else:
        wanted = asked()
        row = Measure(wanted.what, wanted.database, wanted.clients, share=0)
        main(wanted.folders, row, wanted.rounds, wanted.seconds)
