"""Receipts of one carrier: written down first, in batches, and acknowledged after."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from dashboard.providers.base import Host, Receipt
from dashboard.providers.smpp import command_status, pdu, receipts
from dashboard.providers.smpp.event_loop import call, start
from dashboard.providers.smpp.message_ids import RecentIds
from dashboard.providers.smpp.pdu import Pdu
from dashboard.providers.smpp.receipts import ReceiptRules
from dashboard.providers.smpp.session import Session
from dashboard.vocabulary import ReceiptState

log = logging.getLogger(__name__)

BATCH = 500
MOST = 5000  # receipts that wait to be written down; further ones are to come again
SETTLE = 0.5  # seconds between tries while the gateway cannot store

Arrival = tuple[Receipt, Session | None, Pdu | None]  # and whom to answer


class ReceiptInbox:
    """Everything here runs on the loop's thread."""

    def __init__(self, name: str, host: Host, memory: RecentIds, rules: ReceiptRules) -> None:
        self.name, self.host, self.memory, self.rules = name, host, memory, rules
        self.unread = 0  # texts from phones, since the start: the gateway has nobody to give them to
        self._waiting: deque[Arrival] = deque()
        self._storing: asyncio.Task[None] | None = None

    def take(self, session: Session, packet: Pdu) -> None:
        """A deliver_sm or data_sm: answered at once, unless it is a receipt."""
        try:
            delivery = pdu.delivery(packet)
        except pdu.Malformed:
            return session.nack(packet.sequence, command_status.INVALID_COMMAND_LENGTH)
        receipt = receipts.read(delivery, rules=self.rules)
        if receipt is None:
            return session.answer(packet) if receipts.is_marked(delivery) else self._drop(session, packet)
        if receipt.state is ReceiptState.UNKNOWN:
            log.warning("carrier %s: a receipt names no state that is known", self.name)
        if len(self._waiting) >= MOST:
            return session.answer(packet, command_status.TRY_AGAIN)
        likeliest = self.memory.likeliest(receipt.references, receipt.phone)
        return self._put((replace(receipt, references=likeliest), session, packet))

    def add(self, receipt: Receipt) -> None:
        """Something learnt otherwise, which nobody waits to see acknowledged."""
        self._put((receipt, None, None))

    async def drain(self, seconds: float) -> None:
        """Wait until what came is written down, but not longer than that."""
        if self._storing is not None:
            await asyncio.wait([self._storing], timeout=max(seconds, 0))

    def _drop(self, session: Session, packet: Pdu) -> None:
        self.unread += 1
        log.info("carrier %s: texts from phones that nobody reads: %d", self.name, self.unread)
        session.answer(packet)

    def _put(self, arrival: Arrival) -> None:
        self._waiting.append(arrival)
        if self._storing is None:
            self._storing = start(self._store())

    async def _store(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            status = command_status.OK
            try:
                await call(self.host.store, [receipt for receipt, _, _ in batch])
            except Exception as error:
                status = command_status.TRY_AGAIN
                log.error("carrier %s: %d receipts were not stored: %s", self.name, len(batch), type(error).__name__)
            for _, session, packet in batch:
                if session is not None and packet is not None:
                    session.answer(packet, status)
            if status:
                await asyncio.sleep(SETTLE)
        self._storing = None
