"""What the gateway asks of a carrier, and what a carrier may ask of the gateway.

`send` either returns, and then the carrier has taken the text, or raises one of three things that say what to do
next: `Refused` (never again), `NotSent` (surely not taken: again later), `OutcomeUnknown` (perhaps taken).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from dashboard.outbound.errors import NotSent, OutcomeUnknown, SendError
from dashboard.outbound.words import storable
from dashboard.vocabulary import ConnectionState

log = logging.getLogger(__name__)

LONGEST_ADDRESS = 21  # characters of a sender or a recipient: SMPP 3.4, 4.6.1


@dataclass(frozen=True)
class Outgoing:
    """A text on its way. `code` is set for one-time codes alone; neither it nor `text` may reach a log."""

    id: str  # the message's uuid, for carriers that take a reference
    phone: str  # +222XXXXXXXX, or mailto: and an e-mail address
    channel: str  # a Channel
    text: str = field(repr=False)
    attempt: int  # 1 for the first
    valid_until: datetime
    code: str | None = field(default=None, repr=False)
    language: str | None = None  # a Language
    senders: tuple[str, ...] = ()  # what phones should show, the likeliest first; a carrier uses the first that it may
    encoding: str = "ucs2"  # gsm7, ucs2; for carriers that must be told
    start_by: float = math.inf  # on time.monotonic(): not begun by then, it is another worker's to send

    @property
    def is_late(self) -> bool:
        """Whether it may not be begun any more; hand it back as TOO_LATE."""
        return time.monotonic() > self.start_by


@dataclass(frozen=True)
class Outcome:
    """The carrier has taken it. `delivered`: the phone has it already; `failed`: it never will, and this is why."""

    reference: str
    delivered: bool = False
    parts: tuple[str, ...] = ()  # a reference for each segment, where the carrier gives them; receipts name these
    failed: str | None = None
    sender: str = ""  # what phones show, where the carrier was told
    answer: str | None = None  # the carrier's own words for people to read, without secrets; never for a log
    pending: bool = False  # a server has it, no phone or network yet: not `sent` until a receipt or `ask` says so
    may_ask: bool = False  # the carrier knows by `ask` what becomes of it, where no callback of it gets through
    arrival: dict[str, Any] | None = field(default=None, repr=False)  # on the sandbox: what its phone receives
    doubt: str | None = None  # a code: its rules say taken, and yet its answer speaks of an error

    def __post_init__(self) -> None:
        """Whatever a carrier writes, it can be stored: what cannot be written down would be sent again."""
        object.__setattr__(self, "reference", storable(self.reference))
        object.__setattr__(self, "parts", tuple(map(storable, self.parts)))
        object.__setattr__(self, "answer", self.answer and storable(self.answer))


@dataclass(frozen=True)
class Balance:
    """What is left on our account with a carrier."""

    amount: int  # 1/10,000 of `unit`; below 0: it is owed
    unit: str  # a currency, or what the carrier counts, such as SMS
    low: int | None = None  # people are to be told when less is left; None: never


Result = Outcome | SendError


@dataclass(frozen=True)
class Receipt:
    """What a carrier says of a text that it took. They come late, twice, out of order, and before `send` returns."""

    references: tuple[str, ...]  # what the carrier may mean, likeliest first, each in the form that Outcome has it
    phone: str  # +222XXXXXXXX; empty when the carrier does not say
    state: str  # a ReceiptState
    code: str | None  # why, in snake_case, unless delivered
    at: datetime  # when it reached us; or earlier, where the carrier says when it happened
    error: str | None = None  # the network's own error code
    message_id: str | None = None  # the id of Outgoing, where the carrier gives it back
    raw: str | None = None  # the carrier's own words where `state` is unknown, without the text of a message
    is_for_all: bool = False  # of a part of a long text: it says the same of all the others
    is_unmarked: bool = False  # a phone may have written it: it counts only with id and number of a text of ours

    def __post_init__(self) -> None:
        """Whatever a carrier writes, it can be stored: what cannot would be reported again for ever."""
        object.__setattr__(self, "references", tuple(map(storable, self.references)))
        for name in ("phone", "code", "error", "message_id", "raw"):
            value = getattr(self, name)
            object.__setattr__(self, name, value and storable(value))


@dataclass(frozen=True)
class Incoming:
    """A text that a phone sent to us, or one part of a long one."""

    sender: str  # +222XXXXXXXX where it is such a number, else as the carrier writes it
    recipient: str  # our number; empty where the carrier does not say
    text: str = field(repr=False)
    at: datetime
    reference: str = ""  # the carrier's own name for it, the same when it comes again; empty: it has none
    part: int = 1
    parts: int = 1
    concat_ref: str = ""  # what the parts of a long text share

    def __post_init__(self) -> None:
        """Whatever comes, it can be stored."""
        for name in ("sender", "recipient"):
            object.__setattr__(self, name, storable(getattr(self, name))[:LONGEST_ADDRESS])
        object.__setattr__(self, "text", storable(self.text))


TOO_LATE = NotSent("not_begun")  # said of a text whose `start_by` passed while it waited
OnOutcome = Callable[[Outgoing, Result], None]


@dataclass(frozen=True)
class State:
    """How a carrier stands: `ready`, `opening`, `waiting` (for a free bind) or `broken`, and why not `ready`."""

    name: ConnectionState
    code: str | None = None

    @property
    def is_ready(self) -> bool:
        return self.name is ConnectionState.READY


READY = State(ConnectionState.READY)


@dataclass(frozen=True)
class Tokens:
    """How many segments may leave now, and in how many seconds to ask for more."""

    granted: int
    wait: float = 0.0


class Host(Protocol):
    """What a carrier may ask of the gateway. Safe to call from any thread; a call may block for a moment."""

    def store(self, receipts: Sequence[Receipt]) -> None:
        """Write receipts down for good. When it raises, they are not: do not acknowledge them."""
        ...

    def store_incoming(self, texts: Sequence[Incoming]) -> None:
        """Write texts from phones down for good. When it raises, they are not: do not acknowledge them."""
        ...

    def acquire_bind(self, most: int) -> bool:
        """Take or keep one of the carrier's `most` binds, which all processes share; ask at least every 5 s."""
        ...

    def release_bind(self) -> None:
        """Give the bind back."""
        ...

    def acquire_tokens(self, rate: float, wanted: int) -> Tokens:
        """Leave to send up to `wanted` segments at `rate` a second, which all processes share."""
        ...

    def slow_down(self) -> None:
        """The carrier throttles: for a while everybody gets half of the rate."""
        ...


