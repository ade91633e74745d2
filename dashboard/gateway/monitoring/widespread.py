"""Whether a cause has touched other numbers too, so that nobody looks for a fault of one caller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.gateway.monitoring.diagnosis import Cause, CauseCode
from dashboard.models.limits import LimitRejection
from dashboard.models.messages import Message, operator_digit
from dashboard.models.otp import Otp
from dashboard.vocabulary import Kind, Status

LATELY = timedelta(minutes=30)
LEAST = 5  # other numbers
MOST_READ = 2_000  # rows

FAILED = (
    CauseCode.REFUSED,
    CauseCode.WHATSAPP_REFUSED,
    CauseCode.CUT_OFF,
    CauseCode.NOTHING_LEAVES,
    CauseCode.OUR_FAULT,
)
REJECTED = (CauseCode.LIMIT_MINUTE, CauseCode.LIMIT_HOUR, CauseCode.LIMIT_DAY, CauseCode.LIMIT_PASSED)
WAITING = (CauseCode.WORKERS_GONE, CauseCode.LATE)

_MESSAGES, _REJECTIONS = core_table(Message).c, core_table(LimitRejection)


@dataclass(frozen=True)
class Widespread:
    """How many numbers, this one counted, and since when.

    `status` is that of their messages; None: limits refused them.
    """

    phones: int
    since: datetime
    status: Status | None


def of(session: Session, cause: Cause) -> Widespread | None:
    """The others with the same cause, when they are LEAST at least."""
    event = cause.event
    if event is None:
        return None
    begin = cause.facts.get("since", utcnow() - LATELY)
    if event.refusal is not None and cause.code in REJECTED:
        return _counted(session, _rejected(event.refusal, begin), None)
    if event.otp is not None and cause.code in FAILED:
        return _counted(session, _same(session, event.otp, Status.FAILED, begin), Status.FAILED)
    if event.otp is not None and cause.code in WAITING and event.otp.message.status == Status.QUEUED:
        return _counted(session, _same(session, event.otp, Status.QUEUED, begin), Status.QUEUED)
    return None


def _counted(session: Session, rows: Select[tuple[str, datetime]], status: Status | None) -> Widespread | None:
    found = rows.limit(MOST_READ).subquery()
    phones, since = session.execute(select(func.count(found.c.phone.distinct()), func.min(found.c.at))).one()
    return Widespread(phones, since, status) if phones > LEAST else None


def _rejected(refusal: LimitRejection, begin: datetime) -> Select[tuple[str, datetime]]:
    newest = select(_REJECTIONS).order_by(_REJECTIONS.c.id.desc()).limit(MOST_READ).subquery().c
    same = (newest.key_id == refusal.key_id, newest.window == refusal.window, newest.at > begin)
    return select(newest.phone, newest.at).where(*same)


def _same(session: Session, otp: Otp, status: Status, begin: datetime) -> Select[tuple[str, datetime]]:
    """Messages to the same operator that ended or wait alike; ix_messages_facets answers it alone."""
    message = otp.message
    by_time = select(Message.id).where(Message.created_at >= begin).order_by(Message.created_at).limit(1)
    first = session.scalar(by_time) or message.id
    return (
        select(_MESSAGES.phone, _MESSAGES.created_at.label("at"))
        .where(
            _MESSAGES.status == status,
            _MESSAGES.kind == Kind.OTP,
            _MESSAGES.channel == message.channel,
            operator_digit == message.phone[4],
            _MESSAGES.error_code.is_not_distinct_from(message.error_code),
            _MESSAGES.id >= first,
        )
        .order_by(_MESSAGES.id.desc())
    )
