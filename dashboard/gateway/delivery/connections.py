"""The carriers as one process has them: opened, watched, renewed when they change, closed when they go.

Two threads use them: the keeper, which reads the book every second and writes down how the lines stand, and whichever
thread drains a lane. A line belongs to the drain while that runs; the keeper only puts lines in and takes them out.
"""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert
from sqlalchemy.orm import Session

from dashboard import redis
from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import carriers, health, leases
from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import CarrierSnapshot, RoutingTable
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.models.carriers import CARRIER_BOUNDS, Carrier, CarrierConnection, CarrierMinute
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers import registry
from dashboard.providers.base import Provider, Receipt, Result, State
from dashboard.providers.sandbox import Sandbox
from dashboard.providers.settings import InvalidSettings
from dashboard.settings import Settings

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
MOST_BAD = 5  # failures on end
SLOW_SECONDS = 5.0  # an answer that takes longer counts as one
CLOSE_SECONDS = 6.0
TALLY_SECONDS = 15.0  # between two rows of what carriers answered

TakeDown = Callable[[str, Sequence[Receipt]], None]


@dataclass
class Connection:
    """One carrier in this process. `bad` counts failures on end; `tally` and `times` what came of calls."""

    id: int
    name: str
    version: int
    provider: Provider
    under_way: int = 0
    bad: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    counted_at: float = field(default_factory=time.monotonic)  # when the tally was last written down
    times: Counter[int] = field(default_factory=Counter)

    @property
    def room(self) -> int:
        """How many more texts it may be given."""
        return max(self.provider.capacity - self.under_way, 0) if self.provider.state().is_ready else 0

    def note(self, result: Result, seconds: float) -> str | None:
        """Count what came of a call; return why it should be kept from more for a while, if it should."""
        self.tally[_word(result)] += 1
        self.times[bisect_left(CARRIER_BOUNDS, seconds)] += 1
        failed = isinstance(result, NotSent | OutcomeUnknown)
        code = result.code if isinstance(result, Refused | NotSent | OutcomeUnknown) else "slow"
        if isinstance(result, Refused | NotSent) and result.configuration:
            return code
        if isinstance(result, NotSent) and result.retry_after is not None:
            return None  # it lives, and says when to come back
        self.bad = self.bad + 1 if failed or seconds > SLOW_SECONDS else 0
        return code if self.bad >= MOST_BAD else None