class Alone:
    """A host for a carrier with nothing around it, as in a trial: nothing that comes is kept, nothing is shared."""

    def store(self, _receipts: Sequence[Receipt]) -> None:
        return

    def store_incoming(self, _texts: Sequence[Incoming]) -> None:
        return

    def acquire_bind(self, _most: int) -> bool:
        return True

    def release_bind(self) -> None:
        return

    def acquire_tokens(self, _rate: float, wanted: int) -> Tokens:
        return Tokens(wanted)

    def slow_down(self) -> None:
        return


class Provider(Protocol):
    """A carrier. Safe to call from several threads. Inherit from it for what most carriers do alike."""

    name: str
    capacity: int = 1  # texts it may hold at a time, under way and waiting
    rate: float = 0.0  # segments a second that the carrier allows; 0: no limit is known

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand the text over; at most 10 s. Raise Refused, NotSent or OutcomeUnknown."""
        ...

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        """Hand over texts, at most `capacity` that have no outcome yet; tell each outcome once, from any thread.

        `on_outcome` returns at once: a session may wait for it.
        """
        for outgoing in outgoings:
            on_outcome(outgoing, self.result_of(outgoing))

    def result_of(self, outgoing: Outgoing) -> Result:
        """`send`, with what it raises as a value."""
        if outgoing.is_late:
            return TOO_LATE
        try:
            return self.send(outgoing)
        except SendError as error:
            return error
        except Exception as error:  # a fault of ours: what it says may hold a text
            log.error("carrier %s failed: %s", self.name, type(error).__name__)
            return OutcomeUnknown("carrier_failed")

    def ask(self, reference: str, timeout: float | None = None) -> Receipt | None:
        """Ask what became of a text that it took; None where nobody knows, or the carrier cannot be asked.

        Raises NotSent or OutcomeUnknown when the carrier cannot be reached, within `timeout` seconds. See
        Outcome.may_ask.
        """
        return None

    def subscribe(self, address: str) -> str | None:
        """Have the carrier call back at this address, where its interface allows that.

        Returns the code of why its callbacks will not come, None when they will or when an administrator sets them up.
        Raises NotSent or OutcomeUnknown when the carrier cannot be reached.
        """
        return None

    def balance(self) -> Balance | None:
        """Ask what is left on our account; None where the carrier does not tell.

        Raises NotSent or OutcomeUnknown when it cannot be reached or its answer holds no amount.
        """
        return None

    def examine(self) -> None:
        """Try whether it lets us in, without sending anything, where that can be done; raise Refused or NotSent."""
        return

    def state(self) -> State:
        """How it stands by its own knowledge; a carrier without a session is always ready."""
        return READY

    def close(self) -> None:
        """Let go of the carrier, after what is under way was answered."""
        return
