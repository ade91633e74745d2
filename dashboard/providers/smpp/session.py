"""One session with an SMSC: packets in and out, who waits for which answer, and whether the other end lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from dashboard.providers.smpp import command_status, pdu
from dashboard.providers.smpp.pdu import Pdu

log = logging.getLogger(__name__)

LAST_SEQUENCE = 0x7FFFFFFF
LATE_KEPT = 1000  # submits given up, whose answers are still understood
PARTING = 2.0  # seconds: for an unbind, and for what is still unanswered when the SMSC unbinds
TICK = 0.5


class Lost(Exception):
    """The session is over, or never began; says why, in snake_case."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BindRefused(Lost):
    """The SMSC does not want us: its command_status."""

    def __init__(self, status: int) -> None:
        super().__init__(command_status.code(status))
        self.status = status


class SessionListener(Protocol):
    """Whom a session tells; all on the loop's thread. A token is what `submit` was given."""

    def on_answer(self, token: Any, status: int, message_id: str) -> None: ...

    def on_no_answer(self, token: Any) -> None: ...

    def on_late_answer(self, token: Any, status: int, message_id: str) -> None: ...

    def on_delivery(self, session: Session, packet: Pdu) -> None: ...

    def on_free_slots(self) -> None:
        """There may be room for more submits."""
        ...


