"""One-time codes: send, judge, void."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from dashboard.db import Executor, UtcDateTime, core_table, utcnow
from dashboard.gateway.api_keys import quotas
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.limits import rate_limit, rejections
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import codes, templates
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.templates import Template
from dashboard.gateway.webhooks import events
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers.sandbox import LIMITED

Item = TypeVar("Item")
Answer = TypeVar("Answer")
LIFETIME = timedelta(seconds=600)
MAX_ATTEMPTS = 3
ALWAYS_FULL = WindowState(
    "minute", rate_limit.DEFAULTS["minute"], 0, rate_limit.WINDOWS["minute"]
)  # numbers that rehearse a 429


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


@dataclass(frozen=True)
class SendRequest:
    """An order and the key it came by."""

    keyring: Keyring
    caller: Caller
    order: Order

    @property
    def pair(self) -> rate_limit.Pair:
        return self.caller.id, self.order.phone

    @property
    def rehearses_a_limit(self) -> bool:
        return self.caller.mode == "test" and self.order.phone.endswith(LIMITED)


@dataclass(frozen=True)
class VerifyRequest:
    """A guess and the key it came by."""

    keyring: Keyring
    caller: Caller
    guess: Guess

    @property
    def subject(self) -> tuple[str, str, str]:
        return self.caller.id, self.guess.phone, self.guess.channel


Sent = tuple[str, list[WindowState]]
"""A message's uuid, and the limits as they now stand."""


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


# Built once: building them costs more than running them.
_OTPS, _MESSAGES = core_table(Otp), core_table(Message)
_COLUMNS = _OTPS.c
_NOW = bindparam("now", type_=UtcDateTime)
INSERT = insert(_OTPS).values(
    message_id=select(_MESSAGES.c.id).where(_MESSAGES.c.uuid == bindparam("message_uuid")).scalar_subquery()
)
SUPERSEDE = (
    update(_OTPS)
    .where(
        _COLUMNS.key_id == bindparam("for_key"),
        _COLUMNS.phone == bindparam("for_phone"),
        _COLUMNS.channel == bindparam("for_channel"),
        _COLUMNS.superseded_at.is_(None),
    )
    .values(superseded_at=_NOW)
)
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


def send(session: Session, keyring: Keyring, caller: Caller, order: Order) -> Sent:
    """As `send_all` for one; raise RateLimited or CapReached, which leave a note."""
    (answer,) = send_all(session, [SendRequest(keyring, caller, order)])
    if isinstance(answer, Exception):
        raise answer
    return answer


def send_all(session: Session, asked: Sequence[SendRequest]) -> list[Sent | Exception]:
    """Write new codes down; the older one for the same key, phone and channel dies.

    For each what was sent, or RateLimited or CapReached, of which a note is left.
    """
    return by_turns(asked, lambda one: one.pair, partial(_send_turn, session))


def judge(session: Session, keyring: Keyring, caller: Caller, guess: Guess) -> VerifyResult:
    """As `judge_all` for one."""
    return judge_all(session, [VerifyRequest(keyring, caller, guess)])[0]


def judge_all(session: Session, guessed: Sequence[VerifyRequest]) -> list[VerifyResult]:
    """Judge guesses and spend a try on each. The caller commits before it tells anyone: the tries stay spent."""
    return by_turns(guessed, lambda one: one.subject, partial(_judge_turn, session))


def by_turns(
    items: Sequence[Item], subject: Callable[[Item], object], work: Callable[[list[Item]], list[Answer]]
) -> list[Answer]:
    """Do the work in turns in which no subject comes twice, so that each sees what became of the one before it."""
    answers: dict[int, Answer] = {}
    waiting = list(enumerate(items))
    while waiting:
        turn: dict[object, tuple[int, Item]] = {}
        for place, item in waiting:
            turn.setdefault(subject(item), (place, item))
        answers |= zip([place for place, _ in turn.values()], work([item for _, item in turn.values()]), strict=True)
        waiting = [(place, item) for place, item in waiting if place not in answers]
    return [answers[place] for place in range(len(items))]


def void(session: Executor, message: Message) -> None:
    """Kill the code of a message that its carrier refused; it no longer counts against the limits."""
    session.execute(update(Otp).where(Otp.message_id == message.id).values(void_at=utcnow(), counted=False))


