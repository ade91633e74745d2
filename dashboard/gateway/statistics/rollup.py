"""Roll-ups: count messages and codes by minute, hour and day, as they change.

The `tallied_` columns of a row say as what it is counted. A partial index holds the rows whose `tallied_status` differs
from their `status`, so that sending and verifying need not know of the counting. `fold` reads that index, adds the
differences to the buckets and updates the `tallied_` columns, in one transaction: it may be killed at any point, and
may run on several machines at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, case, delete, func, or_, select, text, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, UtcDateTime, core_table, in_batches, utcnow
from dashboard.driver import BulkInsert, ListStatement
from dashboard.gateway.costs import charges
from dashboard.gateway.costs.charges import Taken
from dashboard.gateway.statistics import in_turn
from dashboard.models.costs import Charge
from dashboard.models.messages import UNTALLIED_MESSAGES, Message
from dashboard.models.otp import UNTALLIED_OTPS, Otp
from dashboard.models.statistics import (
    MEASURES,
    SEND_BOUNDS,
    SUBJECT,
    VERIFY_BOUNDS,
    StatisticsBucket,
    StatisticsReason,
)
from dashboard.vocabulary import ENDS, SANDBOX, CodeChannel, Kind, Status

GRAINS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}  # days are UTC's
KEPT = {"minute": timedelta(hours=48), "hour": timedelta(days=100)}
BATCH = 1_000
# Rows under way change again soon, and a lock on a row that is due would hide it from a worker that looks for it.
SOON_SETTLED = timedelta(seconds=10)
LOST = (Status.FAILED, Status.EXPIRED)
NOTHING = dict.fromkeys(MEASURES, 0)

Subject = tuple[str, ...]  # as SUBJECT names it
Bucket = tuple[str, datetime, Subject]  # grain, start, subject

_MESSAGES, _OTPS, _CHARGES = core_table(Message).c, core_table(Otp).c, core_table(Charge).c
# PostgreSQL takes it that nearly all messages have changed: for a join, or for EXISTS, it would read all codes and all
# charges for a thousand messages. What one value is asked of it looks up by the index.
_CODE_AT, _CODE_LANGUAGE, _CHARGE = (
    select(column).where(column.table.c.message_id == _MESSAGES.id).limit(1).scalar_subquery()
    for column in (_OTPS.created_at, _OTPS.language, _CHARGES.id)
)
CHANGED = (
    select(
        *(_MESSAGES[name] for name in ("id", "key_id", "kind", "channel", "phone", "segments", "status", "error_code")),
        *(_MESSAGES[name] for name in ("sent_at", "tallied_status", "tallied_sent", "tallied_error")),
        *(_MESSAGES[name] for name in ("lane", "carrier", "encoding", "step", "step_of")),
        func.coalesce(_CODE_AT, _MESSAGES.created_at, type_=UtcDateTime).label("created_at"),
        func.coalesce(_CODE_LANGUAGE, "").label("language"),
        _CHARGE.is_not(None).label("is_charged"),
    )
    .with_hint(core_table(Message), "INDEXED BY ix_messages_untallied", "sqlite")
    .where(
        text(f"({UNTALLIED_MESSAGES})"),
        or_(_MESSAGES.due_at.is_(None), _MESSAGES.created_at < bindparam("settled_before", type_=UtcDateTime)),
    )
    .order_by(_MESSAGES.id)
    .limit(bindparam("most"))
    .with_for_update(of=core_table(Message), skip_locked=True)
)
# A code for `auto` counts under the channel of its first message.
_FIRST_CHANNEL = select(_MESSAGES.channel).where(_MESSAGES.id == _OTPS.message_id).scalar_subquery()
_CHANNEL = case((_OTPS.channel == CodeChannel.AUTO.value, _FIRST_CHANNEL), else_=_OTPS.channel).label("channel")
JUDGED = (
    select(*(_OTPS[name] for name in ("id", "key_id", "phone", "language", "created_at", "verified_at")), _CHANNEL)
    .with_hint(core_table(Otp), "INDEXED BY ix_otps_untallied", "sqlite")
    .where(text(UNTALLIED_OTPS))
    .order_by(_OTPS.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
NOTE_MESSAGES = ListStatement(
    update(core_table(Message))
    .where(_MESSAGES.id.in_(bindparam("ids", expanding=True)))
    .values(
        tallied_status=_MESSAGES.status,
        tallied_sent=_MESSAGES.sent_at.is_not(None),
        tallied_error=case((_MESSAGES.status == Status.FAILED, func.coalesce(_MESSAGES.error_code, ""))),
    )
)
_BUCKETS, _REASONS = core_table(StatisticsBucket), core_table(StatisticsReason)
ADD_TO_BUCKETS = BulkInsert(_BUCKETS, *_BUCKETS.c.keys(), adding=MEASURES)
ADD_TO_REASONS = BulkInsert(_REASONS, *_REASONS.c.keys(), adding=("failed",))
NOTE_OTPS = ListStatement(
    update(core_table(Otp)).where(_OTPS.id.in_(bindparam("ids", expanding=True))).values(tallied=True)
)


@dataclass
class Sums:
    """Differences to be added to the buckets. Buckets that would be dropped for their age at once are left out."""

    now: datetime = field(default_factory=utcnow)
    counts: dict[tuple[datetime, Subject], dict[str, int]] = field(default_factory=dict)
    reasons: dict[tuple[datetime, Subject, str], int] = field(default_factory=lambda: defaultdict(int))
    starts: dict[datetime, list[tuple[str, datetime]]] = field(default_factory=dict)

    def at(self, created_at: datetime, subject: Subject) -> dict[str, int]:
        return self.counts.setdefault((start_of("minute", created_at), subject), defaultdict(int))

    def add_message(self, row: Row[Any] | Any) -> None:
        """Add what a message is now, less what it is counted as."""
        subject = (row.key_id, row.kind, row.channel, row.phone[4], row.language)
        bucket = self.at(row.created_at, subject)
        if row.tallied_status is None:
            bucket["requested"] += 1
            bucket["segments"] += row.segments
        if row.sent_at is not None and not row.tallied_sent:
            bucket["sent"] += 1
            bucket[_bin("send", SEND_BOUNDS, row.sent_at - row.created_at)] += 1
        if row.tallied_status == row.status:
            return
        minute = start_of("minute", row.created_at)
        if row.tallied_status in ENDS:
            bucket[row.tallied_status] -= 1
        if row.status in ENDS:
            bucket[row.status] += 1
        if row.tallied_status == Status.FAILED:
            self.reasons[minute, subject, row.tallied_error or ""] -= 1
        if row.status == Status.FAILED:
            self.reasons[minute, subject, row.error_code or ""] += 1

    def add_verdict(self, row: Row[Any] | Any) -> None:
        """Add how a code ended: verified, or exhausted."""
        bucket = self.at(row.created_at, (row.key_id, Kind.OTP, row.channel, row.phone[4], row.language))
        if row.verified_at is None:
            bucket["exhausted"] += 1
        else:
            bucket["verified"] += 1
            bucket[_bin("verify", VERIFY_BOUNDS, row.verified_at - row.created_at)] += 1

    def rows(self) -> list[dict[str, Any]]:
        """Rows for the table of buckets, one a grain."""
        totals: dict[Bucket, dict[str, int]] = {}
        for (minute, subject), counts in self.counts.items():
            for grain, start in self._starts(minute):
                total = totals.setdefault((grain, start, subject), {})
                for name, count in counts.items():
                    total[name] = total.get(name, 0) + count
        return [{**_named(bucket), **NOTHING, **totals[bucket]} for bucket in sorted(totals)]

    def reason_rows(self) -> list[dict[str, Any]]:
        """Rows for the table of reasons, which has hours and days alone."""
        totals: dict[tuple[Bucket, str], int] = defaultdict(int)
        for (minute, subject, code), count in self.reasons.items():
            for grain, start in self._starts(minute):
                if grain != "minute":
                    totals[(grain, start, subject), code] += count
        return [{**_named(bucket), "code": code, "failed": totals[bucket, code]} for bucket, code in sorted(totals)]

    def _starts(self, minute: datetime) -> list[tuple[str, datetime]]:
        if minute not in self.starts:
            starts = ((grain, start_of(grain, minute)) for grain in GRAINS)
            self.starts[minute] = [
                (grain, start) for grain, start in starts if grain not in KEPT or start >= self.now - KEPT[grain]
            ]
        return self.starts[minute]


def start_of(grain: str, at: datetime) -> datetime:
    """When the bucket began that holds a moment."""
    if grain == "minute":
        return at.replace(second=0, microsecond=0)
    return at.replace(minute=0, second=0, microsecond=0, hour=at.hour if grain == "hour" else 0)


def fold(session: Session, limit: int = BATCH) -> int:
    """Count up to `limit` changed messages and as many codes that ended; return how many rows there were.

    The session is one that writes; the caller commits.
    """
    now = utcnow()
    messages = session.execute(CHANGED, {"most": limit, "settled_before": now - SOON_SETTLED}).all()
    otps = session.execute(JUDGED, {"most": limit}).all()
    sums = Sums(now)
    for message in messages:
        if message.step is None:
            sums.add_message(message)
    in_turns = [message for message in messages if message.step is not None]
    for counted in in_turn.counted(session, in_turns) if in_turns else ():
        sums.add_message(counted)
    for otp in otps:
        sums.add_verdict(otp)
    _charge(session, messages)
    if messages:
        NOTE_MESSAGES.run(session.connection(), {"ids": [row.id for row in messages]})
    if otps:
        NOTE_OTPS.run(session.connection(), {"ids": [row.id for row in otps]})
    write(session, sums)
    return len(messages) + len(otps)


def _charge(session: Session, messages: Sequence[Any]) -> None:
    """Charge what proved to be taken in another way than by the carrier's answer, and note what failed."""
    taken = [row for row in messages if row.sent_at is not None and row.carrier not in (None, SANDBOX)]
    # PostgreSQL may have read a newer row than the charges it looked among: `add_missing` looks again, at few.
    charges.add_missing(session, [_taken(row) for row in taken if not row.is_charged and not row.tallied_sent])
    failed = {row.id for row in taken if row.status in LOST}
    charges.judge(session, failed, failed=True)
    charges.judge(session, {row.id for row in taken if row.tallied_status in LOST} - failed, failed=False)


