"""Judge the codes that people typed."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, lock, utcnow
from dashboard.driver import ListStatement
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.limits import wrong_codes
from dashboard.gateway.limits.wrong_codes import TooManyWrongCodes
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import IdempotentCall, Mismatch, StoredResult
from dashboard.gateway.otp import channel_order
from dashboard.gateway.otp.codes import MAX_ATTEMPTS, Keyring
from dashboard.gateway.webhooks import events
from dashboard.group_commit import by_turns
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import Channel, CodeChannel, KeyMode, Proof, Status

# Built once: building them costs more than running them.
_OTPS, _MESSAGES = core_table(Otp), core_table(Message)
_COLUMNS = _OTPS.c
_NOW = bindparam("now", type_=UtcDateTime)
_HAD_WRONG_CODES = wrong_codes.has_uncleared(_COLUMNS.phone).label("had_wrong_codes")


@dataclass(frozen=True)
class Guess:
    """A code that someone typed."""

    phone: str
    code: str
    channel: str = Channel.SMS  # a CodeChannel


@dataclass(frozen=True)
class VerifyRequest:
    """A guess, the key it came by, and which call it is, if the caller named it."""

    keyring: Keyring
    caller: Caller
    guess: Guess
    call: IdempotentCall | None = None

    @property
    def pair(self) -> tuple[str, str]:
        return self.caller.id, self.guess.phone

    @property
    def subjects(self) -> list[object]:
        """What no other request of a turn may be about."""
        return [self.guess.phone, *(self.call.tokens if self.call else [])]


class WrongCode(Exception):
    """The guess was judged and wrong."""

    def __init__(self, retries_left: int) -> None:
        super().__init__(retries_left)
        self.retries_left = retries_left


class TooManyAttempts(Exception):
    """Three guesses were wrong; this one was not judged."""


class NoLiveOtp(Exception):
    """There is nothing to judge. `code` is otp_not_found, otp_not_sent, otp_used or otp_expired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Refusal = WrongCode | TooManyAttempts | TooManyWrongCodes | NoLiveOtp


@dataclass(frozen=True)
class VerifyResult:
    """What came of a guess: nothing, which is right, or a refusal."""

    refusal: Refusal | None
    has_events: bool = False  # for webhooks: their lane is to be woken
    is_replay: bool = False


@dataclass
class _VerifyAttempt:
    """A guess on its way: the code that it is about, whether it is right, how many were spent on that code by then."""

    request: VerifyRequest
    row: Any = None  # of FIND_CURRENT
    proven: int | None = None  # the message that a right guess proves to have arrived
    is_right: bool = False
    spent: int | None = None  # None: it was not judged
    result: VerifyResult | Exception | None = None


FIND_CURRENT = ListStatement(
    select(
        *(_COLUMNS[name] for name in ("id", "message_id", "key_id", "phone", "channel")),
        *(_COLUMNS[name] for name in ("nonce", "kid", "fixed_offset")),  # of which the code is derived
        *(_MESSAGES.c[name] for name in ("uuid", "lane", "status", "sending_at", "sent_at")),
        _HAD_WRONG_CODES,
    )
    .join(_MESSAGES, _MESSAGES.c.id == _COLUMNS.message_id)
    .where(
        _COLUMNS.key_id.in_(bindparam("keys", expanding=True)),
        _COLUMNS.phone.in_(bindparam("phones", expanding=True)),
        _COLUMNS.superseded_at.is_(None),
    )
    .order_by(_COLUMNS.id)
)
SPEND = ListStatement(
    update(_OTPS)
    .where(
        _COLUMNS.id.in_(bindparam("otp_ids", expanding=True)),
        _COLUMNS.attempts < MAX_ATTEMPTS,
        _COLUMNS.verified_at.is_(None),
        _COLUMNS.superseded_at.is_(None),
        _COLUMNS.void_at.is_(None),
        _COLUMNS.expires_at > _NOW,
        wrong_codes.is_open(_COLUMNS.phone),
    )
    .values(attempts=_COLUMNS.attempts + 1, verified_at=bindparam("closed", type_=UtcDateTime))
    .returning(_COLUMNS.id, _COLUMNS.attempts)
)
PROVE_DELIVERED = ListStatement(
    update(_MESSAGES)
    .where(_MESSAGES.c.id.in_(bindparam("row_ids", expanding=True)), _MESSAGES.c.status != Status.DELIVERED)
    .values(
        status=Status.DELIVERED,
        delivered_at=_NOW,
        sent_at=func.coalesce(_MESSAGES.c.sent_at, _NOW),
        confirmed_by=Proof.OTP,
        due_at=None,
        claim=None,
    )
    .returning(_MESSAGES.c.id, _MESSAGES.c.sent_at)
)


