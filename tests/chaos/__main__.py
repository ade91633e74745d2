"""`make chaos`: every fault of the bar, done to real processes; a table of what was demanded and what came.

Ends with 1 where a demand is not met. `python -m tests.chaos F1 cut` runs these alone.
"""

from __future__ import annotations

import sys
import time
import traceback

from tests.chaos import clock, disk, drills, suites, vanishing
from tests.chaos.drill import Drill, Skipped

DRILLS: tuple[Drill, ...] = (*drills.DRILLS, *clock.DRILLS, *disk.DRILLS, *vanishing.DRILLS)
NOT_COVERED = (
    "F1 with 10,000 texts, F3 hung for 60 s, F13 with 100,000 waiting: shorter here",
    "F14: a million rows migrated (python -m tests.bench pages makes them), a backup restored 25 hours later",
    "F15: 60 minutes at 50 texts a second",
    "F16: 20,000 requests of each kind: make fuzz",
    "F19: a standby that is promoted, Sentinels that fail over",
    "F20: 500 connections that trickle",
)


def main(*wanted: str) -> int:
    met = True
    for drill in DRILLS:
        if not wanted or drill.id in wanted:
            met &= run(drill)
    if not wanted or "tests" in wanted:
        for suite, came in suites.run_all():
            met &= came.is_met
            tell(suite.id, suite.fault, suite.demand, came.figure, "PASS" if came.is_met else "FAIL")
    sys.stdout.write("\n  - ".join(["\nNot covered here:", *NOT_COVERED]) + "\n")
    return 0 if met else 1


def run(drill: Drill) -> bool:
    """Do it and print its row; return whether nothing is wrong. What this machine cannot do is skipped, loudly."""
    began = time.monotonic()
    try:
        came = drill.run()
    except Skipped as reason:
        tell(drill.id, drill.fault, drill.demand, str(reason), "SKIPPED")
        return True
    except Exception as fault:
        traceback.print_exc()
        tell(drill.id, drill.fault, drill.demand, f"{type(fault).__name__}: {fault}"[:300], "FAIL")
        return False
    figure = f"{came.figure} ({time.monotonic() - began:.0f} s)"
    tell(drill.id, drill.fault, drill.demand, figure, "PASS" if came.is_met else "FAIL")
    return came.is_met


def tell(name: str, fault: str, demand: str, figure: str, verdict: str) -> None:
    sys.stdout.write(f"{verdict:8}{name:6}{fault:58}{demand}\n{'':14}{figure}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
