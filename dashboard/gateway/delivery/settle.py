"""Write down what was decided about claimed messages, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from sqlalchemy.engine import Connection

from dashboard.db import utcnow
from dashboard.gateway.api_keys import keys
from dashboard.gateway.carriers import health
from dashboard.gateway.costs import charges
from dashboard.gateway.costs.charges import Taken
from dashboard.gateway.delivery import attempts, receipts
from dashboard.gateway.delivery.decisions import (
    Decision,
    Defer,
    Expire,
    Fail,
    LetGo,
    MarkSent,
    NextCarrier,
    RetryLater,
    SwitchChannel,
)
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.messages.outbox import Release
from dashboard.gateway.otp import channel_order, voiding
from dashboard.gateway.sandbox import inbox
from dashboard.outbound.errors import OutcomeUnknown, SendError
from dashboard.providers.base import Outcome
from dashboard.vocabulary import SANDBOX, AttemptOutcome, Channel, Kind, Lane, Proof, Status

NO_CARRIER = ("no_route", "carrier_down")  # as decisions.no_carrier is told
ASK_AFTER = timedelta(seconds=15)  # until a carrier is asked what became of a text


def apply(connection: Connection, decisions: Sequence[Decision]) -> set[Lane]:
    """Write decisions down, each only while its claim is held; return the lanes that have work now.

    The caller commits, then wakes them.
    """
    now = utcnow()
    decisions = _without_carriers_gone_down(connection, decisions)
    held, has_events = outbox.release(connection, [_release(decision, now) for decision in decisions])
    ids = {release.message.id for release in held}
    applied = [decision for decision in decisions if decision.message.id in ids]
    attempts.record(connection, [row for decision in applied if (row := _failed_attempt(decision))])
    lanes = channel_order.bring_forward(connection, [each.message for each in applied if _is_next_step_due(each)])
    void = [decision.message for decision in applied if _is_code_void(decision)]
    if void:
        voiding.void(connection, void)
    lanes |= {Lane(decision.channel) for decision in applied if isinstance(decision, SwitchChannel)}
    lanes |= {Lane(decision.message.lane) for decision in applied if isinstance(decision, NextCarrier)}
    if has_events:
        lanes.add(Lane.WEBHOOKS)
    inbox.receive(connection, [row for decision in decisions if (row := _arrival(decision))])
    sent = [decision for decision in applied if isinstance(decision, MarkSent)]
    charges.write(connection, [taken for decision in sent if (taken := _taken(decision, now))])
    return lanes | receipts.expect(connection, sent)


def _release(decision: Decision, now: datetime) -> Release:
    """The columns of the row, as the decision sets them."""
    message = decision.message
    match decision:
        case MarkSent(carrier=carrier, outcome=outcome):
            taken = {"carrier": carrier, "carrier_ref": outcome.reference, "sender": outcome.sender}
            ask_at = now + ASK_AFTER if outcome.may_ask else None
            sent = taken | {"sent_at": now}
            if outcome.failed:
                return _close(message, Status.FAILED, outcome.failed, failed_at=now, **sent)
            if outcome.delivered:
                return _close(message, Status.DELIVERED, None, delivered_at=now, confirmed_by=Proof.RECEIPT, **sent)
            if outcome.pending:  # it stays `sending`, and is nobody's to send
                return _close(message, None, None, ask_at=ask_at, **taken)
            return _close(message, Status.SENT, None, ask_at=ask_at, **sent)
        case Fail(code=code, carrier=carrier):
            return _close(message, Status.FAILED, code, failed_at=now, carrier=carrier)
        case Expire(code=code):
            return _close(message, Status.EXPIRED, code, expired_at=now)
        case RetryLater(code=code, wait=wait):
            is_message = message.priority != outbox.PRIORITY[Kind.OTP]
            priority = outbox.RETRY if decision.is_own_fault and is_message else message.priority
            return Release(
                message,
                now + wait,
                code,
                message.lane,
                outbox.home(message),
                priority,
                is_unknown=decision.is_unknown,
            )
        case NextCarrier(error=error):
            priority = outbox.BULK if message.priority == outbox.BULK else outbox.PRIORITY[message.kind]
            return Release(message, now, error.code, message.lane, outbox.home(message), priority)
        case SwitchChannel(channel=channel, error=error):
            sandbox = outbox.SANDBOX_ID if message.carrier_id == outbox.SANDBOX_ID else None
            return Release(message, now, error.code, channel, sandbox, message.priority)
        case Defer(carrier_id=carrier_id):
            due_at = message.created_at if message.attempts == 1 else now
            return _untried(message, due_at, carrier_id)
        case LetGo(wait=wait):
            return _untried(message, now + wait, outbox.home(message))
        case _:
            assert_never(decision)


def _taken(decision: MarkSent, now: datetime) -> Taken | None:
    """What is to be paid; nothing on the sandbox, nor as long as no network has it."""
    message = decision.message
    if decision.carrier == SANDBOX or decision.outcome.pending:
        return None
    return Taken(
        message.id,
        message.key_id,
        decision.carrier,
        message.phone,
        message.lane,
        message.segments,
        message.encoding,
        message.body,
        now,
    )


def _close(message: ClaimedMessage, status: Status | None, code: str | None, **columns: Any) -> Release:
    """It is settled for good; without a status it stays as it is, until its carrier says more."""
    return Release(message, None, code, message.lane, message.carrier_id, message.priority, status=status, **columns)


def _untried(message: ClaimedMessage, due_at: datetime, carrier_id: int | None) -> Release:
    return Release(message, due_at, message.error_code, message.lane, carrier_id, message.priority, was_tried=False)


def _arrival(decision: Decision) -> dict[str, Any] | None:
    """What a sandbox phone receives, also when the claim is no longer held: the text was handed over."""
    return decision.outcome.arrival if isinstance(decision, MarkSent) else None


def _failed_attempt(decision: Decision) -> dict[str, Any] | None:
    """The attempt that is kept with the message; None where no carrier was asked, or where all is well.

    What was taken is kept for its answer alone: of tests, and where that answer speaks of an error.
    """
    match decision:
        case MarkSent(message=message, carrier=carrier, outcome=Outcome(answer=str() as answer, doubt=doubt)):
            is_kept = doubt is not None or message.key_id == keys.OWN_ID
            return attempts.taken_row(message.id, carrier, answer, doubt) if is_kept else None
        case NextCarrier(error=error, carrier=carrier, is_final=is_final):
            outcome = AttemptOutcome.REFUSED if is_final else AttemptOutcome.NOT_SENT
        case RetryLater(error=SendError() as error, carrier=carrier):
            outcome = AttemptOutcome.UNKNOWN if isinstance(error, OutcomeUnknown) else AttemptOutcome.NOT_SENT
        case Fail(error=SendError() as error, carrier=str() as carrier):
            outcome = AttemptOutcome.UNKNOWN if isinstance(error, OutcomeUnknown) else AttemptOutcome.REFUSED
        case SwitchChannel(error=error, carrier=carrier):
            outcome = AttemptOutcome.DIVERTED
        case _:
            return None
    return attempts.row(decision.message.id, carrier, outcome, error)


def _is_next_step_due(decision: Decision) -> bool:
    """Whether a code goes on by the next channel of its order at once: this one failed, or has no carrier now."""
    if decision.message.step is None:
        return False
    if isinstance(decision, MarkSent):
        return decision.outcome.failed is not None
    return isinstance(decision, Fail) or (isinstance(decision, RetryLater) and decision.code in NO_CARRIER)


def _is_code_void(decision: Decision) -> bool:
    """Whether a code surely never left: then it cannot be typed in, and it does not count against the limits.

    A caller who waits for WhatsApp is told of every failure, so there each one voids the code.
    """
    message = decision.message
    is_waited_for = message.channel == Channel.WHATSAPP and message.step is None
    if isinstance(decision, MarkSent):
        return decision.outcome.failed is not None and is_waited_for
    if not isinstance(decision, Fail) or message.kind != Kind.OTP:
        return False
    may_have_left = isinstance(decision.error, OutcomeUnknown) or message.unknowns > 0 or message.segments > 1
    return is_waited_for or not may_have_left


def _without_carriers_gone_down(connection: Connection, decisions: Sequence[Decision]) -> list[Decision]:
    """Route anew what was to wait for a carrier that has gone down since: what waited for it was released just then."""
    waiting_for = {decision.carrier_id for decision in decisions if isinstance(decision, Defer)}
    down = health.down_among(connection, waiting_for) if waiting_for else set()
    return [
        LetGo(decision.message)
        if isinstance(decision, Defer) and decision.carrier_id in down and not decision.while_down
        else decision
        for decision in decisions
    ]
