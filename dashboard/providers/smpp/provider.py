"""The carrier: keeps one bind while it has a slot, rebinds when it is lost, and hands texts to the pipeline."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import queue
import random
import ssl
import threading
import time
from collections.abc import Sequence

from dashboard.outbound import address_guard
from dashboard.outbound.errors import NotSent, OutcomeUnknown
from dashboard.providers.base import READY, TOO_LATE, Host, OnOutcome, Outcome, Outgoing, Provider, Result, State
from dashboard.providers.codes import _l
from dashboard.providers.kind import CarrierKind
from dashboard.providers.smpp import command_status, error_codes, event_loop, pdu
from dashboard.providers.smpp.event_loop import call
from dashboard.providers.smpp.sender import Sender
from dashboard.providers.smpp.session import BindRefused, Lost, Session
from dashboard.providers.smpp.settings import SmppSettings
from dashboard.vocabulary import Channel, ConnectionState

log = logging.getLogger(__name__)

SEND_SECONDS = 10.0  # all that `send` may take
CONNECT_SECONDS = 8.0  # to resolve a name and connect
REASON_SECONDS = 60.0  # for which a failed bind is told, though the next one must wait for a slot
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 8.0  # seconds
LOCKED_OUT_BACKOFF = 60.0
GENEROUS = 2  # failures, after which another process, perhaps with a better way there, may have the slot
STEADY = 5.0  # seconds that a bind which took no text must have lived, for the next one to be tried at once
SLOT_EVERY = 2.0  # seconds between renewals
TEND_EVERY = 0.5
CLOSE_SECONDS = 15.0  # a response time-out, an unbind, and some more

LOCKED_OUT = frozenset(map(command_status.code, command_status.LOCKED_OUT))
SETUP = LOCKED_OUT | {"smpp_tls_failed", "smpp_address_not_allowed"}  # nothing but an administrator mends these
OPENING = State(ConnectionState.OPENING)
NO_SLOT = State(ConnectionState.WAITING, "smpp_no_free_bind")
NO_TRANSCEIVER = frozenset({command_status.INVALID_COMMAND, command_status.WRONG_BIND_STATE})  # as answers to a bind


class Smpp(Provider):
    """An SMSC. It binds when it is first given a text or asked how it stands, not when it is made."""

    def __init__(self, name: str, settings: SmppSettings, host: Host) -> None:
        self.name, self.settings, self.host = name, settings, host
        self._sender = Sender(name, settings, host)
        self.capacity, self.rate = self._sender.capacity, settings.rate
        self._state = OPENING
        self._has_slot = False
        self._failures = 0
        self._failed_at = -REASON_SECONDS
        self._hosts = settings.hosts()
        self._host = 0  # place of the one that is tried
        self._is_closing = False
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._receiver: Session | None = None  # the other half of a pair

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand over one text and wait for what the SMSC says; raise Refused, NotSent or OutcomeUnknown."""
        answers: queue.SimpleQueue[Result] = queue.SimpleQueue()
        start_by = min(outgoing.start_by, time.monotonic() + SEND_SECONDS / 2)
        self.hand_over([dataclasses.replace(outgoing, start_by=start_by)], lambda _, result: answers.put(result))
        try:
            result = answers.get(timeout=SEND_SECONDS)
        except queue.Empty:
            raise OutcomeUnknown("smpp_no_answer") from None
        if result is TOO_LATE:
            raise NotSent(self._state.code or TOO_LATE.code)
        if isinstance(result, Outcome):
            return result
        raise result

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        """Queue texts; outcomes are told on the sessions' thread, so `on_outcome` must return at once."""
        self._running().call_soon_threadsafe(self._accept, list(outgoings), on_outcome)

    def state(self) -> State:
        self._running()
        return self._state

    def close(self) -> None:
        """Answer what is under way, hand back the rest, unbind."""
        with self._lock:
            loop, self._is_closing = self._loop, True
        if loop is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._close(), loop)
        try:
            closing.result(CLOSE_SECONDS)
        except TimeoutError:
            log.error("carrier %s: did not close in time", self.name)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = event_loop.loop()
                if not self._is_closing:
                    self._loop.call_soon_threadsafe(self._begin)
            return self._loop

    # From here on, everything runs on the loop's thread

    def _begin(self) -> None:
        self._work = event_loop.start(self._keep_bound())
        event_loop.start(self._tend())

    def _accept(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        self._sender.add(outgoings, on_outcome)
        self._release()

    def _release(self) -> None:
        """Do not sit on texts that cannot leave soon."""
        if self._is_closing or self._state.name is ConnectionState.WAITING:
            self._sender.give_back(TOO_LATE)
        elif self._state.name is ConnectionState.BROKEN:
            code = self._state.code or "smpp_broken"
            self._sender.give_back(NotSent(code, configuration=code in SETUP))

    @property
    def _is_locked_out(self) -> bool:
        return self._state.code in LOCKED_OUT

    def _become(self, state: State) -> None:
        if state != self._state:
            log.log(
                logging.INFO if state.is_ready else logging.WARNING,
                "carrier %s: %s%s",
                self.name,
                state.name,
                f", {state.code}" if state.code else "",
            )
        self._state = state
        self._release()

    async def _tend(self) -> None:
        while not self._is_closing:
            self._sender.tend()
            self.capacity = self._sender.capacity
            await asyncio.sleep(TEND_EVERY)

    async def _keep_bound(self) -> None:
        while not self._is_closing:
            if not await self._take_slot():
                if time.monotonic() - self._failed_at > REASON_SECONDS:  # else why it failed says more
                    self._become(NO_SLOT)
                await asyncio.sleep(SLOT_EVERY)
                continue
            try:
                wait = await self._bind_once()
            except Exception as error:  # a fault of ours, or of a setting that nobody foresaw: go on trying
                log.error("carrier %s failed: %s", self.name, type(error).__name__)
                self._become(State(ConnectionState.BROKEN, "smpp_failed"))
                wait = LONGEST_BACKOFF
            await self._rest(wait)

    async def _bind_once(self) -> float:
        """Bind, and stay until the bind is lost; seconds until the next try."""
        try:
            session = await self._open()
        except (Lost, OSError) as error:
            return await self._failed(error)
        bound_at = time.monotonic()
        self._failed_at = bound_at - REASON_SECONDS
        self._sender.session = session
        self._become(READY)
        self._sender.pump()
        reason = await self._stay(session)
        self._sender.lost(session)
        if self._is_closing:
            return 0
        log.warning("carrier %s: bind lost after %d s, %s", self.name, time.monotonic() - bound_at, reason)
        if session.was_useful or time.monotonic() - bound_at >= STEADY:
            self._failures = 0
        self._become(OPENING)
        return self._backoff()

    async def _stay(self, session: Session) -> str:
        """Until the bind is lost; why."""
        keeper = event_loop.start(self._keep_slot(session))
        try:
            return await asyncio.shield(session.lost)
        finally:
            keeper.cancel()

    async def _keep_slot(self, session: Session) -> None:
        """A bind without a slot is somebody else's."""
        while await self._take_slot():
            await asyncio.sleep(SLOT_EVERY)
        await session.close(self.settings.response_timeout)

    async def _failed(self, error: Lost | OSError) -> float:
        """Say why no bind came about; seconds until the next try."""
        is_full = isinstance(error, BindRefused) and error.status == command_status.ALREADY_BOUND
        self._become(State(ConnectionState.WAITING if is_full else ConnectionState.BROKEN, _code(error)))
        self._failed_at = time.monotonic()
        self._host = (self._host + 1) % len(self._hosts)
        if self._is_locked_out:
            return LOCKED_OUT_BACKOFF
        if self._host:  # the account's next host, at once
            return 0
        if self._failures >= GENEROUS:
            await self._free_slot()
        return self._backoff()

    def _backoff(self) -> float:
        """At once after a bind that lived, then longer and longer, never the same for all."""
        longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        return random.uniform(longest / 2, longest)  # noqa: S311

    async def _rest(self, seconds: float) -> None:
        """Wait, and keep the slot meanwhile: a bind that flaps is still ours."""
        until = time.monotonic() + seconds
        while not self._is_closing and (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, SLOT_EVERY))
            if self._has_slot:
                await self._take_slot()

    async def _take_slot(self) -> bool:
        try:
            self._has_slot = await call(self.host.acquire_bind, self.settings.binds)
        except Exception as error:  # a bind that is held stays held
            log.warning("carrier %s: the slot was not renewed: %s", self.name, type(error).__name__)
        return self._has_slot

    async def _free_slot(self) -> None:
        if not self._has_slot:
            return
        self._has_slot = False
        try:
            await call(self.host.release_bind)
        except Exception as error:  # it runs out by itself
            log.warning("carrier %s: the slot was not given back: %s", self.name, type(error).__name__)

    async def _open(self) -> Session:
        """Connect and bind; raise Lost or OSError (a time-out to connect is one).

        Of a pair the transmitter comes back; the two end together.
        """
        if self.settings.bind_as == "transceiver":
            try:
                return await self._open_as(pdu.BIND_TRANSCEIVER)
            except BindRefused as refusal:
                if refusal.status in NO_TRANSCEIVER:
                    raise Lost("smpp_transceiver_refused") from None
                raise
        session = await self._open_as(pdu.BIND_TRANSMITTER)
        try:
            receiver = await self._open_as(pdu.BIND_RECEIVER)
        except BaseException:
            session.drop("smpp_not_bound")
            raise
        self._receiver = receiver
        session.lost.add_done_callback(lambda lost: self._end_other(receiver, lost.result()))
        receiver.lost.add_done_callback(lambda lost: self._end_other(session, lost.result()))
        return session

    def _end_other(self, session: Session, reason: str) -> None:
        """One of a pair is over: so is the other; when the carrier is closed, each unbinds by itself."""
        if not self._is_closing:
            session.drop(reason)

    async def _open_as(self, command: int) -> Session:
        """One bound session; raise Lost or OSError."""
        async with asyncio.timeout(CONNECT_SECONDS):
            session = await self._connect()
        try:
            async with asyncio.timeout(self.settings.bind_timeout):
                await session.bind(command, _bind(self.settings))
        except TimeoutError:
            session.drop("smpp_not_bound")
            raise Lost("smpp_not_bound") from None
        except BaseException:
            session.drop("smpp_not_bound")
            raise
        return session

    async def _connect(self) -> Session:
        settings = self.settings
        host, port = self._hosts[self._host]
        addresses = await call(self._addresses, host, port)
        tls = await call(settings.tls_context) if settings.tls else None
        name = (settings.server_name or host) if tls else None
        failure: OSError = ConnectionError("no address")
        for address in addresses:
            try:
                _, session = await asyncio.get_running_loop().create_connection(
                    self._new_session, address, port, ssl=tls, server_hostname=name
                )
            except OSError as error:
                failure = error
            else:
                return session
        raise failure

    def _new_session(self) -> Session:
        settings = self.settings
        return Session(self._sender, settings.window, settings.response_timeout, settings.enquire_interval)

    def _addresses(self, host: str, port: int) -> list[str]:
        """Those of a host that may be opened; raise Lost."""
        try:
            addresses = address_guard.resolve(host, port, CONNECT_SECONDS / 2)
        except address_guard.Unresolved:
            raise Lost("smpp_unknown_host") from None
        allowed = [address for address in addresses if address_guard.is_open(address, self.settings.allow_private)]
        if not allowed:
            raise Lost("smpp_address_not_allowed")
        return allowed

    async def _close(self) -> None:
        self._release()
        until = time.monotonic() + self.settings.response_timeout
        session = self._sender.session
        if session is not None:
            while not self._sender.is_idle and not session.lost.done() and time.monotonic() < until:
                await asyncio.sleep(0.02)
            await self._sender.inbox.drain(until - time.monotonic())
            await session.close()
            await session.lost
            if self._receiver is not None:
                await self._receiver.close()
            self._sender.lost(session)
        if self._work is not None:
            self._work.cancel()
        await self._free_slot()


def _bind(settings: SmppSettings) -> bytes:
    login = settings.system_id, settings.password.get_secret_value(), settings.system_type
    return pdu.bind(login, settings.interface_version, settings.bind_ton, settings.bind_npi, settings.address_range)


def _code(error: Lost | OSError) -> str:
    if isinstance(error, Lost):
        return error.code
    return "smpp_tls_failed" if isinstance(error, ssl.SSLError) else "smpp_unreachable"


KIND = CarrierKind(
    "smpp",
    _l("SMPP"),
    _l("An operator's SMSC, over SMPP 3.4"),
    (Channel.SMS,),
    SmppSettings,
    Smpp,
    error_codes.BOOK,
    calls_back=False,
    receipt_words="receipt_words",
    has_session=True,
)