def _taken(row: Any) -> Taken:
    told = (row.carrier, row.phone, row.lane, row.segments, row.encoding)
    return Taken(row.id, row.key_id, *told, None, row.sent_at)


def fold_for(sessions: Sessions, seconds: float) -> int:
    """Fold until nothing is left or the time is up; commits. Return how many rows there were."""
    return in_batches(sessions, fold, BATCH, seconds)


def write(session: Session, sums: Sums) -> None:
    """Add sums to their buckets, always in the same order: two processes that write would deadlock otherwise."""
    connection = session.connection()
    ADD_TO_BUCKETS.run(connection, sums.rows())
    ADD_TO_REASONS.run(connection, sums.reason_rows())


def forget_old(session: Session) -> None:
    """Drop minutes and hours that are past their time; days stay."""
    for model in (StatisticsBucket, StatisticsReason):
        columns = core_table(model).c
        for grain, kept in KEPT.items():
            session.execute(delete(core_table(model)).where(columns.grain == grain, columns.at < utcnow() - kept))


def _named(bucket: Bucket) -> dict[str, Any]:
    grain, at, subject = bucket
    return {"grain": grain, "at": at, **dict(zip(SUBJECT, subject, strict=True))}


def _bin(name: str, bounds: tuple[float, ...], length: timedelta) -> str:
    """The column of the histogram that a length of time falls into."""
    return f"{name}_{bisect_left(bounds, length.total_seconds())}"
