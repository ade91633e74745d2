"""The texts of one carrier: waiting, under way in segments, told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from dashboard.outbound.errors import NotSent, Refused, SendError
from dashboard.providers.base import TOO_LATE, Host, OnOutcome, Outgoing, Receipt, Result
from dashboard.providers.smpp import command_status, message_ids, segmentation, submit_sm
from dashboard.providers.smpp.pdu import Pdu
from dashboard.providers.smpp.receipt_inbox import ReceiptInbox
from dashboard.providers.smpp.receipts import ReceiptRules
from dashboard.providers.smpp.send_queue import Job, SendQueue
from dashboard.providers.smpp.session import Session
from dashboard.providers.smpp.settings import SmppSettings
from dashboard.providers.smpp.throttle import Throttle
from dashboard.sms import numbers, senders
from dashboard.vocabulary import Blame, ReceiptState

log = logging.getLogger(__name__)

PUT_OFF = 1.0  # seconds between these tries
LEAST, MOST = 100, 4000  # texts held
AHEAD = 2.0  # seconds of what went out lately that are held
MOST_HEADS = 1000
RATED_AHEAD = 5.0  # seconds of the rate that are held


class Sender:
    """Feeds a session as fast as window and pace let it. Everything here runs on the loop's thread."""

    def __init__(self, name: str, settings: SmppSettings, host: Host) -> None:
        self.name, self.settings = name, settings
        self.session: Session | None = None
        self.memory = message_ids.RecentIds()
        own = frozenset(map(numbers.of_carrier, (settings.sender, *settings.other_senders)))
        rules = ReceiptRules(settings.states(), settings.receipt_zone, settings.one_receipt, own)
        self.inbox = ReceiptInbox(name, host, self.memory, rules, settings.alphabet)
        self._steps = settings.steps()
        self.throttle = Throttle(name, settings.rate, host, self.pump)
        self.capacity = self._capacity(0)
        self._heads: dict[str, bytes] = {}  # how bodies begin, by sender
        self._waiting = SendQueue()
        self._begun: set[Job] = set()  # and not told
        self._told, self._counted_at = 0, time.monotonic()

    # From the carrier

    def add(self, outgoings: Sequence[Outgoing], tell: OnOutcome) -> None:
        for outgoing in outgoings:
            self._waiting.add(Job(outgoing, tell))
        self.pump()

    def pump(self) -> None:
        """Write what may be written now."""
        session = self.session
        if session is None or not self._waiting or self.throttle.is_paused:
            return
        free_slots = session.free_slots
        while free_slots > 0 and self._waiting:
            job = self._waiting.first()
            if not job.bodies and not self._begin(job):
                self._waiting.remove(job)
                continue
            if not self.throttle.take(len(self._waiting)):
                break
            self._write(session, job)
            free_slots -= 1
        session.flush()

    def give_back(self, result: NotSent) -> None:
        """Tell this of every text that is not begun; what is begun stays."""
        self._part_with(lambda job: True, result)

    def lost(self, session: Session) -> None:
        """The session is over: tell what is begun."""
        self.session = None
        session.under_way.clear()
        self._waiting.take_out(lambda job: bool(job.bodies))
        for job in list(self._begun):
            job.fail(job.unanswered("smpp_disconnected"))
            self._tell(job, job.result())

    def tend(self) -> None:
        """Now and then: hand back what waited too long, and measure how much to hold."""
        self._part_with(lambda job: job.outgoing.is_late, TOO_LATE)
        elapsed = time.monotonic() - self._counted_at
        if elapsed >= 1:
            self.capacity = self._capacity(self._told / elapsed)
            self._told, self._counted_at = 0, time.monotonic()

    @property
    def is_idle(self) -> bool:
        """Whether no text is begun and not told."""
        return not self._begun

    # From the session, whose tokens are (job, place of the segment)

    def on_free_slots(self) -> None:
        self.pump()

    def on_answer(self, token: tuple[Job, int], status: int, message_id: str) -> None:
        job, place = token
        job.under_way -= 1
        if status == command_status.OK:
            job.references[place] = self._note(job.outgoing, message_id)
        else:
            self._refused(job, place, status)
        self._finish(job)

    def on_no_answer(self, token: tuple[Job, int]) -> None:
        job, _ = token
        job.under_way -= 1
        self._fail(job, job.unanswered("smpp_no_answer"))
        self._finish(job)

    def on_late_answer(self, token: tuple[Job, int], status: int, message_id: str) -> None:
        """It was taken after all: say so as a receipt would."""
        job, outgoing = token[0], token[0].outgoing
        if status == command_status.OK:
            reference = self._note(outgoing, message_id)
            whole = outgoing.id if len(job.bodies) == 1 else None  # one part of a long text says nothing of the others
            said = Receipt((reference,), outgoing.phone, ReceiptState.SENT, None, datetime.now(UTC), message_id=whole)
            self.inbox.add(said)

    def on_delivery(self, session: Session, packet: Pdu) -> None:
        self.inbox.take(session, packet)

    # Inside

    def _begin(self, job: Job) -> bool:
        """Make its segments; whether there is anything to write."""
        if job.outgoing.is_late:
            self._tell(job, TOO_LATE)
            return False
        try:
            sender = self._sender_of(job.outgoing)
            job.begin(submit_sm.bodies(job.outgoing, self.settings, self._heads[sender]), sender)
        except (segmentation.TooLong, UnicodeError):
            self._tell(job, Refused("smpp_invalid_text", blame=Blame.TEXT))
            return False
        self._begun.add(job)
        return True

    def _sender_of(self, outgoing: Outgoing) -> str:
        """The sender of a text; its head is ready. Where any sender is allowed, few heads are kept."""
        sender = senders.choose(outgoing.senders, self.settings.sender, self.settings.other_senders)
        if sender not in self._heads:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            self._heads[sender] = submit_sm.begin(self.settings, sender)
        return sender

    def _write(self, session: Session, job: Job) -> None:
        place = job.todo.popleft()
        job.under_way += 1
        session.submit((job, place), job.bodies[place])
        if not job.todo:
            self._waiting.remove(job)

    def _refused(self, job: Job, place: int, status: int) -> None:
        """A segment put off is written again, if its text is under way already: half a text helps nobody."""
        error = command_status.error(status, self._steps)
        if status in command_status.SLOWING:
            self.throttle.slow_down(command_status.SLOWING[status])
        if status == command_status.WRONG_BIND_STATE and self.session:
            self.session.drop(error.code)
        if not isinstance(error, NotSent) or error.tries == 1 or not job.may_go_on:
            return self._fail(job, error)
        job.tries += 1
        job.put_off.add(place)
        asyncio.get_running_loop().call_later(PUT_OFF, self._take_up, job, place)
        return None

    def _take_up(self, job: Job, place: int) -> None:
        if place not in job.put_off:  # told meanwhile
            return
        job.put_off.discard(place)
        if not job.todo:
            self._waiting.put_first(job)
        job.todo.append(place)
        self.pump()

    def _fail(self, job: Job, error: SendError) -> None:
        if job.todo:
            self._waiting.remove(job)
        job.fail(error)

    def _finish(self, job: Job) -> None:
        if job.is_over:
            self._told += 1
            self._tell(job, job.result())

    def _note(self, outgoing: Outgoing, message_id: str) -> str:
        """The reference; an SMSC that names nothing has taken the text all the same."""
        reference = message_ids.normal(message_id)
        if not reference:
            self.memory.note_unnamed(outgoing.id, outgoing.phone)
            return outgoing.id
        self.memory.note(reference, outgoing.phone)
        return reference

    def _part_with(self, chosen: Callable[[Job], bool], result: NotSent) -> None:
        """Tell this of the chosen ones among the texts that are not begun."""
        for job in self._waiting.take_out(lambda job: not job.bodies and chosen(job)):
            self._tell(job, result)

    def _tell(self, job: Job, result: Result) -> None:
        self._begun.discard(job)
        try:
            job.tell(job.outgoing, result)
        except Exception as error:  # theirs; the session must live on
            log.error("carrier %s: an outcome was not taken: %s", self.name, type(error).__name__)

    def _capacity(self, told: float) -> int:
        """Texts to hold: some seconds of what goes out, so that a lull of the gateway's does not idle the bind."""
        held = min(MOST, max(LEAST, 4 * self.settings.window, int(told * AHEAD)))
        return max(1, min(held, int(self.settings.rate * RATED_AHEAD))) if self.settings.rate else held
