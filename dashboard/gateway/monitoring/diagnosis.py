"""Why did this number get no code? Its messages, codes and refusals in one timeline, and the cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import keys
from dashboard.gateway.limits import rate_limit, rejections
from dashboard.gateway.limits.rate_limit import WindowState
from dashboard.gateway.otp.verify import MAX_ATTEMPTS
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import LimitRejection
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.sms import numbers
from dashboard.vocabulary import KeyMode, KeyState, Kind, Status, Window

MOST = 40  # of each kind of event
SANDBOX = "sandbox"


@dataclass(frozen=True)
class Event:
    """Something that happened to the number; exactly one of the three is set."""

    at: datetime
    key: ApiKey
    otp: Otp | None = None
    message: Message | None = None
    refusal: LimitRejection | None = None


@dataclass(frozen=True)
class Cause:
    """The cause by code, and what its sentence needs. `ok` says that nothing is wrong."""

    code: str
    event: Event | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    ok: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What the page shows of a number."""

    phone: str
    events: list[Event]
    standings: list[tuple[ApiKey, list[WindowState]]]
    verdict: Cause


def story(session: Session, number: str) -> Diagnosis:
    """Everything about a number, newest first, and the cause of its trouble. Writes nothing."""
    events = sorted(_events(session, number), key=lambda event: event.at, reverse=True)
    codes = [event for event in events if event.message is None]
    lately = utcnow() - timedelta(seconds=rate_limit.WINDOWS[Window.DAY])
    senders = {event.key.id: event.key for event in codes if event.at > lately}
    standings = [(key, rate_limit.look(session, key_id, number)) for key_id, key in senders.items()]
    return Diagnosis(number, events, standings, _verdict(session, number, codes))


def _events(session: Session, number: str) -> list[Event]:
    otps = session.scalars(
        select(Otp)
        .options(joinedload(Otp.message).joinedload(Message.key))
        .where(Otp.phone == number)
        .order_by(Otp.created_at.desc())
        .limit(MOST)
    )
    texts = session.scalars(
        select(Message)
        .options(joinedload(Message.key))
        .where(Message.phone == number, Message.kind == Kind.MESSAGE)
        .order_by(Message.id.desc())
        .limit(MOST)
    )
    events = [Event(otp.created_at, otp.message.key, otp=otp) for otp in otps]
    events += [Event(text.created_at, text.key, message=text) for text in texts]
    events += [Event(row.at, row.key, refusal=row) for row in rejections.of_phone(session, number, MOST)]
    return events


def _verdict(session: Session, number: str, codes: Sequence[Event]) -> Cause:
    """The newest attempt decides; the first cause that fits, most certain first."""
    if not codes:
        return Cause("fixed_line" if numbers.is_fixed(number) else "nothing_asked")
    newest = codes[0]
    if newest.refusal is not None:
        return _of_refusal(session, newest, newest.refusal)
    otp = newest.otp
    assert otp is not None  # noqa: S101  the three kinds are told apart above
    for judge in _CAUSES:
        cause = judge(session, newest, otp)
        if cause is not None:
            return cause
    return Cause("expired_unused", newest)


def _of_refusal(session: Session, event: Event, refusal: LimitRejection) -> Cause:
    if keys.state(event.key) is not KeyState.ACTIVE:
        return Cause("key_ended", event)
    if refusal.window == "cap":
        today = refusal.at.date() == utcnow().date()
        return Cause("cap_reached" if today else "cap_passed", event)
    standings = rate_limit.look(session, event.key.id, refusal.phone)
    full = [standing for standing in standings if standing.left == 0]
    if not full:
        return Cause("limit_passed", event)
    longest = max(full, key=lambda standing: standing.reset)
    return Cause("limit_reached", event, {"window": longest.window, "quota": longest.quota, "wait": longest.reset})


def _verified(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return Cause("verified", event, {"at": otp.verified_at}, ok=True) if otp.verified_at else None


def _fixed_line(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return Cause("fixed_line", event) if numbers.is_fixed(otp.phone) else None


def _refused_by_carrier(_session: Session, event: Event, otp: Otp) -> Cause | None:
    if otp.message.status != Status.FAILED:
        return None
    return Cause("carrier_refused", event, {"reason": otp.message.error_code})


def _on_its_way(session: Session, event: Event, otp: Otp) -> Cause | None:
    message = otp.message
    if message.status not in (Status.QUEUED, Status.SENDING):
        return None
    if not workers.alive(session).get(message.lane):
        return Cause("workers_gone", event)
    if message.error_code and message.due_at and message.due_at > utcnow():
        return Cause("carrier_busy", event, {"reason": message.error_code, "again": message.due_at})
    return Cause("waiting", event)


def _never_left(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return Cause("never_left", event) if otp.message.status == Status.EXPIRED else None


def _on_the_sandbox(_session: Session, event: Event, otp: Otp) -> Cause | None:
    if event.key.mode == KeyMode.TEST:
        return Cause("test_key", event)
    return Cause("no_carrier", event) if otp.message.carrier == SANDBOX else None


def _tried_out(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return Cause("wrong_three_times", event) if otp.attempts >= MAX_ATTEMPTS else None


def _key_ended(_session: Session, event: Event, otp: Otp) -> Cause | None:
    over = otp.expires_at <= utcnow() or otp.superseded_at is not None
    return Cause("key_ended", event) if over and keys.state(event.key) is not KeyState.ACTIVE else None


def _still_good(_session: Session, event: Event, otp: Otp) -> Cause | None:
    if otp.expires_at <= utcnow():
        return None
    facts = {"until": otp.expires_at, "wrong": otp.attempts, "left": MAX_ATTEMPTS - otp.attempts}
    if otp.attempts:
        return Cause("wrong_so_far", event, facts)
    return Cause("not_typed" if otp.message.status == Status.DELIVERED else "no_receipt", event, facts)


def _expired(_session: Session, event: Event, otp: Otp) -> Cause | None:
    return Cause("expired_delivered", event) if otp.message.status == Status.DELIVERED else None


_CAUSES: tuple[Callable[[Session, Event, Otp], Cause | None], ...] = (
    _verified,
    _fixed_line,
    _refused_by_carrier,
    _on_its_way,
    _never_left,
    _tried_out,
    _on_the_sandbox,
    _key_ended,
    _still_good,
    _expired,
)
