"""Deliver what the outbox holds: claim, find the carrier, hand over, settle.

One thread does all of that for a lane; carriers work in threads of their own and only report what came of a text. A
text is settled as soon as its outcome is known, and outcomes that come together share one transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from dashboard.db import Executor, Sessions, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import health
from dashboard.gateway.delivery import receipts, render
from dashboard.gateway.delivery import settle as outcomes
from dashboard.gateway.delivery.connections import Connection, Connections
from dashboard.gateway.delivery.settle import SendContext
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import templates
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.routing import rules
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers.base import TOO_LATE, Outcome, Outgoing, Receipt, Result
from dashboard.settings import Settings

log = logging.getLogger(__name__)

BATCH = 50  # at the least; small, so that a code that comes in meanwhile waits for little
LARGEST_BATCH = 500
WAIT_SECONDS = 0.05  # for an outcome, before looking for new work
SETTLE_AGAIN_SECONDS = 0.5

Settle = Callable[[Executor], object]  # may return a lane to ring
Ring = Callable[[str], None]


def _silence(_lane: str) -> None:
    return


@dataclass
class WorkerContext:
    """What delivery works with in one process. `ring` tells other lanes that they have work."""

    sessions: Sessions
    keyring: Keyring
    lines: Connections
    ring: Ring = _silence
    turn: threading.Lock = field(default_factory=threading.Lock)  # one drain at a time

    @classmethod
    def open(cls, sessions: Sessions, settings: Settings, channel: str = "sms", ring: Ring = _silence) -> WorkerContext:
        """For the lane of a channel. Carriers are opened with the first `lines.refresh`."""

        def take_down(carrier: str, found: Sequence[Receipt]) -> None:
            receipts.store_receipts(sessions, carrier, found)
            ring("webhooks")

        return cls(sessions, Keyring.of(settings), Connections(sessions, settings, channel, take_down), ring)


@dataclass(frozen=True)
class SendResult:
    """A carrier's word on a text."""

    line: Connection
    message: Message
    result: Result
    seconds: float


def drain(desk: WorkerContext, lane: str, go_on: Callable[[], bool]) -> int:
    """Deliver a lane's due rows until none is left or `go_on` says stop; return how many were claimed."""
    with desk.turn:
        desk.lines.refresh(now=True)  # a message that came after a change goes by it
        return _Drain(desk, lane, go_on).run()


def has_work(desk: WorkerContext, lane: str) -> bool:
    """Whether something is due that this process has room for, whoever the bell called."""
    ready = [line.id for line in list(desk.lines.open.values()) if desk.lines.room(line)]
    parts = [outbox.lane_of(lane, carrier_id) for carrier_id in ready]
    return _has_due(desk, [lane, *parts] if set(ready) - {outbox.SANDBOX_ID} else parts)


def is_elsewhere(desk: WorkerContext, lane: str) -> bool:
    """Whether something is due for which another process has a carrier ready, and this one has none: no bind, say."""
    others = [line for line in list(desk.lines.open.values()) if line.id != outbox.SANDBOX_ID]
    if not others or any(map(desk.lines.room, others)) or not _has_due(desk, [lane]):
        return False
    with read_session(desk.sessions) as session:
        return any(line.state == "ready" and line.process != workers.name() for line in health.lines(session))


def _has_due(desk: WorkerContext, lanes: Sequence[str]) -> bool:
    with read_session(desk.sessions) as session:
        return any(outbox.has_due(session, part) for part in lanes)


