"""`make chaos`: every fault that the gateway has to survive, done to real processes; what was demanded and what came.

Ends with 1 where a demand is not met. It starts whatever it needs by itself, and leaves nothing behind. What a machine
cannot do is skipped, and said loudly.

    python -m tests.chaos                       all of it at full length, two to three hours
    python -m tests.chaos F3 cut                these rows alone
    python -m tests.chaos --length 0.1 F1       a tenth of the texts, kills and minutes; the demands stay the same
    python -m tests.chaos --list                what there is
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.chaos import clock, disk, drills, growth, machines, races, services, suites, upgrade
from tests.chaos.drill import Drill, Outcome, Skipped
from tests.support import run as whole_run

MODULES = (drills, clock, disk, races, services, growth, machines, upgrade)
DRILLS: tuple[Drill, ...] = tuple(drill for module in MODULES for drill in module.DRILLS)
SOAK = "F15"  # an hour at full length: last


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Do faults to a gateway.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="such as F3; all when none is named")
    parser.add_argument("--length", type=float, default=1.0, help="1 is what the demands ask for")
    parser.add_argument("--from", dest="commit", help="the commit that is upgraded; else the release before")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    asked = parser.parse_args()
    drills_of_all = sorted(DRILLS, key=lambda drill: drill.id == SOAK)
    rows = [(drill.id, drill.fault, drill.demand) for drill in drills_of_all]
    rows += [(suite.id, suite.fault, suite.demand) for suite in suites.SUITES]
    unknown = set(asked.rows) - {row[0] for row in rows}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; --list names what there is")
    if asked.list:
        sys.stdout.writelines(f"{name:9}{fault:58}{demand}\n" for name, fault, demand in rows)
        return 0
    upgrade.FROM[:] = [asked.commit] if asked.commit else []
    keeper = whole_run.begin()
    try:
        return _run([each for each in drills_of_all if not asked.rows or each.id in asked.rows], asked)
    finally:
        whole_run.end(keeper)


def _run(chosen: list[Drill], asked: argparse.Namespace) -> int:
    told: list[tuple[str, str, str, str, str]] = []
    wanted = [suite for suite in suites.SUITES if not asked.rows or suite.id in asked.rows]
    for suite, came in suites.run_all(wanted):
        told.append(tell(suite.id, suite.fault, suite.demand, came.figure, "PASS" if came.is_met else "FAIL"))
    told += [_do(drill, asked.length) for drill in chosen]
    sys.stdout.write(f"\nAll rows, at length {asked.length:g}:\n\n")
    for row in told:
        tell(*row)
    counted = {verdict: sum(row[4] == verdict for row in told) for verdict in ("PASS", "FAIL", "SKIPPED")}
    sys.stdout.write("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counted.items()) + "\n")
    for row in told:
        if row[4] == "SKIPPED":
            sys.stdout.write(f"NOT DONE ON THIS MACHINE: {row[0]} {row[1]}: {row[3]}\n")
    return 1 if counted["FAIL"] else 0


def _do(drill: Drill, length: float) -> tuple[str, str, str, str, str]:
    """Do it and print its row; return that row."""
    began, verdict = time.monotonic(), ""
    try:
        came = drill.run(length)
    except Skipped as reason:
        came, verdict = Outcome(str(reason), True), "SKIPPED"
    except Exception as fault:
        traceback.print_exc()
        came = Outcome(f"{type(fault).__name__}: {fault}"[:300], False)
    figure = f"{came.figure} ({time.monotonic() - began:.0f} s)"
    return tell(drill.id, drill.fault, drill.demand, figure, verdict or ("PASS" if came.is_met else "FAIL"))


def tell(name: str, fault: str, demand: str, figure: str, verdict: str) -> tuple[str, str, str, str, str]:
    """Print a row; return it."""
    sys.stdout.write(f"{verdict:8}{name:9}{fault:58}{demand}\n{'':17}{figure}\n")
    sys.stdout.flush()
    return name, fault, demand, figure, verdict


if __name__ == "__main__":
    sys.exit(main())
