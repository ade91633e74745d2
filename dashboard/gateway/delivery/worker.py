"""Deliver what the outbox holds: claim, route, hand over, collect, settle.

One thread does all of that for a lane; carriers work in threads of their own and only report what came of a text. A
text is settled as soon as its outcome is known, and outcomes that come together share one transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from queue import Empty, SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Sessions, error_reason, read_connection, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import health
from dashboard.gateway.delivery import claim, decisions, render, routes, settle
from dashboard.gateway.delivery.connections import Connection, Connections, Notify, notify_nobody, shows_life
from dashboard.gateway.delivery.decisions import (
    Alternatives,
    Answered,
    Claimed,
    Decision,
    Defer,
    Expire,
    LetGo,
    RetryLater,
)
from dashboard.gateway.delivery.taken_log import TakenLog
from dashboard.gateway.messages import outbox
from dashboard.outbound.errors import SendError
from dashboard.providers.base import TOO_LATE, Outcome, Outgoing, Result
from dashboard.settings import Settings
from dashboard.tracing import Attributes, Span, Traces, open_traces
from dashboard.vocabulary import Channel, ConnectionState, Kind

log = logging.getLogger(__name__)

NANOSECONDS = 10**9
BATCH = 50  # at the least; small, so that a code that comes in meanwhile waits for little
WAIT_SECONDS = 0.05  # for an outcome, before looking for new work
SETTLE_AGAIN_SECONDS = 0.5
NO_CARRIER_WAIT = timedelta(seconds=30)  # until a route is looked for again
NO_RETRY_TOKEN_WAIT = timedelta(seconds=1)

MayGoOn = Callable[[], bool]


@dataclass
class WorkerContext:
    """What delivery works with in one process. `notify` wakes a lane that has work."""

    sessions: Sessions
    settings: Settings
    connections: Connections
    notify: Notify = notify_nobody
    traces: Traces | None = None
    taken: TakenLog = field(default_factory=TakenLog)
    turn: threading.Lock = field(default_factory=threading.Lock)  # one drain at a time

    @classmethod
    def open(
        cls, sessions: Sessions, settings: Settings, channel: str = Channel.SMS, notify: Notify = notify_nobody
    ) -> WorkerContext:
        """For the lane of a channel. Carriers are opened with the first `connections.refresh`."""
        connections = Connections(sessions, settings, channel, notify)
        traces = open_traces(settings.otel_exporter_otlp_endpoint, f"worker {channel}")
        return cls(sessions, settings, connections, notify, traces)


@dataclass(frozen=True)
class _Reported:
    """A carrier's answer, with the connection that it came by."""

    connection: Connection
    claimed: Claimed
    result: Result
    seconds: float


def drain(context: WorkerContext, lane: str, may_go_on: MayGoOn) -> int:
    """Deliver a lane's due rows until none is left or `may_go_on` says stop; return how many were claimed. Commits."""
    with context.turn:
        context.connections.refresh(now=True)  # a message that came after a change goes by it
        return _Drain(context, lane, may_go_on).run()


def has_work(context: WorkerContext, lane: str) -> bool:
    """Whether something is due that this process has free slots for, whichever worker was woken."""
    connections = context.connections
    ready = [connection.id for connection in list(connections.open.values()) if connections.free_slots(connection)]
    with read_session(context.sessions) as session:
        if set(ready) - {outbox.SANDBOX_ID} and outbox.due_priorities(session, lane):
            return True
        return any(outbox.due_priorities(session, lane, carrier_id) for carrier_id in ready)


def is_elsewhere(context: WorkerContext, lane: str) -> bool:
    """Whether messages are due that only another worker can send, as it holds the bind."""
    connections = context.connections
    if not connections.real() or any(map(connections.free_slots, connections.real())):
        return False
    with read_session(context.sessions) as session:
        if not outbox.due_priorities(session, lane):
            return False
        return any(
            row.state == ConnectionState.READY and row.process != workers.name() for row in health.connections(session)
        )