def _send_turn(session: Session, turn: list[SendRequest]) -> list[Sent | Exception]:
    taken = _take(session, turn)
    accepted = [asked for asked, answer in zip(turn, taken, strict=True) if isinstance(answer, list)]
    references = iter(_write(session, accepted))
    return [(next(references), answer) if isinstance(answer, list) else answer for answer in taken]


def _take(session: Session, turn: list[SendRequest]) -> list[list[WindowState] | RateLimited | CapReached]:
    """Count codes against the limits and the caps of their keys; refusals are noted, so that people can be told."""
    limited = _limit(session, turn)
    past = _past_their_caps(
        session, [asked for asked, answer in zip(turn, limited, strict=True) if isinstance(answer, list)]
    )
    taken: list[list[WindowState] | RateLimited | CapReached] = [
        quotas.cap_reached(asked.caller, "otp") if asked.pair in past else answer
        for asked, answer in zip(turn, limited, strict=True)
    ]
    for asked, answer in zip(turn, taken, strict=True):
        if not isinstance(answer, list):
            _note(session, asked, answer)
    return taken


def _limit(session: Session, turn: list[SendRequest]) -> list[list[WindowState] | RateLimited]:
    pairs = [asked.pair for asked in turn if not asked.rehearses_a_limit]
    found = dict(zip(pairs, rate_limit.take(session, pairs), strict=True)) if pairs else {}
    full = RateLimited(ALWAYS_FULL, [ALWAYS_FULL])
    return [full if asked.rehearses_a_limit else found[asked.pair] for asked in turn]


def _past_their_caps(session: Session, asked: list[SendRequest]) -> set[rate_limit.Pair]:
    """Those for whom the day of their key has no room left."""
    by_key: dict[str, list[SendRequest]] = {}
    for one in asked:
        by_key.setdefault(one.caller.id, []).append(one)
    past: set[rate_limit.Pair] = set()
    for _, group in sorted(by_key.items()):  # in one order, so that no two wait for each other's keys
        room = quotas.spend_cap_upto(session, group[0].caller, "otp", len(group))
        past.update(one.pair for one in group[room:])
    return past


def _note(session: Session, asked: SendRequest, refusal: RateLimited | CapReached) -> None:
    if isinstance(refusal, RateLimited):
        window, quota = refusal.standing.window, refusal.standing.quota
    else:
        window, quota = "cap", refusal.cap
    rejections.record(session, Rejection(asked.caller.id, asked.order.phone, asked.order.channel, window, quota))


def _write(session: Session, accepted: list[SendRequest]) -> list[str]:
    """The messages, and the codes that they carry; return the messages' uuids."""
    if not accepted:
        return []
    now, connection = utcnow(), session.connection()
    superseded = [
        {"for_key": asked.caller.id, "for_phone": asked.order.phone, "for_channel": asked.order.channel, "now": now}
        for asked in accepted
    ]
    connection.execute(SUPERSEDE, superseded)
    worded = [(asked, _wording(session, asked)) for asked in accepted]
    references = outbox.submit_all(session, [(asked.caller, _draft(asked.order, wording)) for asked, wording in worded])
    rows = [_row(*parts, reference, now) for parts, reference in zip(worded, references, strict=True)]
    connection.execute(INSERT, rows)
    return references


def _wording(session: Session, asked: SendRequest) -> Template:
    return templates.current(session, asked.caller.id, asked.order.language, asked.caller.brand)


def _draft(order: Order, wording: Template) -> outbox.Draft:
    sample = wording.render("0" * codes.DIGITS, order.app_hash)
    return outbox.Draft("otp", order.channel, order.phone, None, sample)


def _row(asked: SendRequest, wording: Template, reference: str, now: datetime) -> dict[str, Any]:
    return {
        "message_uuid": reference,
        "key_id": asked.caller.id,
        "phone": asked.order.phone,
        "channel": asked.order.channel,
        "language": asked.order.language,
        "app_hash": asked.order.app_hash,
        "wording_id": wording.id,
        "brand": wording.brand or None,
        "nonce": codes.nonce(),
        "kid": asked.keyring.kid,
        "created_at": now,
        "expires_at": now + LIFETIME,
    }


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
