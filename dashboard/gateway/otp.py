"""One-time codes: send, judge, void."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from dashboard.db import Runs, UtcDateTime, table, utcnow
from dashboard.gateway import codes, events, keys, limits, outbox, refusals, wordings
from dashboard.gateway.codes import Keyring
from dashboard.gateway.keys import Caller, CapReached
from dashboard.gateway.limits import RateLimited, Standing
from dashboard.gateway.refusals import Refused
from dashboard.models import Message, Otp
from dashboard.providers.sandbox import LIMITED

LIFETIME = timedelta(seconds=600)
MAX_ATTEMPTS = 3
ALWAYS_FULL = Standing("minute", limits.DEFAULTS["minute"], 0, limits.WINDOWS["minute"])  # numbers that rehearse a 429


@dataclass(frozen=True)
class Order:
    """A code that someone asked for."""

    phone: str
    channel: str = "sms"
    language: str = "fr"
    app_hash: str | None = None


@dataclass(frozen=True)
class Guess:
    """A code that someone typed."""

    phone: str
    code: str
    channel: str = "sms"


class WrongCode(Exception):
    """The guess was judged and wrong."""

    def __init__(self, retries_left: int) -> None:
        super().__init__(retries_left)
        self.retries_left = retries_left


class TooManyAttempts(Exception):
    """Three guesses were wrong; this one was not judged."""


class NoLiveOtp(Exception):
    """There is nothing to judge. `code` is otp_not_found, otp_used or otp_expired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Verdict:
    """What came of a guess: nothing, which is right, or a refusal."""

    refusal: WrongCode | TooManyAttempts | NoLiveOtp | None

    def raise_if_wrong(self) -> None:
        """Raise WrongCode, TooManyAttempts or NoLiveOtp unless the guess was right."""
        if self.refusal is not None:
            raise self.refusal


# Built once: building them costs more than running them.
_OTPS = table(Otp)
_COLUMNS = _OTPS.c
_NOW = bindparam("now", type_=UtcDateTime)
_CURRENT = (
    _COLUMNS.key_id == bindparam("for_key"),
    _COLUMNS.phone == bindparam("for_phone"),
    _COLUMNS.channel == bindparam("for_channel"),
    _COLUMNS.superseded_at.is_(None),
)
INSERT = insert(_OTPS)
SUPERSEDE = update(_OTPS).where(*_CURRENT).values(superseded_at=_NOW)
CURRENT = select(_OTPS, Message.uuid).join(Message, Message.id == _COLUMNS.message_id).where(*_CURRENT)
SPEND = (
    update(_OTPS)
    .where(
        _COLUMNS.id == bindparam("otp_id"),
        _COLUMNS.attempts < MAX_ATTEMPTS,
        _COLUMNS.verified_at.is_(None),
        _COLUMNS.superseded_at.is_(None),
        _COLUMNS.void_at.is_(None),
        _COLUMNS.expires_at > _NOW,
    )
    .values(attempts=_COLUMNS.attempts + 1, verified_at=bindparam("closed", type_=UtcDateTime))
    .returning(_COLUMNS.attempts)
)
_MESSAGES = table(Message)
PROVE_DELIVERED = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("row_id"), _MESSAGES.c.status != "delivered")
    .values(
        status="delivered",
        delivered_at=_NOW,
        sent_at=func.coalesce(_MESSAGES.c.sent_at, _NOW),
        confirmed_by="otp",
        due_at=None,
        claim=None,
    )
    .returning(_MESSAGES.c.sent_at)
)


def send(session: Session, keyring: Keyring, caller: Caller, order: Order) -> tuple[str, list[Standing]]:
    """Write a new code down; the older one for the same key, phone and channel dies.

    Return the message's uuid and the limits as they now stand; raise RateLimited or CapReached, which leave a note.
    """
    standings = _take(session, caller, order)
    now, connection = utcnow(), session.connection()
    connection.execute(SUPERSEDE, {**_subject(caller, order), "now": now})
    wording = wordings.current(session, caller.id, order.language, caller.brand)
    sample = wording.render("0" * codes.DIGITS, order.app_hash)
    row_id, reference = outbox.submit(session, caller, outbox.Draft("otp", order.channel, order.phone, None, sample))
    row = {
        "message_id": row_id,
        "key_id": caller.id,
        "phone": order.phone,
        "channel": order.channel,
        "language": order.language,
        "app_hash": order.app_hash,
        "wording_id": wording.id,
        "brand": wording.brand or None,
        "nonce": codes.nonce(),
        "kid": keyring.kid,
        "created_at": now,
        "expires_at": now + LIFETIME,
    }
    connection.execute(INSERT, row)
    return reference, standings


