"""What is to become of a claimed message. A decision is a value: `decide` makes it, `settle.apply` writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from dashboard.gateway.delivery import attempts
from dashboard.gateway.delivery.attempts import History
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.otp import channel_order
from dashboard.models.otp import Otp
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import TOO_LATE, Outcome, Result
from dashboard.vocabulary import Blame, Channel, Kind


@dataclass(frozen=True)
class Claimed:
    """A message under this worker's lease, with all that sending it takes. `otp` is its code's row."""

    message: ClaimedMessage
    otp: Otp | None = None
    history: History = attempts.NONE
    falls_back: bool = False  # a WhatsApp code that goes by SMS when it cannot go by WhatsApp
    code_uuid: str = ""  # of the message that its code belongs to, where that is not this one

    @property
    def why_ended(self) -> str | None:
        """Why its code is not sent any more, as an `error_code`; None while it is."""
        if self.otp is None:
            return None
        if self.message.step is not None:
            return channel_order.why_ended(self.otp)
        return "superseded" if self.otp.superseded_at is not None else None

    def is_blamed_by(self, carrier: str) -> bool:
        """Whether this carrier did not take it before, and said that the fault is the text's or the number's."""
        return carrier in self.history.blamed_by


@dataclass(frozen=True)
class Alternatives:
    """What else could be done with a message that its carrier did not take."""

    has_other: bool = False  # its route has another carrier that has not refused it
    is_other_free: bool = False  # and one of them takes texts now, and failed with it less often
    may_wait: bool = True  # a fault in the carrier's set-up may be waited out


@dataclass(frozen=True)
class MarkSent:
    """The carrier has it."""

    message: ClaimedMessage
    carrier: str
    outcome: Outcome


@dataclass(frozen=True)
class RetryLater:
    """It is due again after `wait`. `carrier` is empty when none was asked."""

    message: ClaimedMessage
    wait: timedelta
    code: str
    carrier: str = ""
    error: SendError | None = None

    @property
    def is_unknown(self) -> bool:
        """Perhaps it was taken. A carrier that knows our id may be asked again as often as one likes."""
        return isinstance(self.error, OutcomeUnknown) and not self.error.repeatable

    @property
    def is_own_fault(self) -> bool:
        return self.error is not None and self.error.blame in (Blame.TEXT, Blame.NUMBER)


@dataclass(frozen=True)
class NextCarrier:
    """Another carrier of its route gets it now; with `is_final`, this one never gets it again."""

    message: ClaimedMessage
    carrier: str
    error: SendError
    is_final: bool


@dataclass(frozen=True)
class SwitchChannel:
    """Another channel carries it, at once."""

    message: ClaimedMessage
    channel: Channel
    carrier: str
    error: SendError


@dataclass(frozen=True)
class Defer:
    """It was not tried: it waits for this carrier alone, at its old place.

    `while_down`: the carrier was known to be down. If it was not, and has gone down since, the message is routed anew.
    """

    message: ClaimedMessage
    carrier_id: int
    while_down: bool


@dataclass(frozen=True)
class LetGo:
    """It was not tried, and is due again at once, or after `wait`."""

    message: ClaimedMessage
    wait: timedelta = timedelta(0)


@dataclass(frozen=True)
class Fail:
    """It will never be sent. `error` is what the carrier said; None when no carrier was asked."""

    message: ClaimedMessage
    code: str
    carrier: str | None = None
    error: SendError | None = None


@dataclass(frozen=True)
class Expire:
    """It may not be sent any more; `code` says why, unless its validity has passed."""

    message: ClaimedMessage
    code: str | None = None


Decision = MarkSent | RetryLater | NextCarrier | SwitchChannel | Defer | LetGo | Fail | Expire


@dataclass(frozen=True)
class Answered:
    """What a carrier answered to a message."""

    claimed: Claimed
    carrier: str
    result: Result


def decide(answered: Answered, alternatives: Alternatives) -> Decision:
    """What a carrier's answer means for the message."""
    message, carrier, result = answered.claimed.message, answered.carrier, answered.result
    if isinstance(result, Outcome):
        return MarkSent(message, carrier, result)
    if result is TOO_LATE:
        return LetGo(message)
    if answered.claimed.falls_back:
        return SwitchChannel(message, Channel.SMS, carrier, result)
    if isinstance(result, OutcomeUnknown):
        return _in_doubt(message, carrier, result)
    return _not_taken(answered, result, alternatives)


def _in_doubt(message: ClaimedMessage, carrier: str, error: OutcomeUnknown) -> Decision:
    """Wait for a receipt, then try once more."""
    if error.repeatable:
        return RetryLater(message, outbox.backoff(message.attempts), error.code, carrier, error)
    if message.unknowns:
        return Fail(message, error.code, carrier, error)
    return RetryLater(message, outbox.UNKNOWN_WAIT, error.code, carrier, error)


def _not_taken(answered: Answered, error: SendError, alternatives: Alternatives) -> Decision:
    """Surely not taken: again later, or by the next carrier, or never."""
    message, carrier = answered.claimed.message, answered.carrier
    tries = answered.claimed.history.failures[carrier] + 1
    is_set_up = error.configuration and error.blame is Blame.CARRIER  # an administrator may mend it
    if isinstance(error, Refused) and not error.configuration:
        return Fail(message, error.code, carrier, error)
    if (error.configuration and not is_set_up) or (error.tries is not None and tries >= error.tries):
        is_final = error.blame is not Blame.CARRIER  # a carrier's own fault passes
        if alternatives.has_other:
            return NextCarrier(message, carrier, error, is_final)
        if is_final:
            return Fail(message, error.code, carrier, error)
    if alternatives.is_other_free and (is_set_up or message.kind == Kind.OTP):
        return NextCarrier(message, carrier, error, is_final=False)
    if is_set_up and not alternatives.may_wait:
        return Fail(message, error.code, carrier, error)
    wait = max(timedelta(seconds=error.retry_after or 0), outbox.backoff(message.attempts))
    return RetryLater(message, wait, error.code, carrier, error)


def no_carrier(claimed: Claimed, code: str, wait: timedelta) -> Decision:
    """No carrier takes it now: `no_route` or `carrier_down`. Who waits for WhatsApp is told; an SMS waits itself."""
    message = claimed.message
    if message.lane != Channel.WHATSAPP:
        return RetryLater(message, wait, code)
    if claimed.falls_back:
        return SwitchChannel(message, Channel.SMS, "", NotSent(code))
    return Fail(message, code)
