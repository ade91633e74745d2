"""Faults that tests of the project do; here they are run together, and counted by the fault that they are about."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.chaos.drill import Outcome

TAKES = 240  # seconds, all of them together, on a machine that does nothing else
SECONDS = 5 * TAKES


@dataclass(frozen=True)
class Suite:
    """Tests that do a fault; `places` begin the names of theirs, as FILE or FILE::TEST."""

    id: str
    fault: str
    demand: str
    places: tuple[str, ...]


HTTP = "tests/resilience/carriers/test_http_carriers.py"
RACES = "tests/resilience/otp/test_races.py"
SUITES = (
    Suite("F4", "web processes killed, calls repeated by key", "one message a key", ("tests/resilience/messages/",)),
    Suite(
        "F6", "database locked 3 s and longer, PostgreSQL crashes", "documented 500", ("tests/resilience/database/",)
    ),
    Suite(
        "F7",
        "carriers hang, reset, throttle, unbind, go silent",
        "lost 0, bound again within 10 s",
        ("tests/system/carriers/smpp/test_faults.py", "tests/resilience/carriers/test_smsc.py", HTTP),
    ),
    Suite("F8", "carrier A dead, B healthy", "over to B and back", (f"{HTTP}::test_a_dead_carriers",)),
    Suite("F9", "WhatsApp hangs, callers wait", "others keep their pace", (f"{HTTP}::test_callers_of_a_hung",)),
    Suite("F10", "100 guesses at once", "never more than 3 judged", (f"{RACES}::test_of_100", f"{RACES}::test_of_the")),
    Suite("F11", "200 codes for one phone at once", "exactly 3", (f"{RACES}::test_of_200", "tests/system/limits/")),
    Suite(
        "F14",
        "a migration killed and run again; backup and restore",
        "nothing half done, stale rows expire",
        ("tests/integration/database/test_migrations.py", "tests/integration/maintenance/"),
    ),
    Suite("F17", "an SMSC killed between parts", "lost 0 parts", ("tests/system/delivery/test_long_texts.py",)),
    Suite("F18", "an SMSC that refuses texts", "codes keep pace", ("tests/system/delivery/test_refusing_smsc.py",)),
    Suite(
        "F20",
        "500 clients that trickle; 60 MB at pages",
        "others keep their pace, 413",
        ("tests/resilience/web/test_slow_clients.py", "tests/integration/web/test_hostile_input.py"),
    ),
    Suite("F21", "restart for an upgrade under load", "refused 0, broken 0", ("tests/system/cli/test_restart.py",)),
    Suite("hooks", "webhook workers killed", "every event told", ("tests/resilience/webhooks/",)),
)


def run_all(suites: list[Suite]) -> Iterator[tuple[Suite, Outcome]]:
    """Run the tests of these once, all together."""
    if not suites:
        return
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-") as folder:
        report = Path(folder) / "report.xml"
        files = sorted({place.partition("::")[0] for suite in suites for place in suite.places})
        command = [sys.executable, "-m", "pytest", "-q", "-m", "", f"--junitxml={report}", *files]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
            said = done.stdout[-20_000:]
        except subprocess.TimeoutExpired:
            said = f"the tests took longer than {SECONDS} s"
        cases = list(_cases(report)) if report.exists() else []
    if any(state == "failed" for _, state in cases) or not cases:
        sys.stderr.write(said)
    for suite in suites:
        yield suite, _outcome(suite, cases)


def _cases(report: Path) -> Iterator[tuple[str, str]]:
    """Each test as FILE::NAME with its state."""
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        yield f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}", state


def _outcome(suite: Suite, cases: list[tuple[str, str]]) -> Outcome:
    counted = Counter(state for name, state in cases if name.startswith(suite.places))
    figure = ", ".join(f"{count} {state}" for state, count in sorted(counted.items())) or "no test ran"
    return Outcome(figure, counted["passed"] > 0 and not counted["failed"])
