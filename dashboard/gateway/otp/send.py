"""Send one-time codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import bindparam, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, lock, utcnow
from dashboard.driver import BulkInsert, ListStatement
from dashboard.gateway.api_keys import authentication, keys, quotas
from dashboard.gateway.api_keys.authentication import Caller, UnknownKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.costs import budgets, estimates, reservations
from dashboard.gateway.costs.estimates import Quote, Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.limits import pumping, rate_limit, rejections
from dashboard.gateway.limits.pumping import PumpingSuspected
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.messages import idempotency, outbox
from dashboard.gateway.messages.idempotency import AnsweredBefore, IdempotentCall, Mismatch, StoredResult
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import channel_order, codes, review_numbers, templates
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.templates import Template
from dashboard.group_commit import by_turns
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers.sandbox import LIMITED, ends_with
from dashboard.vocabulary import Channel, CodeChannel, KeyMode, Kind, Language, Window

LIFETIME = timedelta(seconds=600)


@dataclass(frozen=True)
class Order:
    """A code to be sent."""

    phone: str
    channel: str = Channel.SMS  # a CodeChannel
    language: str = Language.FRENCH
    app_hash: str | None = None
    email: str | None = None  # for `auto`, whose order may go by e-mail, too
    code: str | None = field(default=None, repr=False)  # six digits that the caller chose, and judges; None: a new one

    @property
    def waits(self) -> bool:
        """Whether the caller is answered only when the carrier has."""
        return self.channel == Channel.WHATSAPP


@dataclass(frozen=True)
class SendRequest:
    """An order, the key it came by, and which call it is, if the caller named it."""

    keyring: Keyring
    caller: Caller
    order: Order
    call: IdempotentCall | None = None
    is_priced: bool = False  # its answer tells what the text is expected to cost
    tells_code: bool = False  # to who judges it elsewhere

    @property
    def pair(self) -> rate_limit.Pair:
        return self.caller.id, self.order.phone

    @property
    def rehearses_a_limit(self) -> bool:
        return self.caller.mode == KeyMode.TEST and ends_with(self.order.phone, LIMITED)

    @property
    def subjects(self) -> list[object]:
        """What no other request of a turn may be about."""
        return [self.pair, *(self.call.tokens if self.call else [])]


@dataclass(frozen=True)
class Sent:
    """A code that was written down. `status` is the answer's HTTP status; None until its message shows how it went."""

    message_id: str
    limits: list[WindowState]  # as they now stand
    status: int | None = 200
    is_replay: bool = False
    quote: Quote | None = None  # where it was asked for
    code: str | None = field(default=None, repr=False)  # where it was asked for
    sent_by: str | None = None  # of `auto`: the channel that carries it first


@dataclass
class _SendAttempt:
    """A request of a turn. Once it has a result, no later step changes it."""

    request: SendRequest
    result: Sent | Exception | None = None
    limits: list[WindowState] = field(default_factory=list)


@dataclass(frozen=True)
class _PreparedCode:
    """A code that may go: its message, and those by which it goes later, of which budgets granted the first few."""

    attempt: _SendAttempt
    template: Template
    draft: Draft
    later: Sequence[tuple[Draft, timedelta]] = ()
    granted: int = len(Channel)

    @property
    def texts(self) -> list[Text]:
        drafts = [self.draft, *(draft for draft, _ in self.later)]
        return [Text(draft.channel, draft.phone, draft.shape.segments) for draft in drafts]


