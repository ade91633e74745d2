"""How the last minutes went, by carrier and by operator, as facts: nothing since 16:17, 57 of 57 were refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.models.carriers import CarrierMinute
from dashboard.models.messages import Message, operator_digit
from dashboard.vocabulary import BY_PHONE, SANDBOX, Channel, Kind, Operator, Status, Trend

RECENT = timedelta(minutes=10)
LOOKED_BACK = timedelta(days=1)  # for the last success
WHOLE_DAY = timedelta(hours=23)  # a first try longer ago than this is one of a day without success
LEAST = 5  # ends in RECENT; fewer say nothing
WEAK_SHARE = 0.25  # of them not getting through
MOST_COUNTED = 1_000  # of each kind
GOT_THROUGH = (Status.SENT, Status.DELIVERED)
GAVE_UP = (Status.FAILED, Status.EXPIRED)

Facets = list[ColumnElement[bool]]
Query = Select[Any]

_MINUTES = core_table(CarrierMinute).c
_MESSAGES = core_table(Message).c
FIRST = bindparam("first_id", type_=_MESSAGES.id.type)  # the message from which on a query looks


@dataclass(frozen=True)
class Recent:
    """What was tried in the last minutes, and how much of it did not get through."""

    tried: int
    lost: int
    since: datetime | None  # the last success, without one in a day the first try; None: nothing for a whole day

    @property
    def trend(self) -> Trend:
        if self.tried < LEAST:
            return Trend.QUIET
        if self.lost == self.tried:
            return Trend.CUT_OFF
        return Trend.WEAK if self.lost / self.tried >= WEAK_SHARE else Trend.AS_USUAL


def of_carriers(session: Session) -> dict[str, Recent]:
    """By name: what carriers answered to texts. One that answered nothing is left out."""
    now = utcnow()
    lost = _MINUTES.refused + _MINUTES.again + _MINUTES.unknown
    sums = select(_MINUTES.carrier, func.sum(_MINUTES.taken), func.sum(lost))
    rows = session.execute(sums.where(_MINUTES.at > now - RECENT).group_by(_MINUTES.carrier)).all()
    return {
        carrier: Recent(int(taken) + int(lost), int(lost), _since(session, carrier, now))
        for carrier, taken, lost in rows
    }


def of_operators(session: Session) -> dict[Operator, Recent]:
    """What became of codes to each operator that were asked for in the last minutes and have an end."""
    now = utcnow()
    of_day = _first_since(session, now - LOOKED_BACK)
    if of_day is None:
        return {operator: Recent(0, 0, None) for operator in Operator}
    successes = {
        operator: max((at for at in found if at is not None and at > now - LOOKED_BACK), default=None)
        for operator, found in _of_each(session, GOT_THROUGH, _newest_sent, of_day).items()
    }
    first_id = _first_since(session, now - RECENT)
    if first_id is None:
        return {operator: Recent(0, 0, last) for operator, last in successes.items()}
    got = _of_each(session, GOT_THROUGH, _count, first_id)
    gone = _of_each(session, GAVE_UP, _count, first_id)
    recent = {}
    for operator, last in successes.items():
        lost = sum(gone[operator])
        if lost and last is None:
            last = _unless_a_day_ago(_first_lost(session, operator, of_day), now)
        recent[operator] = Recent(lost + sum(got[operator]), lost, last)
    return recent


def _since(session: Session, carrier: str, now: datetime) -> datetime | None:
    minutes = select(_MINUTES.at).where(_MINUTES.carrier == carrier, _MINUTES.at > now - LOOKED_BACK)
    last_taken = session.scalar(minutes.where(_MINUTES.taken > 0).order_by(_MINUTES.at.desc()).limit(1))
    return last_taken or _unless_a_day_ago(session.scalar(minutes.order_by(_MINUTES.at).limit(1)), now)


def _unless_a_day_ago(first: datetime | None, now: datetime) -> datetime | None:
    return first if first is not None and first > now - WHOLE_DAY else None


def _of_each(
    session: Session, statuses: tuple[Status, ...], query: Callable[[Facets], Query], first_id: int
) -> dict[Operator, list[Any]]:
    """What a query finds from this message on, by operator: for each status and channel, all in one statement."""
    found: dict[Operator, list[Any]] = {operator: [] for operator in Operator}
    row = session.execute(_all_of(statuses, query), {FIRST.key: first_id}).one()
    for (operator, _, _), value in zip(_asked(statuses), row, strict=True):
        found[operator].append(value)
    return found


@cache
def _all_of(statuses: tuple[Status, ...], query: Callable[[Facets], Query]) -> Query:
    return select(*(query(_facets(*each)).scalar_subquery() for each in _asked(statuses)))


def _asked(statuses: tuple[Status, ...]) -> list[tuple[Operator, Status, Channel]]:
    return list(product(Operator, statuses, BY_PHONE))


def _facets(operator: Operator, status: Status, channel: Channel) -> Facets:
    """Equalities in the order of ix_messages_facets, which answers them alone."""
    return [
        _MESSAGES.status == status,
        _MESSAGES.kind == Kind.OTP,
        _MESSAGES.channel == channel,
        operator_digit == operator,
        _MESSAGES.carrier.is_distinct_from(SANDBOX),
        or_(_MESSAGES.step_of.is_(None), _MESSAGES.status != Status.EXPIRED),  # a later channel that was not needed
    ]


def _newest_sent(facets: Facets) -> Query:
    """Of those from FIRST on: without a bound, one that found nothing would walk through years of them."""
    query = select(_MESSAGES.sent_at).where(*facets, _MESSAGES.id >= FIRST)
    return query.order_by(_MESSAGES.id.desc()).limit(1)


def _count(facets: Facets) -> Query:
    rows = select(_MESSAGES.id).where(*facets, _MESSAGES.id >= FIRST).limit(MOST_COUNTED)
    return select(func.count()).select_from(rows.subquery())


def _first_since(session: Session, moment: datetime) -> int | None:
    """The id of the first message that was accepted since then. (For min(id), SQLite would walk through the table.)"""
    first = select(_MESSAGES.id).where(_MESSAGES.created_at > moment).order_by(_MESSAGES.created_at).limit(1)
    found: int | None = session.scalar(first)
    return found


def _first_lost(session: Session, operator: Operator, first_id: int) -> datetime | None:
    """When the first code, from this one on, that did not get through was asked for."""
    ids = [
        session.scalar(
            select(func.min(_MESSAGES.id)).where(*_facets(operator, status, channel), _MESSAGES.id >= first_id)
        )
        for status in GAVE_UP
        for channel in BY_PHONE
    ]
    found = min((one for one in ids if one is not None), default=None)
    return None if found is None else session.scalar(select(_MESSAGES.created_at).where(_MESSAGES.id == found))