class Connections:
    """All lines of a process, by carrier id. The sandbox is always among them."""

    def __init__(self, sessions: Sessions, settings: Settings, channel: str, take_down: TakeDown) -> None:
        self.sessions = sessions
        self.settings = settings
        self.channel = channel
        self.take_down = take_down
        self.box = carriers.cipher(settings)
        self.redis = redis.connect(settings.redis_url)
        self.book = RoutingTable()
        sandbox = Sandbox(SandboxInbox(sessions, settings).receive)
        self.open: dict[int, Connection] = {
            outbox.SANDBOX_ID: Connection(outbox.SANDBOX_ID, carriers.SANDBOX, 0, sandbox)
        }
        self._read_at = 0.0
        self._lock = threading.Lock()

    def refresh(self, *, now: bool = False) -> None:
        """Read the book if it is older than a second, and open and close what has changed."""
        with self._lock:
            if not now and time.monotonic() - self._read_at < REFRESH_SECONDS:
                return
            with read_session(self.sessions) as session:
                book = rules.read(session)
                self._renew(session, book)
            self.book, self._read_at = book, time.monotonic()

    def beat(self) -> None:
        """Write down how the lines stand and what they did; commits."""
        with self.sessions.begin() as session:
            health.beat(session, [self._as_row(line) for line in self._others()])
            minutes = [row for line in self._others() if _is_due(line) and (row := _tallied(line))]
            if minutes:
                session.connection().execute(insert(core_table(CarrierMinute)), minutes)

    def states(self) -> dict[int, State]:
        """How each carrier stands."""
        return {line.id: line.provider.state() for line in self._others()}

    def close(self) -> None:
        """Let go of all carriers; those with a session end it."""
        self._close(self._others())
        with self.sessions.begin() as session:
            health.leave(session, workers.name())

    def carriers(self) -> list[CarrierSnapshot]:
        """Those of the book that serve this process's channel."""
        return [known for known in self.book.carriers.values() if self._is_mine(known)]

    def is_open(self, carrier_id: int) -> bool:
        """Whether the book lets a message go to a carrier now: it is not down, or is due for a try and has none."""
        known = self.book.carriers.get(carrier_id)
        if known is None or not known.enabled:
            return carrier_id == outbox.SANDBOX_ID
        if known.down_since is None:
            return True
        line = self.open.get(carrier_id)
        return _may_try(known) and line is not None and line.under_way == 0 and line.room > 0

    def room(self, line: Connection) -> int:
        """How many texts a line may be given now: none while it is down, one when it is due for a try."""
        known = self.book.carriers.get(line.id)
        if known is None or known.down_since is None:
            return line.room
        return min(line.room, 1 - line.under_way) if _may_try(known) else 0

    def was_down(self, carrier_id: int) -> bool:
        """Whether the book has it down, or down until the next try."""
        known = self.book.carriers.get(carrier_id)
        return known is not None and known.down_since is not None

    def _others(self) -> list[Connection]:
        return [line for line in list(self.open.values()) if line.id != outbox.SANDBOX_ID]

    def _renew(self, session: Session, book: RoutingTable) -> None:
        wanted = {known.id: known for known in book.carriers.values() if self._is_mine(known)}
        gone = [line for line in self._others() if line.id not in wanted or wanted[line.id].version != line.version]
        for line in gone:
            del self.open[line.id]
        if gone:  # a session must have ended before its successor asks for the same bind
            self._close(gone)
        for known in wanted.values():
            if known.id not in self.open:
                self._open(session, known)

    def _is_mine(self, known: CarrierSnapshot) -> bool:
        return known.enabled and self.channel in registry.KINDS[known.kind].channels

    def _open(self, session: Session, known: CarrierSnapshot) -> None:
        row = session.get(Carrier, known.id)
        if row is None:
            return
        host = LineHost(known, self)
        try:
            provider = carriers.build(self.box, row, host)
        except (carriers.UnreadableSettings, InvalidSettings) as error:
            log.error("carrier %s cannot be opened: %s", known.name, type(error).__name__)
            return
        self.open[known.id] = Connection(known.id, known.name, known.version, provider)

    def _close(self, lines: list[Connection]) -> None:
        """Side by side: each may wait for what is under way."""
        threads = [threading.Thread(target=line.provider.close, daemon=True) for line in lines]
        for thread in threads:
            thread.start()
        end = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0))

    def _as_row(self, line: Connection) -> CarrierConnection:
        state = line.provider.state()
        return CarrierConnection(
            process=workers.name(),
            carrier_id=line.id,
            state=state.name,
            code=state.code,
            version=line.version,
            under_way=line.under_way,
            beat_at=utcnow(),
        )


class LineHost(leases.CarrierCoordinator):
    """What a line's carrier may ask of the gateway: binds and permits that all share, and receipts kept."""

    def __init__(self, known: CarrierSnapshot, lines: Connections) -> None:
        super().__init__(lines.redis, str(known.id))
        self.name = known.name
        self.lines = lines

    def store(self, receipts: Sequence[Receipt]) -> None:
        self.lines.take_down(self.name, receipts)


def _may_try(known: CarrierSnapshot) -> bool:
    return known.down_until is not None and known.down_until <= utcnow()


def _word(result: Result) -> str:
    if isinstance(result, Refused):
        return "refused"
    if isinstance(result, NotSent):
        return "again"
    return "unknown" if isinstance(result, OutcomeUnknown) else "taken"


def _is_due(line: Connection) -> bool:
    return time.monotonic() - line.counted_at >= TALLY_SECONDS


def _tallied(line: Connection) -> dict[str, object] | None:
    """What it did since the last time; None when that is nothing."""
    line.counted_at = time.monotonic()
    if not line.tally:
        return None
    counts = {name: line.tally.pop(name, 0) for name in ("taken", "refused", "again", "unknown")}
    times = [line.times.pop(place, 0) for place in range(len(CARRIER_BOUNDS) + 1)]
    return {"carrier": line.name, "at": utcnow(), **counts, "times": times}
