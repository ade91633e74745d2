"""POST /otp/send and /otp/verify."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

from flask import g

from dashboard import main_thread
from dashboard.api import errors, traces
from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract, idempotent_call
from dashboard.api.error_kinds import RETRY_SECONDS
from dashboard.api.errors import ApiError
from dashboard.api.schemas import costs
from dashboard.api.schemas.otp import OtpSent, OtpVerified, PricedOtpSent, SendOtp, VerifyOtp
from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.costs.estimates import Quote
from dashboard.gateway.delivery import wait
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import Settlement
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.send import LIFETIME, Order, SendRequest, Sent
from dashboard.gateway.otp.verify import Guess, VerifyRequest
from dashboard.vocabulary import Channel, Lane, Scope, Status

REFUSALS = ("budget_slowed", "provider_error", "provider_timeout", "idempotency_mismatch")
MOST_WAITING = 48  # callers that one process lets wait for WhatsApp; the other threads keep answering
_places = threading.BoundedSemaphore(MOST_WAITING)


@bp.post("/otp/send")
@contract(
    Contract(
        body=SendOtp,
        response=OtpSent,
        scope=Scope.OTP,
        errors=("rate_limited", "pumping_suspected", "daily_cap", "budget_exhausted", *REFUSALS),
        idempotent=True,
        is_brief=True,
        shows_limits=True,
        summary="Send a code",
        tag="Codes",
    )
)
def send_otp(body: SendOtp) -> OtpSent:
    """A new six-digit code, good for 600 seconds and one use; the code before it for the same number and channel
    ends, unless this one fails before it leaves. By SMS and by e-mail the call returns at once. By WhatsApp it waits up
    to 8 seconds for the provider.
    """
    return _send(body)[0]


@bp.post("/api/v2/code")
@contract(
    Contract(
        body=SendOtp,
        response=PricedOtpSent,
        scope=Scope.OTP,
        errors=("rate_limited", "pumping_suspected", "daily_cap", "insufficient_balance", *REFUSALS),
        idempotent=True,
        is_brief=True,
        shows_limits=True,
        summary="Send a code",
        tag="Codes",
    )
)
def send_otp_v2(body: SendOtp) -> OtpSent:
    """A new six-digit code, good for 600 seconds and one use; the code before it for the same number and channel
    ends, unless this one fails before it leaves. By SMS and by e-mail the call returns at once. By WhatsApp it waits up
    to 8 seconds for the provider.
    """
    with errors.insufficient_balance():
        answer, quote = _send(body, is_priced=True)
    if quote is None:  # it was kept by a version that quoted nothing
        return answer
    return PricedOtpSent(
        message_id=answer.message_id, expires_in=answer.expires_in, sent_by=answer.sent_by, **costs.priced(quote)
    )


@bp.post("/otp/verify")
@bp.post("/api/v2/check")
@contract(
    Contract(
        body=VerifyOtp,
        response=OtpVerified,
        scope=Scope.OTP,
        errors=(
            "invalid_otp",
            "otp_exhausted",
            "too_many_wrong_codes",
            "otp_not_found",
            "otp_not_sent",
            "otp_used",
            "otp_expired",
            "idempotency_mismatch",
        ),
        idempotent=True,
        is_brief=True,
        summary="Check a code",
        tag="Codes",
    )
)
def verify_otp(body: VerifyOtp) -> OtpVerified:
    """A right code is used up. A wrong one costs one of three tries; after the third, only a new code helps. Of one
    number, ten wrong codes an hour are judged over all live keys; after a hundred in a row, one a day until it is
    right.
    """
    guess = Guess(body.recipient, body.otp, body.channel)
    request = VerifyRequest(services().keyring, caller(), guess, idempotent_call())
    verdict = services().group_commit.run(verify.verify_codes, request)
    errors.note_replay(verdict.is_replay)
    if verdict.has_events:
        services().wakeup.notify(Lane.WEBHOOKS)
    if verdict.refusal:
        raise verdict.refusal
    return OtpVerified()


def _send(body: SendOtp, *, is_priced: bool = False) -> tuple[OtpSent, Quote | None]:
    """Write a code down and have it delivered; for WhatsApp, wait until the provider has taken it."""
    g.recipient = errors.PHONE_FIELD if body.phone else "email"  # errors about the recipient name its field
    order = Order(body.recipient, body.channel, body.language or _usual_language(), body.hash, body.email or None)
    request = SendRequest(services().keyring, caller(), order, idempotent_call(), is_priced)
    with _place_to_wait() if order.waits else nullcontext():
        sent = services().group_commit.run(send.send_codes, request)
        errors.note_limits(sent.limits)
        errors.note_replay(sent.is_replay)
        traces.note([sent.message_id])
        services().wakeup.notify(sent.sent_by or order.channel)
        if order.waits:
            return main_thread.aside(partial(_answer_of_provider, sent, body.phone)), sent.quote
    sent_by = Channel(sent.sent_by) if sent.sent_by else None
    return OtpSent(message_id=sent.message_id, expires_in=int(LIFETIME.total_seconds()), sent_by=sent_by), sent.quote


def _usual_language() -> str:
    """The owner's choice for codes that name none."""
    return site_settings.current_of(services().sessions).otp_language


def _answer_of_provider(sent: Sent, phone: str) -> OtpSent:
    """Wait for WhatsApp, and give the answer that follows; raise ApiError."""
    outcome = None
    if sent.status is None:
        outcome = wait.outcome_of(services().sessions, sent.message_id, services().settings.whatsapp_wait)
        if outcome and outcome.status in (Status.FAILED, Status.EXPIRED):
            _settle(sent, None)
            errors.note_limits(rate_limit.look(session, caller().id, phone))  # a refused code does not count
            reason = outcome.error_code or outcome.status
            raise ApiError("provider_error", reason=reason, retryable=outcome.is_retryable, messageId=sent.message_id)
    if (sent.status or _settle(sent, 200 if outcome else 502)) == 502:
        raise ApiError(
            "provider_timeout",
            reason="no_answer",
            retryable=True,
            messageId=sent.message_id,
            retryAfter=RETRY_SECONDS,
        )
    outcome = outcome or wait.outcome_of(services().sessions, sent.message_id, 0)
    return OtpSent(
        message_id=sent.message_id,
        expires_in=int(LIFETIME.total_seconds()),
        sent_by=Channel.SMS if outcome and outcome.sent_by == Channel.SMS else None,
    )


def _settle(sent: Sent, status: int | None) -> int | None:
    """Keep the answer for a call that is named; return the status that stands, perhaps of another who waited too."""
    call = idempotent_call()
    if call is None:
        return status
    return services().group_commit.run(idempotency.settle, Settlement(call, sent.message_id, status))


@contextmanager
def _place_to_wait() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise ApiError("provider_error", reason="busy", retryable=True, retryAfter=RETRY_SECONDS)
    try:
        yield
    finally:
        _places.release()