class _Drain:
    """One run over a lane. Rows are claimed, then wait for their line, then are under way, then are settled."""

    def __init__(self, desk: WorkerContext, lane: str, go_on: Callable[[], bool]) -> None:
        self.desk = desk
        self.lane = lane
        self.go_on = go_on
        self.waiting: dict[int, deque[Message]] = {}  # by carrier
        self.parked: set[int] = set()  # carriers with rows in a lane of their own: newer texts line up behind them
        self.told: SimpleQueue[SendResult] = SimpleQueue()
        self.writes: list[Settle] = []  # of this turn; one transaction
        self.under_way = 0
        self.otps: dict[int, Otp] = {}
        self.claimed = 0

    def run(self) -> int:
        """Turn until nothing is found, waits or is under way. Whatever ends it, what carriers say is written down."""
        try:
            while self.go_on():
                self.desk.lines.refresh()
                found = self._claim()
                self._hand_over()
                if not self._settle() and not found and not self._is_busy:
                    break
        finally:
            self._finish()
        return self.claimed

    @property
    def _is_busy(self) -> bool:
        return bool(self.under_way) or any(self.waiting.values())

    # Claiming

    def _claim(self) -> int:
        """Take rows while lines have room for them; return how many."""
        before, lines = self.claimed, list(self.desk.lines.open.values())
        for message in self._take(self.lane, self._wanted(lines)):
            self._place(message)
        for line in lines:
            self._take_parked(line)
        return self.claimed - before

    def _wanted(self, lines: list[Connection]) -> int:
        """How many rows the lines want that anyone may take; not a few at a time while there is other work."""
        served = self.desk.lines.book.serves(outbox.base(self.lane))
        takers = [line for line in lines if (line.id == outbox.SANDBOX_ID) != served]
        if served and self._is_cut_off():
            return BATCH
        most = sum(map(self._room, takers))
        return most if not self._is_busy or most >= min(sum(map(_size, takers)), BATCH) // 2 else 0

    def _is_cut_off(self) -> bool:
        """Whether callers wait for carriers that are all down: they are to be told at once."""
        lines = self.desk.lines
        return self.lane == "whatsapp" and not any(lines.is_open(known.id) for known in lines.carriers())

    def _room(self, line: Connection) -> int:
        """How many rows to claim for a line; for the sandbox, which takes one by one, a batch."""
        able = self.desk.lines.room(line)
        return max(min(_size(line), max(able, BATCH if line.id == outbox.SANDBOX_ID else 0)) - self._waits(line.id), 0)

    def _waits(self, carrier_id: int) -> int:
        return len(self.waiting.get(carrier_id, ()))

    def _take_parked(self, line: Connection) -> None:
        lane, room = outbox.lane_of(self.lane, line.id), self._room(line)
        if room < (min(_size(line), BATCH) // 2 if self._is_busy else 1) or not self._has_due(lane):
            return
        self.waiting.setdefault(line.id, deque()).extend(self._take(lane, room))
        (self.parked.add if self._has_due(lane) else self.parked.discard)(line.id)

    def _has_due(self, lane: str) -> bool:
        with read_session(self.desk.sessions) as session:
            return outbox.has_due(session, lane)

    def _take(self, lane: str, most: int) -> list[Message]:
        if most <= 0:
            return []
        with self.desk.sessions() as session:
            batch = outbox.claim(session, lane, min(most, LARGEST_BATCH))
        ids = [message.id for message in batch if message.kind == "otp"]
        if ids:
            with read_session(self.desk.sessions) as session:
                self.otps |= templates.otps_of(session, ids)
                session.expunge_all()
        self.claimed += len(batch)
        return batch

    def _place(self, message: Message) -> None:
        """Let a claimed row wait for its carrier, here or parked."""
        lines = self.desk.lines
        carrier_id = rules.choose(lines.book, render.trip(message), lines.is_open)
        if carrier_id is None or (self.lane == "whatsapp" and not lines.is_open(carrier_id)):
            code = "no_route" if carrier_id is None else "carrier_down"
            self._later(lambda run: outcomes.no_way_out(run, message, code))
            return
        line = lines.open.get(carrier_id)
        queued = carrier_id in self.parked and message.priority > 0
        if line is None or queued or self._room(line) <= 0:
            was_down = lines.was_down(carrier_id)
            self._later(lambda run: _park(run, message, carrier_id, was_down))
        else:
            self.waiting.setdefault(carrier_id, deque()).append(message)

    # Handing over

    def _hand_over(self) -> None:
        for carrier_id, queue in self.waiting.items():
            line = self.desk.lines.open.get(carrier_id)
            if line is None:
                self._let_go(queue)
                continue
            rows = [queue.popleft() for _ in range(min(self.desk.lines.room(line), len(queue)))]
            ready = {out.id: (out, row) for row in rows if (out := self._outgoing(row)) is not None}
            if ready:
                self._give(line, ready)

    def _give(self, line: Connection, ready: dict[str, tuple[Outgoing, Message]]) -> None:
        began = time.monotonic()
        line.under_way += len(ready)
        self.under_way += len(ready)

        def on_outcome(outgoing: Outgoing, result: Result) -> None:
            self.told.put(SendResult(line, ready[outgoing.id][1], result, time.monotonic() - began))

        line.provider.hand_over([outgoing for outgoing, _ in ready.values()], on_outcome)

    def _outgoing(self, message: Message) -> Outgoing | None:
        """What leaves; None, and settled, when the row must not or cannot leave now."""
        code, start_by = self.otps.pop(message.id, None), render.start_by(message)
        outgoing = render.render(self.desk.keyring, message, code, start_by)
        if message.valid_until <= utcnow():
            self._later(lambda run: outbox.mark_expired(run, message))
        elif start_by <= time.monotonic():
            self._later(lambda run: outbox.release_claim(run, message))
        elif outgoing is None:  # another process knows the secret, or will soon: one is being rotated
            wait = outbox.backoff(message.attempts)
            self._later(lambda run: outbox.retry_later(run, message, "otp_secret_unknown", wait))
        else:
            return outgoing
        return None

    # Settling

    def _settle(self) -> int:
        """Write down what carriers have said and what this turn decided; return how many writes that were."""
        for told in self._listen():
            self.under_way -= 1
            told.line.under_way -= 1
            self._judge(told)
        writes, self.writes = self.writes, []
        if writes:
            self._write(writes)
        return len(writes)

    def _listen(self) -> list[SendResult]:
        """What carriers have said; wait a moment for it when there is nothing else to do."""
        told: list[SendResult] = []
        try:
            if self.under_way and self.told.empty() and not self.writes:
                told.append(self.told.get(timeout=WAIT_SECONDS))
            while len(told) < LARGEST_BATCH:
                told.append(self.told.get_nowait())
        except Empty:
            pass
        return told

    def _judge(self, told: SendResult) -> None:
        """Decide what is written for a carrier's word, and what it says of the carrier."""
        line, message, result = told.line, told.message, told.result
        if result is TOO_LATE:
            return self._later(lambda run: outbox.release_claim(run, message))
        why_down = line.note(result, told.seconds)
        if why_down is not None:
            self._mark(line, why_down)
        elif isinstance(result, Outcome) and self.desk.lines.was_down(line.id):
            self._mark(line, None)
        if isinstance(result, Outcome):
            return self._later(lambda run: outcomes.taken(run, SendContext(message, line.name), result))
        word = SendContext(message, line.name, self._can_wait(message))
        return self._later(lambda run: outcomes.not_taken(run, word, result))

    def _can_wait(self, message: Message) -> bool:
        """Whether a carrier's faulty set-up is waited out: an administrator may mend it. A caller who waits is told,
        unless there is another carrier.
        """
        lines = self.desk.lines
        return self.lane != "whatsapp" or any(map(lines.is_open, rules.candidates(lines.book, render.trip(message))))

    def _mark(self, line: Connection, why_down: str | None) -> None:
        """Tell all processes that a carrier is down, or up again."""
        if line.id == outbox.SANDBOX_ID:
            return
        line.bad = 0
        try:
            with self.desk.sessions.begin() as session:
                if why_down is None:
                    health.mark_up(session, line.id)
                else:
                    log.warning("carrier %s gets no more for a while: %s", line.name, why_down)
                    health.mark_down(session, line.id, why_down)
            self.desk.lines.refresh(now=True)
        except SQLAlchemyError as error:
            log.warning("carrier %s: its state is not written: %s", line.name, type(error).__name__)

    def _later(self, settle: Settle) -> None:
        self.writes.append(settle)

    def _write(self, writes: list[Settle]) -> None:
        """Write until it is written: a lost word on a text that was taken is a text sent twice. A lease bounds it."""
        end = time.monotonic() + (outbox.LEASE - render.CARRIER_TIMEOUT).total_seconds()
        while True:
            try:
                with self.desk.sessions.kw["bind"].begin() as connection:
                    lanes = {write(connection) for write in writes}
                break
            except SQLAlchemyError as error:
                if time.monotonic() > end:
                    raise
                log.warning("lane %s: outcomes are not written yet: %s", self.lane, type(error).__name__)
                time.sleep(SETTLE_AGAIN_SECONDS)
        for lane in lanes:
            if isinstance(lane, str):
                self.desk.ring(lane)

    # Ending

    def _let_go(self, queue: deque[Message]) -> None:
        while queue:
            self._later(partial(outbox.release_claim, message=queue.popleft()))

    def _finish(self) -> None:
        """What was not handed over goes back; what is under way is waited for, which carriers bound."""
        for queue in self.waiting.values():
            self._let_go(queue)
        end = time.monotonic() + render.CARRIER_TIMEOUT.total_seconds()
        while (self._settle() or self.under_way) and time.monotonic() < end:
            pass


def _park(run: Executor, message: Message, carrier_id: int, was_down: bool) -> None:
    """Unless the carrier has gone down since that was decided: what waited for it was sent back just then."""
    if not was_down and health.went_down(run, carrier_id):
        outbox.release_claim(run, message)
    else:
        outbox.defer(run, message, carrier_id)


def _size(line: Connection) -> int:
    """How many rows a line has at the most, waiting for it or under way."""
    return BATCH if line.id == outbox.SANDBOX_ID else line.provider.capacity
