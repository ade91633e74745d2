"""What a drill is: a fault of the bar, what is demanded when it happens, and what came."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Part, fork
from tests.support.stack import Stack, in_home
from tests.support.traffic import Traffic

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
LIMIT_TIMES, LIMIT_TIMES_OF_LENGTH = 5, 3  # what a drill takes: the machine may be busy


class Skipped(Exception):
    """This machine cannot do it; says what is missing."""


@dataclass(frozen=True)
class Outcome:
    """What came, in figures, and whether it is what is demanded."""

    figure: str
    is_met: bool


@dataclass(frozen=True)
class Drill:
    """One fault, done to a gateway with all its processes.

    `run` takes the length: 1 does what the bar asks for, less does as much less; demands stay the same. It takes
    `seconds` however short it is, on a machine that does nothing else, and `more` in addition at full length.
    """

    id: str
    fault: str
    demand: str
    run: Callable[[float], Outcome]
    seconds: int
    more: int = 0

    def takes(self, length: float) -> float:
        return self.seconds + self.more * length

    def limit(self, length: float) -> float:
        """Seconds after which it is ended."""
        return LIMIT_TIMES * self.seconds + LIMIT_TIMES_OF_LENGTH * self.more * length


@contextmanager
def gateway(
    database_url: str | None = None,
    run: Callable[..., Part] = fork,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """A gateway of its own, which serves; on SQLite, unless another database is named."""
    with tempfile.TemporaryDirectory(prefix="chinqit-chaos-", dir=folder) as place:
        home = Path(place) / "home"
        stack = Stack(home, database_url or in_home(home), run, environ=environ)
        try:
            stack.start()
            stack.wait_ready()
            yield stack
        finally:
            stack.close()


def of(flowed: Traffic, seconds: float, most_doubles: int = 0) -> Outcome:
    """What became of messages that flowed: waits until all are there, or the time is over. The phone is the judge."""
    with suppress(AssertionError):
        flowed.arrive(seconds)
    lost, doubles, failed = len(flowed.missing()), flowed.doubles(), len(flowed.refused)
    figure = f"{len(flowed.accepted)} accepted, {lost} lost, {doubles} doubled, {failed} answered with an error"
    return Outcome(figure, lost == 0 and doubles <= most_doubles and failed == 0 and len(flowed.accepted) > 0)


def together(outcomes: dict[str, Outcome]) -> Outcome:
    """One outcome of several, each under its name."""
    figure = "; ".join(f"{name}: {outcome.figure}" for name, outcome in outcomes.items())
    return Outcome(figure, all(outcome.is_met for outcome in outcomes.values()))


def at_least(length: float, full: int, least: int) -> int:
    """So many of `full`, and never fewer than still show something."""
    return max(round(length * full), least)