def judge(session: Session, keyring: Keyring, caller: Caller, guess: Guess) -> Verdict:
    """Judge a guess and spend a try on it. The caller commits before it tells anyone, so that the try stays spent."""
    found = session.connection().execute(CURRENT, _subject(caller, guess)).one_or_none()
    if found is None or found.void_at is not None:
        return Verdict(NoLiveOtp("otp_not_found"))
    code = keyring.derive(found, found.uuid)
    if code is None:  # its secret is unknown here: nothing can be judged, so nothing is spent
        return Verdict(NoLiveOtp("otp_not_found"))
    right = hmac.compare_digest(code, guess.code)
    attempts = _spend_attempt(session, found, right)
    if attempts is None:
        return Verdict(_why_not_judged(session, found.id))
    return Verdict(None if right else WrongCode(MAX_ATTEMPTS - attempts))


def void(session: Runs, message: Message) -> None:
    """Kill the code of a message that its carrier refused; it no longer counts against the limits."""
    session.execute(update(Otp).where(Otp.message_id == message.id).values(void_at=utcnow(), counted=False))


def _take(session: Session, caller: Caller, order: Order) -> list[Standing]:
    """Count the code against the limits and the key's cap; a refusal is noted, so that people can be told of it."""
    try:
        if caller.mode == "test" and order.phone.endswith(LIMITED):
            raise RateLimited(ALWAYS_FULL, [ALWAYS_FULL])
        standings = limits.take(session, caller.id, order.phone)
        keys.spend_cap(session, caller, "otp")
    except RateLimited as refusal:
        full = refusal.standing
        refusals.note(session, Refused(caller.id, order.phone, order.channel, full.window, full.quota))
        raise
    except CapReached as refusal:
        refusals.note(session, Refused(caller.id, order.phone, order.channel, "cap", refusal.cap))
        raise
    return standings


def _subject(caller: Caller, told: Order | Guess) -> dict[str, str]:
    return {"for_key": caller.id, "for_phone": told.phone, "for_channel": told.channel}


def _spend_attempt(session: Session, otp: Row[Any], right: bool) -> int | None:
    """Spend a try, and close the code if the guess is right, in one statement; None when it is not live.

    Read first and written after, a hundred parallel guesses would all be judged.
    """
    now = utcnow()
    told = {"otp_id": otp.id, "now": now, "closed": now if right else None}
    judged: int | None = session.connection().execute(SPEND, told).scalar()
    if judged is not None and right:
        _mark_delivered(session, otp)
        events.record(session, otp.key_id, otp.message_id, "otp.verified")
    elif judged == MAX_ATTEMPTS:
        events.record(session, otp.key_id, otp.message_id, "otp.exhausted")
    return judged


def _mark_delivered(session: Session, otp: Row[Any]) -> None:
    """A right code proves that its message arrived, whatever receipts say."""
    now = utcnow()
    sent_at = session.connection().execute(PROVE_DELIVERED, {"row_id": otp.message_id, "now": now}).scalar()
    if sent_at is not None:
        steps = ("message.sent", "message.delivered") if sent_at == now else ("message.delivered",)
        events.record(session, otp.key_id, otp.message_id, *steps)


def _why_not_judged(session: Session, otp_id: int) -> TooManyAttempts | NoLiveOtp:
    otp = session.scalars(select(Otp).where(Otp.id == otp_id).execution_options(populate_existing=True)).one()
    if otp.verified_at is not None:
        return NoLiveOtp("otp_used")
    if otp.superseded_at is not None or otp.void_at is not None:
        return NoLiveOtp("otp_not_found")
    if otp.expires_at <= utcnow():
        return NoLiveOtp("otp_expired")
    return TooManyAttempts()
