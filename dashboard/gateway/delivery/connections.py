"""The carriers as one process has them: opened, watched, renewed when they change, closed when they go.

Two threads use them: the keeper, which reads the routing table every second and writes down how the connections stand,
and whichever thread drains a lane. A connection belongs to the drain while that runs; the keeper only opens and closes.
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
from dashboard.gateway.delivery import receipts
from dashboard.gateway.inbound import inbox
from dashboard.gateway.messages import outbox
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import CarrierSnapshot, RoutingTable
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.models.carriers import CARRIER_BOUNDS, Carrier, CarrierConnection, CarrierMinute
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers import registry
from dashboard.providers.base import Incoming, Provider, Receipt, Result, State
from dashboard.providers.sandbox import Sandbox
from dashboard.providers.settings import InvalidSettings
from dashboard.settings import Settings
from dashboard.vocabulary import SANDBOX, Blame

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
MAX_FAILURES_IN_A_ROW = 5
SLOW_SECONDS = 5.0  # an answer that takes longer counts as a failure
CLOSE_SECONDS = 6.0
MINUTES_EVERY_SECONDS = 15.0  # between two rows of what a carrier answered
RETRY_SHARE = 0.1  # of a carrier's rate, for texts that it did not take through their own fault
UNLIMITED_RETRY_RATE = 10.0  # such texts a second with a carrier whose rate is not limited
RETRY_TOKENS_EVERY_SECONDS = 0.25  # more are asked for

Notify = Callable[[str], None]  # wakes a lane


def notify_nobody(_lane: str) -> None:
    return


@dataclass
class Connection:
    """One carrier in this process. `failures` counts its own on end; `faulty_texts` are those that it answered with a
    fault in its set-up, on end, which may be the text's fault.
    """

    id: int
    name: str
    version: int
    provider: Provider
    coordinator: leases.CarrierCoordinator | None = None  # none for the sandbox
    under_way: int = 0
    failures: int = 0
    faulty_texts: set[str] = field(default_factory=set)
    retry_tokens: float = 0.0
    asked_tokens_at: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    counted_at: float = field(default_factory=time.monotonic)  # when the outcomes were last written down
    times: Counter[int] = field(default_factory=Counter)

    def count(self, result: Result, seconds: float) -> None:
        """Count an answer for the figures."""
        self.outcomes[_word(result)] += 1
        self.times[bisect_left(CARRIER_BOUNDS, seconds)] += 1

    def judge(self, uuid: str, result: Result, seconds: float) -> str | None:
        """Return why the carrier should be kept from more for a while, if it should.

        A fault of a text or a number never counts against it, unless different texts in a row get one that may be of
        its set-up.
        """
        code = result.code if isinstance(result, SendError) else "slow"
        if isinstance(result, Refused | NotSent) and result.configuration and result.blame is Blame.CARRIER:
            return code
        if isinstance(result, SendError) and may_be_set_up(result):
            self.faulty_texts.add(uuid)
            return code if len(self.faulty_texts) >= MAX_FAILURES_IN_A_ROW else None
        if shows_life(result) and seconds <= SLOW_SECONDS:
            self.reset()
            return None
        if isinstance(result, NotSent) and result.retry_after is not None:
            return None  # it lives, and says when to come back
        if isinstance(result, Refused) and seconds <= SLOW_SECONDS:
            self.reset()
            return None
        self.failures += 1
        return code if self.failures >= MAX_FAILURES_IN_A_ROW else None

    def reset(self) -> None:
        """Forget what went wrong before."""
        self.failures = 0
        self.faulty_texts.clear()

    def retry_budget(self) -> int:
        """How many texts that it did not take through their own fault may be tried again now.

        All processes share the budget: RETRY_SHARE of the carrier's rate.
        """
        if self.coordinator is None:
            return outbox.MOST_COUNTED
        now = time.monotonic()
        if self.retry_tokens < 1 and now - self.asked_tokens_at >= RETRY_TOKENS_EVERY_SECONDS:
            self.asked_tokens_at = now
            rate = self.provider.rate * RETRY_SHARE or UNLIMITED_RETRY_RATE
            wanted = max(1, int(rate * RETRY_TOKENS_EVERY_SECONDS))
            self.retry_tokens += self.coordinator.acquire_retry_tokens(rate, wanted).granted
        return max(int(self.retry_tokens), 0)

    def spend_retry(self, segments: int) -> bool:
        """Take the tokens of a text that is tried again; False when there are none. A long one leaves a debt."""
        if self.coordinator is None:
            return True
        if self.retry_budget() < 1:
            return False
        self.retry_tokens -= segments
        return True


def may_be_set_up(error: SendError) -> bool:
    """Whether the carrier blames a text for what another carrier may well take: its own set-up may be at fault."""
    return error.blame is Blame.TEXT and (error.configuration or error.tries == 1)


def shows_life(result: Result) -> bool:
    """Whether it shows that a carrier works: it took a text, or refused one for the text's or the number's sake."""
    if isinstance(result, SendError):
        return result.blame is not Blame.CARRIER and not result.configuration and not may_be_set_up(result)
    return True


class Connections:
    """All connections of a process, by carrier id. The sandbox is always among them."""

    def __init__(self, sessions: Sessions, settings: Settings, channel: str, notify: Notify = notify_nobody) -> None:
        self.sessions = sessions
        self.settings = settings
        self.channel = channel
        self.notify = notify
        self.redis = redis.connect(settings.redis_url)
        self.routing = RoutingTable()
        sandbox = Sandbox(SandboxInbox(sessions, settings).seal)
        self.open: dict[int, Connection] = {outbox.SANDBOX_ID: Connection(outbox.SANDBOX_ID, SANDBOX, 0, sandbox)}
        self._read_at = 0.0
        self._lock = threading.Lock()

    def refresh(self, *, now: bool = False) -> None:
        """Read the routing table if it is older than a second, and open and close what has changed."""
        with self._lock:
            if not now and time.monotonic() - self._read_at < REFRESH_SECONDS:
                return
            with read_session(self.sessions) as session:
                routing = rules.read(session)
                self._renew(session, routing)
            self.routing, self._read_at = routing, time.monotonic()

    def beat(self) -> None:
        """Write down how the connections stand and what carriers answered; commits."""
        with self.sessions.begin() as session:
            health.beat(session, [_as_row(connection) for connection in self.real()])
            minutes = [row for connection in self.real() if (row := _minute(connection))]
            if minutes:
                session.connection().execute(insert(core_table(CarrierMinute)), minutes)

    def states(self) -> dict[int, State]:
        """How each carrier stands."""
        return {connection.id: connection.provider.state() for connection in self.real()}

    def close(self) -> None:
        """Let go of all carriers; those with a session end it. Commits."""
        _close(self.real())
        with self.sessions.begin() as session:
            health.leave(session, workers.name())

    def real(self) -> list[Connection]:
        """All but the sandbox."""
        return [connection for connection in list(self.open.values()) if connection.id != outbox.SANDBOX_ID]

    def carriers(self) -> list[CarrierSnapshot]:
        """Those of the routing table that serve this process's channel."""
        return [carrier for carrier in self.routing.carriers.values() if self._is_mine(carrier)]

    def takes(self, carrier_id: int) -> bool:
        """Whether the routing table lets a message go to a carrier now: it is up, or due for a trial and has none."""
        carrier = self.routing.carriers.get(carrier_id)
        if carrier is None or not carrier.enabled:
            return carrier_id == outbox.SANDBOX_ID
        if carrier.down_since is None:
            return True
        connection = self.open.get(carrier_id)
        return connection is not None and connection.under_way == 0 and self.free_slots(connection) > 0

    def free_slots(self, connection: Connection) -> int:
        """How many more texts a carrier may be given now: none while it is down, one when it is due for a trial."""
        if not connection.provider.state().is_ready:
            return 0
        free = max(connection.provider.capacity - connection.under_way, 0)
        carrier = self.routing.carriers.get(connection.id)
        if carrier is None or carrier.down_since is None:
            return free
        return min(free, max(1 - connection.under_way, 0)) if _is_trial_due(carrier) else 0

    def is_down(self, carrier_id: int) -> bool:
        """Whether the routing table has it down, also when it is due for a trial."""
        carrier = self.routing.carriers.get(carrier_id)
        return carrier is not None and carrier.down_since is not None

    def _renew(self, session: Session, routing: RoutingTable) -> None:
        wanted = {carrier.id: carrier for carrier in routing.carriers.values() if self._is_mine(carrier)}
        gone = [
            connection
            for connection in self.real()
            if connection.id not in wanted or wanted[connection.id].version != connection.version
        ]
        for connection in gone:
            del self.open[connection.id]
        if gone:  # a session must have ended before its successor asks for the same bind
            _close(gone)
        for carrier in wanted.values():
            if carrier.id not in self.open:
                self._open(session, carrier)

    def _is_mine(self, carrier: CarrierSnapshot) -> bool:
        return carrier.enabled and self.channel in registry.KINDS[carrier.kind].channels

    def _open(self, session: Session, carrier: CarrierSnapshot) -> None:
        row = session.get(Carrier, carrier.id)
        if row is None:
            return
        host = ConnectionHost(carrier, self)
        try:
            provider = carriers.build(carriers.cipher(self.settings), row, host)
        except (carriers.UnreadableSettings, InvalidSettings) as error:
            log.error("carrier %s cannot be opened: %s", carrier.name, type(error).__name__)
            return
        self.open[carrier.id] = Connection(carrier.id, carrier.name, carrier.version, provider, host)