# Built once: building them costs more than running them.
_OTPS, _MESSAGES = core_table(Otp), core_table(Message)
_COLUMNS = _OTPS.c
_NOW = bindparam("now", type_=UtcDateTime)
INSERT = BulkInsert(
    _OTPS,
    "message_id",
    "key_id",
    "phone",
    "channel",
    "language",
    "app_hash",
    "wording_id",
    "brand",
    "nonce",
    "kid",
    "attempts",
    "counted",
    "created_at",
    "expires_at",
    "fixed_offset",
    by={"message_id": _MESSAGES.c.uuid},
)
SUPERSEDE = ListStatement(
    update(_OTPS)
    .where(
        _COLUMNS.key_id == bindparam("for_key"),
        _COLUMNS.phone.in_(bindparam("phones", expanding=True)),
        _COLUMNS.channel == bindparam("for_channel"),
        _COLUMNS.superseded_at.is_(None),
    )
    .values(superseded_at=_NOW)
)


def send(session: Session, keyring: Keyring, caller: Caller, order: Order) -> Sent:
    """Write one code down; raise RateLimited, PumpingSuspected or CapReached and write the refusal down, or raise
    BudgetExhausted or BudgetSlowed.

    The caller commits.
    """
    attempt = _SendAttempt(SendRequest(keyring, caller, order))
    lock(session, *rate_limit.lock_names([attempt.request.pair]))
    _send_turn(session, [attempt])
    if isinstance(attempt.result, Exception):
        raise attempt.result
    return cast(Sent, attempt.result)


def send_codes(session: Session, requests: list[SendRequest]) -> list[Sent | Exception]:
    """Handler of GroupCommit: write new codes down; the older one for the same key, phone and channel dies.

    Return for each what was sent, or UnknownKey, Mismatch, AnsweredBefore, RateLimited, PumpingSuspected or CapReached,
    which are also written down as refusals, or BudgetExhausted or BudgetSlowed.
    """
    lock_names = rate_limit.lock_names(request.pair for request in requests)
    live = authentication.live_digests(session, (request.caller for request in requests), lock_names)

    def send_turn(turn: list[SendRequest]) -> list[Sent | Exception]:
        attempts = [_SendAttempt(request) for request in turn]
        stored = idempotency.find_all(session, (request.call for request in turn))
        for attempt in attempts:
            request = attempt.request
            if request.caller.digest not in live:
                attempt.result = UnknownKey()
            elif request.call and request.call.token in stored:
                attempt.result = _replay(stored[request.call.token])
        waiting = [attempt for attempt in attempts if attempt.result is None]
        _send_turn(session, waiting)
        for attempt in waiting:
            if attempt.request.call and isinstance(attempt.result, Sent):
                _keep(session, attempt.request.call, attempt.result)
        return [cast("Sent | Exception", attempt.result) for attempt in attempts]

    return by_turns(requests, lambda request: request.subjects, send_turn)


def _send_turn(session: Session, attempts: list[_SendAttempt]) -> None:
    """Hold the requests against the limits, then the caps of their keys, then write the codes of the others down."""
    _take_limits(session, attempts)
    waiting = [attempt for attempt in attempts if attempt.result is None]
    suspicions = pumping.take(session, [(one.request.caller, one.request.order.phone) for one in waiting])
    for attempt, suspicion in zip(waiting, suspicions, strict=True):
        attempt.result = suspicion
    _take_caps(session, [attempt for attempt in attempts if attempt.result is None])
    for attempt in attempts:
        if isinstance(attempt.result, RateLimited | PumpingSuspected | CapReached):
            _note(session, attempt.request, attempt.result)
    _write(session, [attempt for attempt in attempts if attempt.result is None])


def _take_limits(session: Session, attempts: list[_SendAttempt]) -> None:
    pairs = [attempt.request.pair for attempt in attempts if not attempt.request.rehearses_a_limit]
    taken = dict(zip(pairs, rate_limit.take(session, pairs), strict=True)) if pairs else {}
    for attempt in attempts:
        if attempt.request.rehearses_a_limit:
            attempt.result = _always_full(session)
            continue
        outcome = taken[attempt.request.pair]
        if isinstance(outcome, RateLimited):
            attempt.result = outcome
        else:
            attempt.limits = outcome


