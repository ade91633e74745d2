"""A text on its way in segments, and the order in which texts leave."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import OnOutcome, Outcome, Outgoing, Result

MOST_TRIES = 5  # of segments that are put off while others of their text are taken
GRAVITY = (Refused, NotSent, OutcomeUnknown)  # of one text's segments, the first of these speaks for all


class Job:
    """A text on its way."""

    __slots__ = ("bodies", "error", "outgoing", "put_off", "references", "sender", "tell", "todo", "tries", "under_way")

    def __init__(self, outgoing: Outgoing, tell: OnOutcome) -> None:
        self.outgoing, self.tell = outgoing, tell
        self.sender = ""  # what it leaves with
        self.bodies: list[bytes] = []  # one a segment; empty until it is begun
        self.todo: deque[int] = deque()  # segments to write; while there are any, it stands in a lane
        self.put_off: set[int] = set()  # segments to write later
        self.references: list[str] = []  # empty until the SMSC has taken the segment
        self.under_way = 0
        self.tries = 0
        self.error: SendError | None = None

    def begin(self, bodies: list[bytes], sender: str = "") -> None:
        self.bodies, self.sender = bodies, sender
        self.todo.extend(range(len(bodies)))
        self.references = [""] * len(bodies)

    @property
    def is_over(self) -> bool:
        return not (self.under_way or self.todo or self.put_off)

    @property
    def may_go_on(self) -> bool:
        """Whether a segment that was put off is worth another try: others are taken, or on their way."""
        is_split = self.under_way > 0 or any(self.references)
        return is_split and self.error is None and self.tries < MOST_TRIES and not self.outgoing.is_late

    def unanswered(self, code: str) -> SendError:
        """A text with a segment that was never written is surely not whole, whatever became of the others."""
        return NotSent(code) if self.todo or self.put_off else OutcomeUnknown(code)

    def fail(self, error: SendError) -> None:
        """Note why it is not taken, and write no more of it."""
        if self.error is None or _gravity(error) < _gravity(self.error):
            self.error = error
        self.todo.clear()
        self.put_off.clear()

    def result(self) -> Result:
        if self.error is not None:
            return self.error
        parts = tuple(self.references) if len(self.references) > 1 else ()
        return Outcome(self.references[0], parts=parts, sender=self.sender)


class SendQueue:
    """Texts with something to write: one-time codes before all others, each lane in its order."""

    def __init__(self) -> None:
        self._codes: deque[Job] = deque()
        self._others: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._codes) + len(self._others)

    def first(self) -> Job:
        return (self._codes or self._others)[0]

    def add(self, job: Job) -> None:
        self._of(job).append(job)

    def put_first(self, job: Job) -> None:
        """Before the others of its lane."""
        self._of(job).appendleft(job)

    def remove(self, job: Job) -> None:
        self._of(job).remove(job)  # quick: it stands near the front

    def take_out(self, chosen: Callable[[Job], bool]) -> list[Job]:
        """Remove the chosen ones; return them in order."""
        taken = [job for job in (*self._codes, *self._others) if chosen(job)]
        if taken:
            gone = set(taken)
            self._codes = deque(job for job in self._codes if job not in gone)
            self._others = deque(job for job in self._others if job not in gone)
        return taken

    def _of(self, job: Job) -> deque[Job]:
        return self._others if job.outgoing.code is None else self._codes


def _gravity(error: SendError) -> int:
    return next(place for place, kind in enumerate(GRAVITY) if isinstance(error, kind))
