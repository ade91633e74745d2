"""POST /otp/send and /otp/verify."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from flask import Response
from sqlalchemy.orm import Session

from dashboard.api import idempotency
from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract
from dashboard.api.errors import (
    ProviderFailed,
    note_limits,
    provider_crowded,
    provider_failed,
    provider_refused,
    provider_silent,
)
from dashboard.api.idempotency import IdempotentAnswer
from dashboard.api.schemas.requests import SendOtp, VerifyOtp
from dashboard.api.schemas.responses import OtpSent, OtpVerified
from dashboard.db import read_session
from dashboard.extensions import services, session
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.delivery import wait
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.messages.idempotency import Mismatch
from dashboard.gateway.otp import send as otp
from dashboard.gateway.otp import verify
from dashboard.gateway.otp.verify import NoLiveOtp, TooManyAttempts, WrongCode
from dashboard.gateway.webhooks import events

PROVIDER_SECONDS = 8.0
MOST_WAITING = 48  # callers that one process lets wait for WhatsApp; the other threads keep answering
_places = threading.BoundedSemaphore(MOST_WAITING)


@bp.post("/otp/send", provide_automatic_options=False)
@bp.post("/api/v2/code", provide_automatic_options=False)
@contract(
    Contract(
        takes=SendOtp,
        gives=OtpSent,
        scope="otp",
        refuses=(RateLimited, CapReached, ProviderFailed, Mismatch),
        idempotent=True,
        confirms=True,
        limited=True,
        summary="Send a code",
        tag="Codes",
    )
)
def send_otp(wanted: SendOtp) -> Response:
    """A new six-digit code, good for 600 seconds and one use; the code before it for the same number and channel
    ends. By SMS the call returns at once. By WhatsApp it waits up to 8 seconds for the provider.
    """
    waits = wanted.channel == "whatsapp"
    with _place_to_wait() if waits else nullcontext():
        told = _write_down(wanted)
        return (_provider_says(told, wanted.phone) if told.kept.status is None else told).response


@bp.post("/otp/verify", provide_automatic_options=False)
@bp.post("/api/v2/check", provide_automatic_options=False)
@contract(
    Contract(
        takes=VerifyOtp,
        gives=OtpVerified,
        scope="otp",
        refuses=(WrongCode, TooManyAttempts, NoLiveOtp),
        confirms=True,
        summary="Check a code",
        tag="Codes",
    )
)
def verify_otp(wanted: VerifyOtp) -> OtpVerified:
    """A right code is used up. A wrong one costs one of three tries; after the third, only a new code helps."""
    guess = verify.Guess(wanted.phone, wanted.otp, wanted.channel)
    told = events.written()
    verdict = services().group_commit.share(_judge_all, verify.VerifyRequest(services().keyring, caller(), guess))
    if events.written() != told:
        services().wakeup.notify("webhooks")
    verdict.raise_if_wrong()
    return OtpVerified()


def _send_all(session: Session, asked: list[otp.SendRequest]) -> Sequence[otp.Sent | Exception]:
    return authentication.of_live_keys(session, asked, partial(otp.send_all, session))


def _judge_all(session: Session, guessed: list[verify.VerifyRequest]) -> Sequence[verify.VerifyResult | Exception]:
    return authentication.of_live_keys(session, guessed, partial(verify.verify_all, session))


def _language(wanted: SendOtp) -> str:
    """The one asked for, else the owner's choice for codes that name none."""
    if "language" in wanted.model_fields_set:
        return wanted.language
    with read_session(services().sessions) as reader:
        return site_settings.current(reader).otp_language


def _write_down(wanted: SendOtp) -> IdempotentAnswer:
    order = otp.Order(wanted.phone, wanted.channel, _language(wanted), wanted.hash or None)
    told, standings = _once(order) if idempotency.has_key() else _together(order)
    note_limits(standings)
    services().wakeup.notify(wanted.channel)
    return told


def _together(order: otp.Order) -> tuple[IdempotentAnswer, list[WindowState]]:
    """With the codes that others ask for at the same time."""
    asked = otp.SendRequest(services().keyring, caller(), order)
    reference, standings = services().group_commit.share(_send_all, asked)
    return idempotency.new_answer(_sent(reference), message_uuid=_waits(order)), standings


def _once(order: otp.Order) -> tuple[IdempotentAnswer, list[WindowState]]:
    """By itself: its Idempotency-Key is locked with it."""
    send = partial(otp.send, keyring=services().keyring, caller=caller(), order=order)
    standings: list[WindowState] = []

    def write(session: Session) -> OtpSent:
        reference, standings[:] = send(session)
        return _sent(reference)

    return idempotency.run_once(write, alone=True, message_uuid=_waits(order)), standings


def _sent(reference: str) -> OtpSent:
    return OtpSent(message_id=reference, expires_in=int(otp.LIFETIME.total_seconds()))


def _waits(order: otp.Order) -> bool:
    """Whether the answer depends on what the provider says."""
    return order.channel == "whatsapp"


def _provider_says(told: IdempotentAnswer, phone: str) -> IdempotentAnswer:
    """Wait for WhatsApp, and give the answer that follows; raise ProviderFailed when nothing was sent."""
    answer = wait.outcome_of(services().sessions, told.kept.message_uuid or "", PROVIDER_SECONDS)
    if answer is None:
        return idempotency.settle(told, 502, provider_failed(provider_silent()).get_data(as_text=True))
    if answer.status in ("failed", "expired"):
        idempotency.forget(told)
        note_limits(rate_limit.look(session, caller().id, phone))  # a refused code does not count
        raise provider_refused()
    return idempotency.settle(told, 200, told.kept.answer)


@contextmanager
def _place_to_wait() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise provider_crowded()
    try:
        yield
    finally:
        _places.release()