def _always_full(session: Session) -> RateLimited:
    """The refusal of numbers that rehearse a 429."""
    quota = rate_limit.usual(session)[Window.MINUTE]
    full = WindowState(Window.MINUTE, quota, 0, rate_limit.WINDOWS[Window.MINUTE])
    return RateLimited(full, [full])


def _take_caps(session: Session, attempts: list[_SendAttempt]) -> None:
    """Count codes against the day of their keys; those for whom it has no room left are refused."""
    by_key: dict[str, list[_SendAttempt]] = {}
    for attempt in attempts:
        by_key.setdefault(attempt.request.caller.id, []).append(attempt)
    for _, group in sorted(by_key.items()):  # in one order, so that no two wait for each other's keys
        caller = group[0].request.caller
        allowed = quotas.spend_cap_upto(session, caller, Kind.OTP, len(group))
        for attempt in group[allowed:]:
            attempt.result = quotas.cap_reached(caller, Kind.OTP)


def _note(session: Session, request: SendRequest, refusal: RateLimited | PumpingSuspected | CapReached) -> None:
    """Write the refusal down: the dashboard shows it."""
    if isinstance(refusal, RateLimited):
        window, quota = str(refusal.standing.window), refusal.standing.quota
    elif isinstance(refusal, PumpingSuspected):
        window, quota = "range", refusal.most
    else:
        window, quota = "cap", refusal.cap
    order = request.order
    channel = channel_order.first(request.caller, order.email) if order.channel == CodeChannel.AUTO else order.channel
    rejections.record(session, Rejection(request.caller.id, order.phone, channel, window, quota))


def _write(session: Session, attempts: list[_SendAttempt]) -> None:
    """The messages, and the codes that they carry; those that budgets have no room for are refused."""
    if not attempts:
        return
    fixed = review_numbers.fixed_codes(session, [attempt.request.pair for attempt in attempts])
    prepared = [_prepare(session, attempt, attempt.request.pair in fixed) for attempt in attempts]
    if budgets.current(session):
        prepared = _reserve(session, prepared)
    if not prepared:
        return
    now, connection = utcnow(), session.connection()
    _supersede(connection, [each.attempt.request for each in prepared], now)
    message_ids = outbox.submit_all(session, [(each.attempt.request.caller, each.draft) for each in prepared])
    rows, by_order = [], []
    for each, message_id in zip(prepared, message_ids, strict=True):
        request, draft = each.attempt.request, each.draft
        row = _row(request, each.template, message_id, now)
        rows.append(row | {"fixed_offset": _offset(request, row, message_id, fixed)})
        sent = Sent(message_id, each.attempt.limits, None if request.order.waits else 200)
        if request.is_priced:
            sent = replace(sent, quote=_quote(session, request, draft))
        if request.tells_code:
            sent = replace(sent, code=request.keyring.derive(SimpleNamespace(**rows[-1]), message_id))
        if request.order.channel == CodeChannel.AUTO:
            sent = replace(sent, sent_by=draft.channel)
            by_order.append(channel_order.CodeInTurn(message_id, request.caller, each.later, each.granted))
        each.attempt.result = sent
    INSERT.run(connection, rows)
    if by_order:
        channel_order.write(session, by_order)


def _prepare(session: Session, attempt: _SendAttempt, is_fixed: bool) -> _PreparedCode:
    caller, order = attempt.request.caller, attempt.request.order
    template = templates.current(session, caller.id, order.language, caller.brand)
    shape = templates.shape(template, order.app_hash)
    if order.channel == Channel.EMAIL:
        shape = replace(shape, segments=1)  # a mail is one, however long
    draft = Draft(Kind.OTP, order.channel, order.phone, None, shape, is_fixed)
    if order.channel != CodeChannel.AUTO:
        return _PreparedCode(attempt, template, draft)
    (first, _), *later = channel_order.drafts(caller, draft, order.email)
    return _PreparedCode(attempt, template, first, later)


