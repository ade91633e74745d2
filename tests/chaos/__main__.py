"""`make chaos`: every fault that the gateway has to survive, done to real processes; what was demanded and what came.

Ends with 1 where a demand is not met. It starts whatever it needs by itself, and leaves nothing behind. Each row is a
process of its own, which is ended when its time is over. What a machine cannot do is skipped, and said loudly.

    python -m tests.chaos                       all of it at full length, two to three hours
    python -m tests.chaos F3 cut                these rows alone
    python -m tests.chaos --length 0.1 F1       a tenth of the texts, kills and minutes; the demands stay the same
    python -m tests.chaos --list --length 0.1   what there is, and what each takes
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.chaos import answers, clock, debian, disk, drills, growth, machines, races, services, suites, upgrade
from tests.chaos.drill import Drill, Outcome, Skipped
from tests.support import run as whole_run

MODULES = (drills, answers, clock, disk, races, services, growth, machines, upgrade, debian)
SOAK = "F15"  # an hour at full length: last
DRILLS: tuple[Drill, ...] = tuple(
    sorted((drill for module in MODULES for drill in module.DRILLS), key=lambda drill: drill.id == SOAK)
)
TIDY_SECONDS = 60  # for a row that was told to end


@dataclasses.dataclass(frozen=True)
class Row:
    """What is printed of a fault."""

    id: str
    fault: str
    demand: str
    figure: str
    verdict: str

    def tell(self) -> Row:
        sys.stdout.write(f"{self.verdict:8}{self.id:9}{self.fault:58}{self.demand}\n{'':17}{self.figure}\n")
        sys.stdout.flush()
        return self


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Do faults to a gateway.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help="such as F3; all when none is named")
    parser.add_argument("--length", type=float, default=1.0, help="1 is what the demands ask for")
    parser.add_argument("--from", dest="commit", help="the commit that is upgraded; else the release before")
    parser.add_argument("--list", action="store_true", help="name the rows and what each takes, and end")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)  # a row, by its place
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)  # and where what came is written
    asked = parser.parse_args()
    unknown = set(asked.rows) - {drill.id for drill in DRILLS} - {suite.id for suite in suites.SUITES}
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; --list names what there is")
    if asked.one is not None:
        return _do_one(DRILLS[asked.one], asked)
    chosen = [drill for drill in DRILLS if not asked.rows or drill.id in asked.rows]
    wanted = [suite for suite in suites.SUITES if not asked.rows or suite.id in asked.rows]
    if asked.list:
        sys.stdout.writelines(_listing(chosen, wanted, asked.length))
        return 0
    keeper = whole_run.begin()
    try:
        return _run(chosen, wanted, asked)
    finally:
        whole_run.end(keeper)


def _listing(chosen: list[Drill], wanted: list[suites.Suite], length: float) -> Iterator[str]:
    for suite in wanted:
        yield f"{suite.id:9}{suite.fault:58}{suite.demand}\n"
    if wanted:
        yield f"{'':9}about {suites.TAKES} s together, ended after {suites.SECONDS} s\n"
    for drill in chosen:
        yield f"{drill.id:9}{drill.fault:58}{drill.demand}\n"
        yield f"{'':9}about {drill.takes(length):.0f} s, ended after {drill.limit(length):.0f} s\n"
    whole = sum(drill.takes(length) for drill in chosen) + (suites.TAKES if wanted else 0)
    yield f"\nAt length {length:g} about {whole / 60:.0f} minutes, on a machine that does nothing else.\n"


def _run(chosen: list[Drill], wanted: list[suites.Suite], asked: argparse.Namespace) -> int:
    told: list[Row] = []
    for suite, came in suites.run_all(wanted):
        row = Row(suite.id, suite.fault, suite.demand, came.figure, "PASS" if came.is_met else "FAIL")
        told.append(row.tell())
    told += [_start(drill, asked).tell() for drill in chosen]
    sys.stdout.write(f"\nAll rows, at length {asked.length:g}:\n\n")
    for row in told:
        row.tell()
    counted = {verdict: sum(row.verdict == verdict for row in told) for verdict in ("PASS", "FAIL", "SKIPPED")}
    sys.stdout.write("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counted.items()) + "\n")
    for row in told:
        if row.verdict == "SKIPPED":
            sys.stdout.write(f"NOT DONE ON THIS MACHINE: {row.id} {row.fault}: {row.figure}\n")
    return 1 if counted["FAIL"] else 0


def _start(drill: Drill, asked: argparse.Namespace) -> Row:
    """Do a drill in a process of its own, which ends when its time is over."""
    limit, began = drill.limit(asked.length), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as folder:
        report = Path(folder) / "row.json"
        words = [f"--length={asked.length}", f"--one={DRILLS.index(drill)}", f"--report={report}"]
        words += [f"--from={asked.commit}"] if asked.commit else []
        with subprocess.Popen([sys.executable, "-m", "tests.chaos", *words]) as process:
            try:
                process.wait(limit)
                figure = f"it ended with {process.returncode} and reported nothing"
            except subprocess.TimeoutExpired:
                figure = f"it was ended after {limit:.0f} s"
                _end(process)
        took = f"({time.monotonic() - began:.0f} s of at most {limit:.0f})"
        if report.exists():
            figure, verdict = json.loads(report.read_text())
        else:
            verdict = "FAIL"
    return Row(drill.id, drill.fault, drill.demand, f"{figure} {took}", verdict)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TIDY_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _do_one(drill: Drill, asked: argparse.Namespace) -> int:
    """Do it here, and write down what came."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("its time is over"))  # so that it tidies up
    upgrade.FROM[:] = [asked.commit] if asked.commit else []
    keeper, verdict = whole_run.begin(), ""
    try:
        came = drill.run(asked.length)
    except Skipped as reason:
        came, verdict = Outcome(str(reason), True), "SKIPPED"
    except Exception as fault:
        traceback.print_exc()
        came = Outcome(f"{type(fault).__name__}: {fault}"[:300], False)
    finally:
        whole_run.end(keeper)
    asked.report.write_text(json.dumps([came.figure, verdict or ("PASS" if came.is_met else "FAIL")]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