def verify(session: Session, keyring: Keyring, caller: Caller, guess: Guess) -> VerifyResult:
    """Judge one guess and spend a try on it. The caller commits before it answers: the tries stay spent."""
    (request,) = _by_number(session, [VerifyRequest(keyring, caller, guess)])
    attempt = _VerifyAttempt(request)
    lock(session, *wrong_codes.lock_names([request.guess.phone]))
    _judge(session, [attempt])
    return cast(VerifyResult, attempt.result)


def verify_codes(session: Session, requests: list[VerifyRequest]) -> list[VerifyResult | Exception]:
    """Handler of GroupCommit: judge guesses and spend a try on each; after the commit the tries stay spent.

    Return for each its result, or UnknownKey or Mismatch. The result of a call with an Idempotency-Key is kept, unless
    the guess was not judged.
    """
    requests = _by_number(session, requests)
    lock_names = wrong_codes.lock_names(request.guess.phone for request in requests)
    live = authentication.live_digests(session, (request.caller for request in requests), lock_names)

    def verify_turn(turn: list[VerifyRequest]) -> list[VerifyResult | Exception]:
        attempts = [_VerifyAttempt(request) for request in turn]
        stored = idempotency.find_all(session, (request.call for request in turn))
        for attempt in attempts:
            request = attempt.request
            if request.caller.digest not in live:
                attempt.result = UnknownKey()
            elif request.call and request.call.token in stored:
                attempt.result = _replay(stored[request.call.token])
        waiting = [attempt for attempt in attempts if attempt.result is None]
        _judge(session, waiting)
        for attempt in waiting:
            if attempt.request.call and attempt.spent is not None:
                left = None if attempt.is_right else MAX_ATTEMPTS - attempt.spent
                idempotency.keep(session, attempt.request.call, StoredResult.of({"retries_left": left}))
        return [cast("VerifyResult | Exception", attempt.result) for attempt in attempts]

    return by_turns(requests, lambda request: request.subjects, verify_turn)


def _by_number(session: Session, requests: list[VerifyRequest]) -> list[VerifyRequest]:
    """The same, where a guess for an e-mail address is about a code for `auto` with the number that the code is kept
    under: guesses by number and by address spend the same tries.
    """
    pairs = [each.pair for each in requests if each.guess.channel == Channel.EMAIL and each.caller.channel_order]
    found = channel_order.numbers_of(session, pairs) if pairs else {}
    return [
        replace(each, guess=replace(each.guess, phone=found[each.pair])) if each.pair in found else each
        for each in requests
    ]


def _judge(session: Session, attempts: list[_VerifyAttempt]) -> None:
    if not attempts:
        return
    _find_codes(session, attempts)
    for attempt in attempts:
        code = attempt.request.keyring.derive(attempt.row, attempt.row.uuid) if attempt.row else None
        if code is None:  # its secret is unknown here: nothing can be judged or spent
            attempt.row = None
        else:
            attempt.is_right = hmac.compare_digest(code, attempt.request.guess.code)
    _spend(session, [attempt for attempt in attempts if attempt.row])
    _count_wrong_codes(session, [attempt for attempt in attempts if attempt.spent is not None])
    has_events = _record_events(session, [attempt for attempt in attempts if attempt.spent is not None])
    for attempt in attempts:
        if attempt.row is None:
            attempt.result = VerifyResult(NoLiveOtp("otp_not_found"))
        elif attempt.spent is None:
            attempt.result = VerifyResult(_why_not_judged(session, attempt.row.id))
        else:
            wrong = None if attempt.is_right else WrongCode(MAX_ATTEMPTS - attempt.spent)
            attempt.result = VerifyResult(wrong, has_events=has_events)