def _offset(
    request: SendRequest, row: Mapping[str, Any], message_id: str, fixed: Mapping[rate_limit.Pair, bytes]
) -> int | None:
    """What turns the derived code into the one that the caller chose, or into a review number's."""
    if request.order.code is not None:
        return codes.offset(request.keyring, row, message_id, request.order.code)
    return review_numbers.offset(request.keyring, row, message_id, fixed.get(request.pair))


def _quote(session: Session, request: SendRequest, draft: Draft) -> Quote:
    text = (draft.channel, draft.phone, draft.shape)
    return estimates.quote(session, request.caller, text, to_sandbox=draft.to_sandbox)


def _reserve(session: Session, prepared: list[_PreparedCode]) -> list[_PreparedCode]:
    """Those that budgets have room for, with what they count; the others are refused and off their caps again."""
    costly = [
        each for each in prepared if each.attempt.request.caller.mode == KeyMode.LIVE and not each.draft.to_sandbox
    ]
    keys_of = [each.attempt.request.caller.id for each in costly]
    wanted = [
        Wanted(key_id, Kind.OTP, each.texts, must_go=key_id == keys.OWN_ID)
        for key_id, each in zip(keys_of, costly, strict=True)
    ]
    granted = dict(zip(map(id, costly), reservations.reserve(session, wanted), strict=True))
    kept: list[_PreparedCode] = []
    for each in prepared:
        grant = granted.get(id(each))
        if grant is None:
            kept.append(each)
        elif grant.costs:  # of a code that goes by several channels, perhaps not for all
            first, *others = grant.costs
            later = [
                (replace(draft, reserved=cost), after) for (draft, after), cost in zip(each.later, others, strict=False)
            ]
            later += each.later[len(others) :]
            draft = replace(each.draft, reserved=first)
            kept.append(replace(each, draft=draft, later=later, granted=len(others)))
        else:
            each.attempt.result = grant.refusal
            quotas.give_back(session, each.attempt.request.caller.id, Kind.OTP, 1)
    return kept


def _supersede(connection: Connection, requests: list[SendRequest], now: datetime) -> None:
    """The codes before these, for the same key, phone and channel, are current no longer."""
    phones = defaultdict(list)
    for request in requests:
        phones[request.caller.id, request.order.channel].append(request.order.phone)
    for (key_id, channel), listed in phones.items():
        SUPERSEDE.run(connection, {"for_key": key_id, "for_channel": channel, "phones": listed, "now": now})


def _row(request: SendRequest, template: Template, message_id: str, now: datetime) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "key_id": request.caller.id,
        "phone": request.order.phone,
        "channel": request.order.channel,
        "language": request.order.language,
        "app_hash": request.order.app_hash,
        "wording_id": template.id,
        "brand": template.brand or None,
        "nonce": codes.nonce(),
        "kid": request.keyring.kid,
        "attempts": 0,
        "counted": True,
        "created_at": now,
        "expires_at": now + LIFETIME,
    }


def _keep(session: Session, call: IdempotentCall, sent: Sent) -> None:
    result: dict[str, Any] = {"message_id": sent.message_id}
    if sent.quote is not None:
        result["quote"] = asdict(sent.quote)
    if sent.sent_by is not None:
        result["sent_by"] = sent.sent_by
    idempotency.keep(session, call, StoredResult.of(result, sent.status, sent.message_id if not sent.status else None))


def _replay(stored: StoredResult | Mismatch) -> Sent | Exception:
    if isinstance(stored, Mismatch):
        return stored
    try:
        result = stored.result
    except AnsweredBefore as answered:
        return answered
    quote = Quote(**result["quote"]) if "quote" in result else None
    message_id = result["message_id"] if stored.message_uuid is None else stored.message_uuid
    return Sent(message_id, [], stored.status, is_replay=True, quote=quote, sent_by=result.get("sent_by"))
