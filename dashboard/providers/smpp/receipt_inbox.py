"""What one SMSC delivers, receipts and texts from phones: written down first, in batches, and acknowledged after."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from dashboard.providers.base import Host, Incoming, Receipt
from dashboard.providers.smpp import command_status, incoming, pdu, receipts
from dashboard.providers.smpp.event_loop import call, start
from dashboard.providers.smpp.message_ids import RecentIds
from dashboard.providers.smpp.pdu import Pdu
from dashboard.providers.smpp.receipts import ReceiptRules
from dashboard.providers.smpp.session import Session
from dashboard.vocabulary import ReceiptState

log = logging.getLogger(__name__)

BATCH = 500
MOST = 5000  # of what waits to be written down; further ones are to come again
SETTLE = 0.5  # seconds between tries while the gateway cannot store

T = TypeVar("T")
Arrival = tuple[Receipt | Incoming, Session | None, Pdu | None]  # and whom to answer


class ReceiptInbox:
    """Everything here runs on the loop's thread."""

    def __init__(self, name: str, host: Host, memory: RecentIds, rules: ReceiptRules, alphabet: str) -> None:
        self.name, self.host, self.memory, self.rules, self.alphabet = name, host, memory, rules, alphabet
        self._waiting: deque[Arrival] = deque()
        self._storing: asyncio.Task[None] | None = None

    def take(self, session: Session, packet: Pdu) -> None:
        """A deliver_sm or data_sm; acknowledged when it is written down."""
        try:
            delivery = pdu.delivery(packet)
        except pdu.Malformed:
            return session.nack(packet.sequence, command_status.INVALID_COMMAND_LENGTH)
        receipt = receipts.read(delivery, rules=self.rules)
        if receipt is None and receipts.is_marked(delivery):
            return session.answer(packet)
        if len(self._waiting) >= MOST:
            return session.answer(packet, command_status.TRY_AGAIN)
        if receipt is None:
            return self._put((incoming.read(delivery, self.alphabet), session, packet))
        if receipt.state is ReceiptState.UNKNOWN:
            log.warning("carrier %s: a receipt names no state that is known", self.name)
        likeliest = self.memory.likeliest(receipt.references, receipt.phone)
        return self._put((replace(receipt, references=likeliest), session, packet))

    def add(self, receipt: Receipt) -> None:
        """Something learnt otherwise, which nobody waits to see acknowledged."""
        self._put((receipt, None, None))

    async def drain(self, seconds: float) -> None:
        """Wait until what came is written down, but not longer than that."""
        if self._storing is not None:
            await asyncio.wait([self._storing], timeout=max(seconds, 0))

    def _put(self, arrival: Arrival) -> None:
        self._waiting.append(arrival)
        if self._storing is None:
            self._storing = start(self._store())

    async def _store(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            said = [item for item, _, _ in batch if isinstance(item, Receipt)]
            texts = [item for item, _, _ in batch if isinstance(item, Incoming)]
            statuses = {
                Receipt: await self._write(self.host.store, said),
                Incoming: await self._write(self.host.store_incoming, texts),
            }
            for item, session, packet in batch:
                if session is not None and packet is not None:
                    session.answer(packet, statuses[type(item)])
            if any(statuses.values()):
                await asyncio.sleep(SETTLE)
        self._storing = None

    async def _write(self, store: Callable[[Sequence[T]], None], items: Sequence[T]) -> int:
        """Write them down; return how to answer those who sent them."""
        if not items:
            return command_status.OK
        try:
            await call(store, items)
        except Exception as error:
            log.error("carrier %s: %d deliveries were not stored: %s", self.name, len(items), type(error).__name__)
            return command_status.TRY_AGAIN
        return command_status.OK
