"""One-time codes: send, judge, void."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import bindparam, insert, select, update
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
from dashboard.gateway.otp.turns import by_turns
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.providers.sandbox import LIMITED

LIFETIME = timedelta(seconds=600)
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


Sent = tuple[str, list[WindowState]]
"""A message's uuid, and the limits as they now stand."""


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


def void(session: Executor, message_ids: Collection[int]) -> None:
    """Kill the codes of messages that never left; they no longer count against the limits."""
    session.execute(update(Otp).where(Otp.message_id.in_(message_ids)).values(void_at=utcnow(), counted=False))


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
