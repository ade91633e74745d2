"""Charges: what each text cost, fixed when its carrier takes it, and the sums of each day, which outlive everything.

A charge is written in the transaction that notes that its text was taken. The relay adds those that nobody wrote, of
texts that a receipt or the code itself proved to be taken, notes which ones failed, and counts the days: `fold` adds
differences to the days and notes what it counted, in one transaction, so that it may be killed at any point.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import Executor, Sessions, core_table, in_batches
from dashboard.driver import BulkInsert, ListStatement
from dashboard.gateway.costs import prices
from dashboard.models.costs import COUNTS, MONEY, UNTALLIED_CHARGES, Charge, DailyCost
from dashboard.sms import encoding

BATCH = 1_000
_CHARGES, _DAYS = core_table(Charge), core_table(DailyCost)
SUBJECT = ("day", "key_id", "channel", "operator", "carrier")
MEASURES = (*COUNTS, *MONEY)
NOTHING = dict.fromkeys(MEASURES, 0)
INSERT = BulkInsert(
    _CHARGES,
    *("message_id", "key_id", "carrier", "operator", "channel", "segments", "is_ucs2", "wasted", "cost"),
    *("is_refunded", "taken_at", "is_failed"),
)
ADD_TO_DAYS = BulkInsert(_DAYS, *_DAYS.c.keys(), adding=MEASURES)
KNOWN = ListStatement(select(_CHARGES.c.message_id).where(_CHARGES.c.message_id.in_(bindparam("ids", expanding=True))))
_NEWEST = (
    select(func.max(_CHARGES.c.id))
    .where(_CHARGES.c.message_id.in_(bindparam("ids", expanding=True)))
    .group_by(_CHARGES.c.message_id)
)
JUDGE = update(_CHARGES).where(_CHARGES.c.id.in_(_NEWEST)).values(is_failed=bindparam("failed"))
UNTALLIED = (
    select(_CHARGES)
    .with_hint(_CHARGES, "INDEXED BY ix_charges_untallied", "sqlite")
    .where(text(f"({UNTALLIED_CHARGES})"))
    .order_by(_CHARGES.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
NOTE = ListStatement(
    update(_CHARGES).where(_CHARGES.c.id.in_(bindparam("ids", expanding=True))).values(tallied=_CHARGES.c.is_failed)
)


@dataclass(frozen=True)
class Taken:
    """A text that a carrier took."""

    message_id: int
    key_id: str
    carrier: str
    phone: str
    channel: str  # that it travelled by
    segments: int
    encoding: str
    body: str | None  # of a code: none
    at: datetime


def write(connection: Connection, taken: Sequence[Taken]) -> None:
    """Fix what texts cost, at the prices of now. The caller commits, together with what notes that they were taken."""
    if taken:
        table = prices.current(connection)
        INSERT.run(connection, [_row(table, one) for one in taken])


def add_missing(session: Session, taken: Sequence[Taken]) -> None:
    """Fix what those texts cost that have no charge yet. The caller holds their rows, and commits."""
    if taken:
        rows = KNOWN.run(session.connection(), {"ids": [one.message_id for one in taken]})
        known = {row.message_id for row in rows}
        write(session.connection(), [one for one in taken if one.message_id not in known])


def judge(executor: Executor, message_ids: Collection[int], *, failed: bool) -> None:
    """Note whether these texts failed at the carrier that took them last. The caller commits."""
    if message_ids:
        executor.execute(JUDGE, {"ids": sorted(message_ids), "failed": failed})


def fold(session: Session, limit: int = BATCH) -> int:
    """Count up to `limit` charges that are new or have changed; return how many there were. The caller commits."""
    rows = session.connection().execute(UNTALLIED, {"most": limit}).all()
    days: dict[tuple[date, str, str, str, str], dict[str, int]] = {}
    for row in rows:
        subject = (row.taken_at.date(), row.key_id, row.channel, row.operator, row.carrier)
        total = days.setdefault(subject, dict(NOTHING))
        _add(total, row, row.is_failed, 1)
        if row.tallied is not None:
            _add(total, row, row.tallied, -1)
    if rows:
        NOTE.run(session.connection(), {"ids": [row.id for row in rows]})
    # In one order: two processes that write would wait for each other in a circle otherwise.
    named = [{**dict(zip(SUBJECT, subject, strict=True)), **days[subject]} for subject in sorted(days)]
    ADD_TO_DAYS.run(session.connection(), named)
    return len(rows)


def fold_for(sessions: Sessions, seconds: float) -> int:
    """Fold until nothing is left or the time is up; commits. Return how many rows there were."""
    return in_batches(sessions, fold, BATCH, seconds)


def of_message(session: Session, message_id: int) -> list[Charge]:
    """What a message cost, the oldest first: nothing where no carrier took it."""
    return list(session.scalars(select(Charge).where(Charge.message_id == message_id).order_by(Charge.id)))


def _row(table: prices.PriceTable, taken: Taken) -> dict[str, Any]:
    operator = taken.phone[4]
    rate = table.find(taken.carrier, taken.channel, operator, taken.at.date())
    is_ucs2 = taken.encoding == "ucs2"
    return {
        "message_id": taken.message_id,
        "key_id": taken.key_id,
        "carrier": taken.carrier,
        "operator": operator,
        "channel": taken.channel,
        "segments": taken.segments,
        "is_ucs2": is_ucs2,
        "wasted": encoding.avoidable_segments(taken.body) if is_ucs2 and taken.body else 0,
        "cost": rate.amount * taken.segments if rate else None,
        "is_refunded": rate.is_refunded if rate else False,
        "taken_at": taken.at,
        "is_failed": False,  # until `judge` says so
    }


def _add(total: dict[str, int], row: Any, is_failed: bool, sign: int) -> None:
    """Add a charge to a day, or take it away, as one that failed or not."""
    cost, segments = row.cost or 0, row.segments
    total["messages"] += sign
    total["segments"] += sign * segments
    total["ucs2_segments"] += sign * segments * row.is_ucs2
    total["wasted_segments"] += sign * row.wasted
    total["unpriced_segments"] += sign * segments * (row.cost is None)
    total["failed_segments"] += sign * segments * is_failed
    if is_failed and row.is_refunded:
        total["refunded"] += sign * cost
        return
    total["cost"] += sign * cost
    total["failed_cost"] += sign * cost * is_failed
    total["wasted_cost"] += sign * (cost // segments * row.wasted)
