"""How the last minutes went, by carrier and by operator, as facts: nothing since 16:17, 57 of 57 were refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.models.carriers import CarrierMinute
from dashboard.models.messages import Message
from dashboard.vocabulary import BY_PHONE, Channel, Kind, Operator, Status, Trend

RECENT = timedelta(minutes=10)
LOOKED_BACK = timedelta(days=1)  # for the last success
WHOLE_DAY = timedelta(hours=23)  # a first try longer ago than this is one of a day without success
LEAST = 5  # ends in RECENT; fewer say nothing
WEAK_SHARE = 0.25  # of them not getting through
MOST_COUNTED = 1_000  # of each kind
GOT_THROUGH = (Status.SENT, Status.DELIVERED)
GAVE_UP = (Status.FAILED, Status.EXPIRED)

_MINUTES = core_table(CarrierMinute).c
_MESSAGES = core_table(Message).c


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
    since = utcnow() - RECENT
    first = session.scalar(select(func.min(_MESSAGES.id)).where(_MESSAGES.created_at > since))
    return {operator: _of_operator(session, operator, first) for operator in Operator}


def _since(session: Session, carrier: str, now: datetime) -> datetime | None:
    minutes = select(_MINUTES.at).where(_MINUTES.carrier == carrier, _MINUTES.at > now - LOOKED_BACK)
    last_taken = session.scalar(minutes.where(_MINUTES.taken > 0).order_by(_MINUTES.at.desc()).limit(1))
    return last_taken or _unless_a_day_ago(session.scalar(minutes.order_by(_MINUTES.at).limit(1)), now)


def _unless_a_day_ago(first: datetime | None, now: datetime) -> datetime | None:
    return first if first is not None and first > now - WHOLE_DAY else None


def _of_operator(session: Session, operator: Operator, first_id: int | None) -> Recent:
    now = utcnow()
    successes = [_newest_sent(session, operator, status, channel) for status in GOT_THROUGH for channel in BY_PHONE]
    last = max((at for at in successes if at is not None and at > now - LOOKED_BACK), default=None)
    if first_id is None:
        return Recent(0, 0, last)
    lost = sum(_count(session, operator, status, channel, first_id) for status in GAVE_UP for channel in BY_PHONE)
    got = sum(_count(session, operator, status, channel, first_id) for status in GOT_THROUGH for channel in BY_PHONE)
    if lost and last is None:
        last = _unless_a_day_ago(_first_lost(session, operator, now), now)
    return Recent(lost + got, lost, last)


def _facets(operator: Operator, status: Status, channel: Channel) -> list[ColumnElement[bool]]:
    """Equalities in the order of ix_messages_facets, which answers them alone."""
    return [
        _MESSAGES.status == status,
        _MESSAGES.kind == Kind.OTP,
        _MESSAGES.channel == channel,
        func.substr(_MESSAGES.phone, 5, 1) == operator,
        _MESSAGES.carrier.is_distinct_from("sandbox"),
    ]


def _count(session: Session, operator: Operator, status: Status, channel: Channel, first_id: int) -> int:
    rows = select(_MESSAGES.id).where(*_facets(operator, status, channel), _MESSAGES.id >= first_id)
    return session.scalar(select(func.count()).select_from(rows.limit(MOST_COUNTED).subquery())) or 0


def _newest_sent(session: Session, operator: Operator, status: Status, channel: Channel) -> datetime | None:
    query = select(_MESSAGES.sent_at).where(*_facets(operator, status, channel))
    return session.scalar(query.order_by(_MESSAGES.id.desc()).limit(1))


def _first_lost(session: Session, operator: Operator, now: datetime) -> datetime | None:
    """When the first code of the last day that did not get through was asked for."""
    first_id = session.scalar(select(func.min(_MESSAGES.id)).where(_MESSAGES.created_at > now - LOOKED_BACK))
    if first_id is None:
        return None
    ids = [
        session.scalar(
            select(func.min(_MESSAGES.id)).where(*_facets(operator, status, channel), _MESSAGES.id >= first_id)
        )
        for status in GAVE_UP
        for channel in BY_PHONE
    ]
    found = min((one for one in ids if one is not None), default=None)
    return None if found is None else session.scalar(select(_MESSAGES.created_at).where(_MESSAGES.id == found))
