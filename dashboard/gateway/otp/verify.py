"""Judge the codes that people typed."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, bindparam, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.turns import by_turns
from dashboard.gateway.webhooks import events
from dashboard.models.messages import Message
from dashboard.models.otp import Otp

MAX_ATTEMPTS = 3
# Built once: building them costs more than running them.
_OTPS, _MESSAGES = core_table(Otp), core_table(Message)
_COLUMNS = _OTPS.c
_NOW = bindparam("now", type_=UtcDateTime)


@dataclass(frozen=True)
class Guess:
    """A code that someone typed."""

    phone: str
    code: str
    channel: str = "sms"


@dataclass(frozen=True)
class VerifyRequest:
    """A guess and the key it came by."""

    keyring: Keyring
    caller: Caller
    guess: Guess

    @property
    def subject(self) -> tuple[str, str, str]:
        return self.caller.id, self.guess.phone, self.guess.channel


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
class VerifyResult:
    """What came of a guess: nothing, which is right, or a refusal."""

    refusal: WrongCode | TooManyAttempts | NoLiveOtp | None

    def raise_if_wrong(self) -> None:
        """Raise WrongCode, TooManyAttempts or NoLiveOtp unless the guess was right."""
        if self.refusal is not None:
            raise self.refusal


CURRENT = (
    select(_OTPS, _MESSAGES.c.uuid)
    .join(_MESSAGES, _MESSAGES.c.id == _COLUMNS.message_id)
    .where(
        _COLUMNS.key_id.in_(bindparam("keys", expanding=True)),
        _COLUMNS.phone.in_(bindparam("phones", expanding=True)),
        _COLUMNS.channel.in_(bindparam("channels", expanding=True)),
        _COLUMNS.superseded_at.is_(None),
    )
)


SPEND = (
    update(_OTPS)
    .where(
        _COLUMNS.id.in_(bindparam("otp_ids", expanding=True)),
        _COLUMNS.attempts < MAX_ATTEMPTS,
        _COLUMNS.verified_at.is_(None),
        _COLUMNS.superseded_at.is_(None),
        _COLUMNS.void_at.is_(None),
        _COLUMNS.expires_at > _NOW,
    )
    .values(attempts=_COLUMNS.attempts + 1, verified_at=bindparam("closed", type_=UtcDateTime))
    .returning(_COLUMNS.id, _COLUMNS.attempts)
)


PROVE_DELIVERED = (
    update(_MESSAGES)
    .where(_MESSAGES.c.id.in_(bindparam("row_ids", expanding=True)), _MESSAGES.c.status != "delivered")
    .values(
        status="delivered",
        delivered_at=_NOW,
        sent_at=func.coalesce(_MESSAGES.c.sent_at, _NOW),
        confirmed_by="otp",
        due_at=None,
        claim=None,
    )
    .returning(_MESSAGES.c.id, _MESSAGES.c.sent_at)
)


def verify(session: Session, keyring: Keyring, caller: Caller, guess: Guess) -> VerifyResult:
    """As `verify_all` for one."""
    return verify_all(session, [VerifyRequest(keyring, caller, guess)])[0]


def verify_all(session: Session, guessed: Sequence[VerifyRequest]) -> list[VerifyResult]:
    """Judge guesses and spend a try on each. The caller commits before it tells anyone: the tries stay spent."""
    return by_turns(guessed, lambda one: one.subject, partial(_judge_turn, session))


def _judge_turn(session: Session, turn: list[VerifyRequest]) -> list[VerifyResult]:
    current = _current(session, turn)
    right: dict[int, bool] = {}  # by a code's id, whether the guess is
    for guessed in turn:
        row = current.get(guessed.subject)
        code = guessed.keyring.derive(row, row.uuid) if row is not None else None
        if row is not None and code is not None:  # else its secret is unknown here: nothing can be judged or spent
            right[row.id] = hmac.compare_digest(code, guessed.guess.code)
    spent = _spend(session, right)
    _tell(session, [row for row in current.values() if row.id in spent], right, spent)
    return [_verdict(session, current.get(guessed.subject), right, spent) for guessed in turn]


def _current(session: Session, turn: list[VerifyRequest]) -> dict[tuple[str, str, str], Row[Any]]:
    """The codes that the guesses are about; void ones are none."""
    key_ids, phones, channels = (list(set(parts)) for parts in zip(*(one.subject for one in turn), strict=True))
    told = {"keys": key_ids, "phones": phones, "channels": channels}
    rows = session.connection().execute(CURRENT, told)
    wanted = {one.subject for one in turn}
    found = {(row.key_id, row.phone, row.channel): row for row in rows if row.void_at is None}
    return {subject: row for subject, row in found.items() if subject in wanted}


def _spend(session: Session, right: dict[int, bool]) -> dict[int, int]:
    """Spend a try on each code, and close those whose guess is right; how many were spent, of those that are live.

    One statement decides. Read first and written after, a hundred parallel guesses would all be judged.
    """
    now = utcnow()
    spent: dict[int, int] = {}
    for verdict in (True, False):
        ids = [otp_id for otp_id, is_right in right.items() if is_right is verdict]
        if ids:
            told = {"otp_ids": ids, "now": now, "closed": now if verdict else None}
            spent |= {row.id: row.attempts for row in session.connection().execute(SPEND, told)}
    return spent


def _tell(session: Session, judged: list[Row[Any]], right: dict[int, bool], spent: dict[int, int]) -> None:
    """A right code proves that its message arrived, whatever receipts say."""
    now, proofs = utcnow(), [row.message_id for row in judged if right[row.id]]
    told = {"row_ids": proofs, "now": now}
    proven: dict[int, datetime] = {}
    if proofs:
        proven = {row.id: row.sent_at for row in session.connection().execute(PROVE_DELIVERED, told)}
    for row in judged:
        steps: list[str] = []
        if row.message_id in proven:
            steps += ["message.sent"] * (proven[row.message_id] == now) + ["message.delivered"]
        if right[row.id]:
            steps.append("otp.verified")
        elif spent[row.id] == MAX_ATTEMPTS:
            steps.append("otp.exhausted")
        if steps:
            events.record(session, row.key_id, row.message_id, *steps)


def _verdict(session: Session, row: Row[Any] | None, right: dict[int, bool], spent: dict[int, int]) -> VerifyResult:
    if row is None or row.id not in right:
        return VerifyResult(NoLiveOtp("otp_not_found"))
    if row.id not in spent:
        return VerifyResult(_why_not_judged(session, row.id))
    return VerifyResult(None if right[row.id] else WrongCode(MAX_ATTEMPTS - spent[row.id]))


def _why_not_judged(session: Session, otp_id: int) -> TooManyAttempts | NoLiveOtp:
    otp = session.scalars(select(Otp).where(Otp.id == otp_id).execution_options(populate_existing=True)).one()
    if otp.verified_at is not None:
        return NoLiveOtp("otp_used")
    if otp.superseded_at is not None or otp.void_at is not None:
        return NoLiveOtp("otp_not_found")
    if otp.expires_at <= utcnow():
        return NoLiveOtp("otp_expired")
    return TooManyAttempts()
