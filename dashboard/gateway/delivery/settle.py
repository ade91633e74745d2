"""What is written down when a carrier has had its say on a text, or when a text finds no way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import insert

from dashboard.db import Executor, core_table
from dashboard.gateway.delivery import attempts, receipts
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send
from dashboard.models.delivery import MessagePart
from dashboard.models.messages import Message
from dashboard.outbound.errors import NotSent, OutcomeUnknown, SendError
from dashboard.providers.base import Outcome

NO_ROUTE = timedelta(seconds=30)  # until a route is looked for again


@dataclass(frozen=True)
class SendContext:
    """A carrier's word on a message. `waits` says whether a fault in the carrier's set-up may be waited out."""

    message: Message
    carrier: str
    waits: bool = True


def taken(run: Executor, word: SendContext, outcome: Outcome) -> None:
    """The carrier has it."""
    message, held = word.message, outbox.mark_sent(run, word.message, word.carrier, outcome)
    if held and outcome.failed and message.channel == "whatsapp":
        send.void(run, message)
    if held and len(outcome.parts) > 1:
        rows = [{"carrier": word.carrier, "reference": part, "message_id": message.id} for part in set(outcome.parts)]
        run.execute(insert(core_table(MessagePart)), rows)


def not_taken(run: Executor, word: SendContext, error: SendError) -> str | None:
    """The carrier refused it, could not take it, or left us in doubt; return the lane to ring where one is."""
    message = word.message
    if receipts.wants_sms(run, message):
        return _divert(run, word, error.code)
    if isinstance(error, OutcomeUnknown):
        attempts.record(run, message.id, word.carrier, "unknown", error.code)
        _in_doubt(run, word, error)
    elif isinstance(error, NotSent) or (error.configuration and word.waits):
        attempts.record(run, message.id, word.carrier, "again", error.code)
        wait = timedelta(seconds=error.retry_after) if error.retry_after else outbox.backoff(message.attempts)
        outbox.retry_later(run, message, error.code, wait)
    else:
        attempts.record(run, message.id, word.carrier, "refused", error.code)
        refuse(run, message, word.carrier, error.code)
    return None


def no_way_out(run: Executor, message: Message, code: str) -> str | None:
    """No carrier takes it now: `no_route` or `carrier_down`. A caller who waits is told; an SMS waits itself."""
    if outbox.base(message.lane) != "whatsapp":
        outbox.retry_later(run, message, code, NO_ROUTE)
    elif receipts.wants_sms(run, message):
        return _divert(run, SendContext(message, ""), code)
    else:
        refuse(run, message, None, code)
    return None


def refuse(run: Executor, message: Message, carrier: str | None, code: str) -> None:
    """A refused code for a caller who waits is void; one sent by SMS was counted and answered long ago."""
    if outbox.mark_failed(run, message, carrier, code) and message.channel == "whatsapp":
        send.void(run, message)


def _divert(run: Executor, word: SendContext, code: str) -> str:
    """A code that does not get out by WhatsApp goes by SMS, since its key wants that."""
    if outbox.switch_channel(run, word.message, "sms", code):
        attempts.record(run, word.message.id, word.carrier, "diverted", code)
    return "sms"


def _in_doubt(run: Executor, word: SendContext, error: OutcomeUnknown) -> None:
    """Wait for a receipt, then once more; a carrier that knows our id may be asked as often as it takes."""
    if error.repeatable:
        outbox.retry_later(run, word.message, error.code, outbox.backoff(word.message.attempts))
    elif word.message.unknowns:
        outbox.mark_failed(run, word.message, word.carrier, error.code)
    else:
        outbox.retry_unknown_later(run, word.message, error.code)