class ConnectionHost(leases.CarrierCoordinator):
    """What a carrier may ask of the gateway: binds and rate that all processes share, and what comes in kept."""

    def __init__(self, carrier: CarrierSnapshot, connections: Connections) -> None:
        super().__init__(connections.redis, str(carrier.id))
        self.name = carrier.name
        self.connections = connections

    def store(self, received: Sequence[Receipt]) -> None:
        """Write receipts down for good; commits. Raises when the database fails."""
        for lane in receipts.store_receipts(self.connections.sessions, self.name, received):
            self.connections.notify(lane)

    def store_incoming(self, texts: Sequence[Incoming]) -> None:
        """Write texts from phones down for good; commits. Raises when the database fails."""
        for lane in inbox.receive(self.connections.sessions, self.name, texts):
            self.connections.notify(lane)


def _close(connections: list[Connection]) -> None:
    """Side by side: each may wait for what is under way."""
    threads = [threading.Thread(target=connection.provider.close, daemon=True) for connection in connections]
    for thread in threads:
        thread.start()
    end = time.monotonic() + CLOSE_SECONDS
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))


def _as_row(connection: Connection) -> CarrierConnection:
    state = connection.provider.state()
    return CarrierConnection(
        process=workers.name(),
        carrier_id=connection.id,
        state=state.name,
        code=state.code,
        version=connection.version,
        under_way=connection.under_way,
        beat_at=utcnow(),
    )


def _is_trial_due(carrier: CarrierSnapshot) -> bool:
    return carrier.down_until is not None and carrier.down_until <= utcnow()


def _word(result: Result) -> str:
    if isinstance(result, Refused):
        return "refused"
    if isinstance(result, NotSent):
        return "again"
    return "unknown" if isinstance(result, OutcomeUnknown) else "taken"


def _minute(connection: Connection) -> dict[str, object] | None:
    """What a carrier answered since the last row; None when a row is not due, or there is nothing to write."""
    if time.monotonic() - connection.counted_at < MINUTES_EVERY_SECONDS:
        return None
    connection.counted_at = time.monotonic()
    if not connection.outcomes:
        return None
    counts = {name: connection.outcomes.pop(name, 0) for name in ("taken", "refused", "again", "unknown")}
    times = [connection.times.pop(place, 0) for place in range(len(CARRIER_BOUNDS) + 1)]
    return {"carrier": connection.name, "at": utcnow(), **counts, "times": times}