class Session(asyncio.Protocol):
    """Connect with it as protocol, then `bind`. `lost` is done, with a reason, when it is over."""

    def __init__(self, listener: SessionListener, window: int, timeout: float, enquire_interval: float) -> None:
        self.listener = listener
        self.window, self.timeout, self.enquire_interval = window, timeout, enquire_interval
        self.loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self.loop.create_future()
        self.under_way: dict[int, tuple[Any, float]] = {}  # by sequence number, oldest first: token, written at
        self.was_useful = False  # has taken a text
        self.is_open = False  # bound, and neither end has begun to part
        self._late: dict[int, Any] = {}
        self._waiters: dict[int, asyncio.Future[Pdu]] = {}
        self._reader = pdu.PduReader()
        self._out: list[bytes] = []
        self._sequence = 0
        self._heard_at = self.loop.time()
        self._unanswered = 0  # submits given up since the last answer to one
        self._enquired_at: float | None = None
        self._is_full = False
        self._reason: str | None = None
        self._unbind: Pdu | None = None  # theirs, not answered yet
        self._actions: dict[int, Callable[[Pdu], None]] = {
            pdu.DELIVER_SM: self._deliver,
            pdu.DATA_SM: self._deliver,
            pdu.ENQUIRE_LINK: self.answer,
            pdu.UNBIND: self._part,
            pdu.ALERT_NOTIFICATION: lambda packet: None,
            pdu.OUTBIND: lambda packet: None,
        }

    # What the carrier asks of it

    async def bind(self, command: int, body: bytes) -> None:
        """Bind as transceiver, transmitter or receiver (`command`); raise BindRefused or Lost."""
        packet = await self._request(command, body)
        if packet.status != command_status.OK:
            raise BindRefused(packet.status)
        self.is_open = True
        self._tick()

    @property
    def free_slots(self) -> int:
        """How many submits may be written now."""
        if not self.is_open or self._is_full:
            return 0
        return self.window - len(self.under_way)

    def submit(self, token: Any, body: bytes) -> None:
        """Write a submit_sm with the next `flush`; its answer goes to the listener with this token."""
        sequence = self._next()
        self.under_way[sequence] = (token, self.loop.time())
        self._out.append(pdu.pack(pdu.SUBMIT_SM, sequence, body))

    def flush(self) -> None:
        if self._out and not self.transport.is_closing():
            self.transport.write(b"".join(self._out))
        self._out.clear()

    def answer(self, packet: Pdu, status: int = command_status.OK) -> None:
        """Answer a request of theirs."""
        body = b"\0" if packet.command in (pdu.DELIVER_SM, pdu.DATA_SM) else b""  # an empty message_id
        self._write(pdu.pack(packet.command | pdu.RESPONSE, packet.sequence, body, status))

    async def close(self, wait: float = 0) -> None:
        """Take no more, wait up to `wait` seconds for what is under way, then unbind and hang up."""
        self.is_open = False
        until = self.loop.time() + wait
        while self.under_way and not self.lost.done() and self.loop.time() < until:
            await asyncio.sleep(0.02)
        if not self.lost.done():
            with suppress(Lost, TimeoutError):
                await asyncio.wait_for(self._request(pdu.UNBIND), PARTING)
        self.drop("unbound")

    def drop(self, reason: str) -> None:
        """Hang up at once."""
        self._reason = self._reason or reason
        self.is_open = False
        self.transport.abort()

    # What asyncio tells it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        reason = self._reason or "smpp_disconnected"
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(Lost(reason))
        self._waiters.clear()
        if not self.lost.done():
            self.lost.set_result(reason)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self.listener.on_free_slots()

    def data_received(self, data: bytes) -> None:
        try:
            for packet in self._reader.feed(data):
                self._heard_at = self.loop.time()
                self._take(packet)
        except pdu.OutOfStep:
            self.nack(0, command_status.INVALID_COMMAND_LENGTH)
            self.drop("smpp_garbage")
        self.listener.on_free_slots()

    # What the SMSC tells it

    def _take(self, packet: Pdu) -> None:
        if not packet.whole:
            return self.nack(packet.sequence, command_status.INVALID_COMMAND_LENGTH)
        if packet.command & pdu.RESPONSE:
            return self._answered(packet)
        action = self._actions.get(packet.command)
        if action is None:
            return self.nack(packet.sequence, command_status.INVALID_COMMAND)
        return action(packet)

    def _answered(self, packet: Pdu) -> None:
        """By sequence number, in whatever order; a generic_nack answers anything."""
        waiter = self._waiters.pop(packet.sequence, None)
        if waiter is not None:
            if not waiter.done():
                waiter.set_result(packet)
            return
        if packet.command not in (pdu.SUBMIT_SM | pdu.RESPONSE, pdu.GENERIC_NACK):
            return
        self._unanswered = 0
        status = packet.status or (
            command_status.UNKNOWN_ERROR if packet.command == pdu.GENERIC_NACK else command_status.OK
        )
        if packet.sequence in self.under_way:
            token, _ = self.under_way.pop(packet.sequence)
            self.was_useful = self.was_useful or status == command_status.OK
            self.listener.on_answer(token, status, pdu.message_id(packet.body))
            self._finish_parting()
        elif packet.sequence in self._late:
            self.listener.on_late_answer(self._late.pop(packet.sequence), status, pdu.message_id(packet.body))

    def _deliver(self, packet: Pdu) -> None:
        self.listener.on_delivery(self, packet)

    def _part(self, packet: Pdu) -> None:
        """They unbind: write nothing more, but let them answer what is under way before we agree."""
        self._reason = self._reason or "smpp_unbound"
        self.is_open = False
        self._unbind = packet
        self.loop.call_later(PARTING, self._finish_parting, True)
        self._finish_parting()

    def _finish_parting(self, now: bool = False) -> None:
        if self._unbind is None or (self.under_way and not now):
            return
        self.answer(self._unbind)
        self._unbind = None
        self.transport.close()

    # Time

    def _tick(self) -> None:
        if self.lost.done():
            return
        now = self.loop.time()
        self._give_up(now - self.timeout)
        self._enquire(now)
        self.listener.on_free_slots()
        self.loop.call_later(TICK, self._tick)

    def _give_up(self, before: float) -> None:
        """Submits without an answer for too long. When no submit at all is answered, the session is no use."""
        given_up = []
        for sequence, (token, written_at) in self.under_way.items():
            if written_at > before:
                break
            given_up.append((sequence, token))
        for sequence, token in given_up:
            del self.under_way[sequence]
            self._late[sequence] = token
            self.listener.on_no_answer(token)
        while len(self._late) > LATE_KEPT:
            del self._late[next(iter(self._late))]
        self._unanswered += len(given_up)
        if self._unanswered >= self.window:
            self.drop("smpp_no_answer")

    def _enquire(self, now: float) -> None:
        if self._enquired_at is not None and now - self._enquired_at > self.timeout:
            return self.drop("smpp_silent")
        if self.enquire_interval and self._enquired_at is None and now - self._heard_at > self.enquire_interval:
            self._enquired_at = now
            waiter = self._request(pdu.ENQUIRE_LINK)
            waiter.add_done_callback(self._enquired)
        return None

    def _enquired(self, waiter: asyncio.Future[Pdu]) -> None:
        self._enquired_at = None
        if not waiter.cancelled():
            waiter.exception()  # looked at: a session that is lost has said so already

    # The pen

    def _request(self, command: int, body: bytes = b"") -> asyncio.Future[Pdu]:
        sequence = self._next()
        waiter: asyncio.Future[Pdu] = self.loop.create_future()
        if self.lost.done():
            waiter.set_exception(Lost(self.lost.result()))
            return waiter
        self._waiters[sequence] = waiter
        self._write(pdu.pack(command, sequence, body))
        return waiter

    def nack(self, sequence: int, status: int) -> None:
        self._write(pdu.pack(pdu.GENERIC_NACK, sequence, status=status))

    def _write(self, packet: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(packet)

    def _next(self) -> int:
        while True:
            self._sequence = self._sequence % LAST_SEQUENCE + 1
            if self._sequence not in self.under_way and self._sequence not in self._waiters:
                return self._sequence