class _Drain:
    """One run over a lane. Rows are claimed, wait for their carrier, are under way, and are settled."""

    def __init__(self, context: WorkerContext, lane: str, may_go_on: MayGoOn) -> None:
        self.context = context
        self.connections = context.connections
        self.lane = lane
        self.may_go_on = may_go_on
        self.waiting: dict[int, deque[Claimed]] = {}  # by carrier
        self.has_deferred: set[int] = set()  # carriers for which rows wait: newer messages line up behind them
        self.reported: SimpleQueue[_Reported] = SimpleQueue()
        self.decided: list[Decision] = []  # in this turn; written in one transaction
        self.under_way = 0
        self.count = 0  # of rows claimed

    def run(self) -> int:
        """Turn until nothing is claimed, waits or is under way. Whatever ends it, what carriers say is written down."""
        try:
            while self.may_go_on():
                self.connections.refresh()
                claimed = self._claim()
                self._hand_over()
                self._collect()
                if not self._settle() and not claimed and not self._is_busy:
                    break
        finally:
            self._finish()
        return self.count

    @property
    def _is_busy(self) -> bool:
        return bool(self.under_way) or any(self.waiting.values())

    # Claim

    def _claim(self) -> int:
        """Take rows while carriers have slots for them, and route them; return how many."""
        before, connections = self.count, list(self.connections.open.values())
        is_served = self.connections.routing.serves(self.lane)
        takers = [connection for connection in connections if (connection.id == outbox.SANDBOX_ID) != is_served]
        for claimed in self._take(self._wanted(takers), takers):
            self._route(claimed)
        for connection in connections:
            self._take_deferred(connection)
        return self.count - before

    def _take(self, limit: int, connections: list[Connection], carrier_id: int | None = None) -> list[Claimed]:
        """Claim up to `limit` rows; of those that are tried again, what the carriers' budgets allow."""
        if limit <= 0:
            return []
        due = self._due(carrier_id)
        retries = sum(connection.retry_budget() for connection in connections) if outbox.RETRY in due else 0
        if not retries:
            due -= {outbox.RETRY}
        if not due:
            return []
        rows = claim.claim(
            self.context.sessions, self.lane, limit, carrier_id=carrier_id, retries=retries, priorities=due
        )
        self.count += len(rows)
        return rows

    def _due(self, carrier_id: int | None) -> set[int]:
        with read_connection(self.context.sessions) as connection:
            return outbox.due_priorities(connection, self.lane, carrier_id)

    def _wanted(self, takers: list[Connection]) -> int:
        """How many rows to claim that any of these carriers may take; not a few at a time while there is other work."""
        if self._is_cut_off():
            return BATCH
        wanted = sum(map(self._wanted_by, takers))
        enough = min(sum(connection.provider.capacity for connection in takers), BATCH) // 2
        return wanted if not self._is_busy or wanted >= enough else 0

    def _is_cut_off(self) -> bool:
        """Whether callers wait for carriers that are all down: they are to be told at once."""
        if self.lane != Channel.WHATSAPP or not self.connections.routing.serves(self.lane):
            return False
        return not any(self.connections.takes(carrier.id) for carrier in self.connections.carriers())

    def _wanted_by(self, connection: Connection) -> int:
        """How many rows to claim for a carrier."""
        return max(self.connections.free_slots(connection) - len(self.waiting.get(connection.id, ())), 0)

    def _take_deferred(self, connection: Connection) -> None:
        """Claim rows that wait for this carrier alone."""
        wanted = self._wanted_by(connection)
        if wanted < (min(connection.provider.capacity, BATCH) // 2 if self._is_busy else 1):
            return
        rows = self._take(wanted, [connection], connection.id)
        self.waiting.setdefault(connection.id, deque()).extend(rows)
        if rows and self._due(connection.id) - {outbox.RETRY}:
            self.has_deferred.add(connection.id)
        else:
            self.has_deferred.discard(connection.id)

    # Route

    def _route(self, claimed: Claimed) -> None:
        """Let a claimed row wait for its carrier, in this process or in the database."""
        message = claimed.message
        if message.step is not None and claimed.why_ended is not None:  # before a missing carrier is noticed
            self.decided.append(Expire(message, claimed.why_ended))
            return
        carrier_id = routes.choose(self.connections, self.lane, claimed)
        if carrier_id is None:
            self.decided.append(decisions.no_carrier(claimed, "no_route", NO_CARRIER_WAIT))
            return
        connection = self.connections.open.get(carrier_id)
        takes = self.connections.takes(carrier_id)
        # The text that a carrier blamed is never its trial: it waits until others have shown that the carrier works.
        is_suspect = not takes and connection is not None and claimed.is_blamed_by(connection.name)
        if not takes and (self.lane == Channel.WHATSAPP or is_suspect):
            self.decided.append(decisions.no_carrier(claimed, "carrier_down", NO_CARRIER_WAIT))
            return
        is_text = message.priority in (outbox.PRIORITY[Kind.MESSAGE], outbox.BULK)
        lines_up = carrier_id in self.has_deferred and is_text
        if connection is None or lines_up or self._wanted_by(connection) <= 0:
            self.decided.append(Defer(message, carrier_id, while_down=self.connections.is_down(carrier_id)))
        else:
            self.waiting.setdefault(carrier_id, deque()).append(claimed)

    # Hand over

    def _hand_over(self) -> None:
        """Give carriers as many waiting rows as they have free slots."""
        for carrier_id, queue in self.waiting.items():
            connection = self.connections.open.get(carrier_id)
            if connection is None:
                self._let_go(queue)
                continue
            rows = [queue.popleft() for _ in range(min(self.connections.free_slots(connection), len(queue)))]
            ready = {}
            for claimed in rows:
                outgoing = self._prepare(claimed, connection)
                if isinstance(outgoing, Outgoing):
                    ready[outgoing.id] = (outgoing, claimed)
                else:
                    self.decided.append(outgoing)
            if ready:
                self._give(connection, ready)

    def _prepare(self, claimed: Claimed, connection: Connection) -> Outgoing | Decision:
        """What leaves; or what becomes of a row that must not or cannot leave now."""
        message, start_by = claimed.message, render.start_by(claimed.message)
        if message.valid_until <= utcnow():
            return Expire(message)
        if claimed.why_ended is not None:
            return Expire(message, claimed.why_ended)
        if start_by <= time.monotonic():
            return LetGo(message)
        if claimed.is_blamed_by(connection.name) and not connection.spend_retry(message.segments):
            return LetGo(message, NO_RETRY_TOKEN_WAIT)
        sender = routes.sender(self.connections, self.lane, claimed, connection.id)
        outgoing = render.render(self.context.settings, claimed, start_by, sender)
        if outgoing is None:  # another process knows the secret, or will soon: one is being rotated
            return RetryLater(message, outbox.backoff(message.attempts), "otp_secret_unknown")
        return outgoing

    def _give(self, connection: Connection, ready: dict[str, tuple[Outgoing, Claimed]]) -> None:
        began = time.monotonic()
        connection.under_way += len(ready)
        self.under_way += len(ready)

        def on_outcome(outgoing: Outgoing, result: Result) -> None:
            claimed = ready[outgoing.id][1]
            self.reported.put(_Reported(connection, claimed, result, time.monotonic() - began))
            if isinstance(result, Outcome) and connection.id != outbox.SANDBOX_ID:
                self.context.taken.note(claimed.message, connection.name, result)

        connection.provider.hand_over([outgoing for outgoing, _ in ready.values()], on_outcome)

    # Collect

    def _collect(self) -> None:
        """Decide what becomes of the messages whose carriers have answered."""
        for reported in self._reports():
            connection, claimed = reported.connection, reported.claimed
            self.under_way -= 1
            connection.under_way -= 1
            if reported.result is not TOO_LATE:
                connection.count(reported.result, reported.seconds)
                self._judge(reported)
                if self.context.traces is not None:
                    _trace(self.context.traces, reported)
            answered = Answered(claimed, connection.name, reported.result)
            alternatives = Alternatives()
            if isinstance(reported.result, SendError):
                alternatives = routes.alternatives(self.connections, self.lane, claimed, connection)
            self.decided.append(decisions.decide(answered, alternatives))

    def _reports(self) -> list[_Reported]:
        """What carriers have said; wait a moment for it when there is nothing else to do."""
        reports: list[_Reported] = []
        self.context.taken.begin()
        with suppress(Empty):
            if self.under_way and self.reported.empty() and not self.decided:
                reports.append(self.reported.get(timeout=WAIT_SECONDS))
            while True:
                reports.append(self.reported.get_nowait())
        return reports

    def _judge(self, reported: _Reported) -> None:
        """Tell all processes when an answer shows that a carrier is down, or up again."""
        connection, result = reported.connection, reported.result
        code = connection.judge(reported.claimed.message.uuid, result, reported.seconds)
        if code is not None:
            self._mark(connection, code)
        elif self.connections.is_down(connection.id) and shows_life(result):
            self._mark(connection, None)

    def _mark(self, connection: Connection, down_code: str | None) -> None:
        """Mark a carrier down, or up without a code; commits."""
        if connection.id == outbox.SANDBOX_ID:
            return
        connection.reset()
        try:
            with self.context.sessions.begin() as session:
                if down_code is None:
                    health.mark_up(session, connection.id)
                else:
                    log.warning("carrier %s gets no more for a while: %s", connection.name, down_code)
                    health.mark_down(session, connection.id, down_code)
            self.connections.refresh(now=True)
        except SQLAlchemyError as error:
            log.warning("carrier %s: its state is not written: %s", connection.name, error_reason(error))

    # Settle

    def _settle(self) -> int:
        """Write down what this turn decided; return how many decisions that were."""
        decided, self.decided = self.decided, []
        for first in range(0, len(decided), claim.LARGEST_BATCH):
            self._write(decided[first : first + claim.LARGEST_BATCH])
        self.context.taken.forget()
        return len(decided)

    def _write(self, decided: Sequence[Decision]) -> None:
        """Write until it is written: a lost word on a text that was taken is a text sent twice. A lease bounds it."""
        end = time.monotonic() + (outbox.LEASE - render.CARRIER_TIMEOUT).total_seconds()
        while True:
            try:
                with self.context.sessions.kw["bind"].begin() as connection:
                    lanes = settle.apply(connection, decided)
                break
            except SQLAlchemyError as error:
                if time.monotonic() > end:
                    raise
                log.warning("lane %s: outcomes are not written yet: %s", self.lane, error_reason(error))
                time.sleep(SETTLE_AGAIN_SECONDS)
        for lane in lanes:
            self.context.notify(lane)

    # End

    def _let_go(self, queue: deque[Claimed]) -> None:
        while queue:
            self.decided.append(LetGo(queue.popleft().message))

    def _finish(self) -> None:
        """What was not handed over goes back; what is under way is waited for, which carriers bound."""
        for queue in self.waiting.values():
            self._let_go(queue)
        end = time.monotonic() + render.CARRIER_TIMEOUT.total_seconds()
        while time.monotonic() < end:
            self._collect()
            if not self._settle() and not self.under_way:
                break


def _trace(traces: Traces, reported: _Reported) -> None:
    """Tell the collector of a try whose carrier has answered; it began with the claim."""
    message, now = reported.claimed.message, time.time_ns()
    claimed_at = int((message.due_at - outbox.LEASE).timestamp() * NANOSECONDS)
    about: Attributes = {
        "chinqit.kind": message.kind,
        "chinqit.lane": message.lane,
        "chinqit.attempt": message.attempts,
        "chinqit.carrier": reported.connection.name,
    }
    error = reported.result.code if isinstance(reported.result, SendError) else None
    carrier = Span("carrier", now - int(reported.seconds * NANOSECONDS), now, about, error)
    traces.delivery(message.uuid, Span("deliver", claimed_at, now, about, error), carrier)