def _find_codes(session: Session, attempts: list[_VerifyAttempt]) -> None:
    """The newest code of the guess's channel. One asked for by WhatsApp that went by SMS is of both, one asked for by
    `auto` of all channels that carry it.
    """
    key_ids, phones = (set(part) for part in zip(*(attempt.request.pair for attempt in attempts), strict=True))
    rows = FIND_CURRENT.run(session.connection(), {"keys": list(key_ids), "phones": list(phones)})
    by_order = [row.message_id for row in rows if row.channel == CodeChannel.AUTO]
    later = channel_order.later_steps(session.connection(), by_order) if by_order else {}
    newest: dict[tuple[str, str, str], Any] = {}
    for row in rows:
        for channel in {row.channel, row.lane, *(step.channel for step in later.get(row.message_id, ()))}:
            newest[row.key_id, row.phone, channel] = row
    for attempt in attempts:
        channel = attempt.request.guess.channel
        attempt.row = row = newest.get((*attempt.request.pair, channel))
        if row is not None:
            attempt.proven = _proven(row, later.get(row.message_id, ()), channel)


def _proven(row: Any, later: Sequence[Any], channel: str) -> int | None:
    """The message that a right code proves to have arrived; None where several carried it and none was named."""
    begun = {step.channel: step.id for step in later if channel_order.may_have_left(step)}
    if not begun:
        return cast(int, row.message_id)
    if channel_order.may_have_left(row):
        begun[row.lane] = row.message_id
    return begun.get(channel) or (next(iter(begun.values())) if len(begun) == 1 else None)


def _spend(session: Session, attempts: list[_VerifyAttempt]) -> None:
    """Spend a try on each code that is live, and close those whose guess is right.

    One statement decides. Read first and written after, a hundred parallel guesses would all be judged.
    """
    now = utcnow()
    for is_right in (True, False):
        by_id = {each.row.id: each for each in attempts if each.is_right is is_right}
        if by_id:
            params = {"otp_ids": list(by_id), "now": now, "closed": now if is_right else None, **wrong_codes.since(now)}
            for row in SPEND.run(session.connection(), params):
                by_id[row.id].spent = row.attempts


def _count_wrong_codes(session: Session, judged: list[_VerifyAttempt]) -> None:
    """Wrong guesses count against their number, a right one begins the row anew. Test keys' codes protect nothing."""
    live = [attempt for attempt in judged if attempt.request.caller.mode == KeyMode.LIVE]
    wrong = [(attempt.request.guess.phone, attempt.request.caller.id) for attempt in live if not attempt.is_right]
    if wrong:
        wrong_codes.record(session, wrong, utcnow())
    right = [attempt.row for attempt in live if attempt.is_right]
    proven = {row.phone for row in right if row.had_wrong_codes}
    if proven:
        wrong_codes.clear(session, *proven)


def _record_events(session: Session, judged: list[_VerifyAttempt]) -> bool:
    """A right code proves that its message arrived, whatever receipts say. Return whether there was any event."""
    now, connection = utcnow(), session.connection()
    proofs = [attempt.proven for attempt in judged if attempt.is_right and attempt.proven is not None]
    proven: dict[int, datetime] = {}
    if proofs:
        rows = PROVE_DELIVERED.run(connection, {"row_ids": proofs, "now": now})
        proven = {row.id: row.sent_at for row in rows}
    recorded = False
    for attempt in judged:
        row = attempt.row
        steps: list[str] = []
        if attempt.is_right and attempt.proven in proven:
            steps += ["message.sent"] * (proven[attempt.proven] == now) + ["message.delivered"]
            if attempt.proven != row.message_id:
                events.record(connection, row.key_id, attempt.proven, *steps)
                steps = []
        if attempt.is_right:
            steps.append("otp.verified")
        elif attempt.spent == MAX_ATTEMPTS:
            steps.append("otp.exhausted")
        if steps:
            events.record(connection, row.key_id, row.message_id, *steps)
            recorded = True
    return recorded


def _why_not_judged(session: Session, otp_id: int) -> Refusal:
    otp = session.scalars(select(Otp).where(Otp.id == otp_id).execution_options(populate_existing=True)).one()
    if otp.verified_at is not None:
        return NoLiveOtp("otp_used")
    if otp.void_at is not None:
        return NoLiveOtp("otp_not_sent")
    if otp.superseded_at is not None:
        return NoLiveOtp("otp_not_found")
    if otp.expires_at <= utcnow():
        return NoLiveOtp("otp_expired")
    if otp.attempts < MAX_ATTEMPTS:
        return TooManyWrongCodes(wrong_codes.look(session, otp.phone))
    return TooManyAttempts()


def _replay(stored: StoredResult | Mismatch) -> VerifyResult | Exception:
    if isinstance(stored, Mismatch):
        return stored
    left = stored.result["retries_left"]
    return VerifyResult(None if left is None else WrongCode(left), is_replay=True)
