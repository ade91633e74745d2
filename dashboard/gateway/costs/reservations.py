"""Reservations: budgets count messages when they are accepted, by their expected price, and then by what they cost.

`reserve` adds to all budgets of a group of messages in one statement, which locks their rows to the transaction's end,
and judges by the sums that come back: so no two processes ever both find the last of a budget. What it refuses it takes
off again. `settle` makes up the difference when a carrier has charged a message, gave the price back, or never took it.

Neither `budget_uses` nor `messages` refers to `budgets`: a process that learns a second late that a budget was removed
must not fail.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Executable, and_, bindparam, case, func, not_, select, text, update
from sqlalchemy.orm import Session

from dashboard.db import Sessions, UtcDateTime, core_table, insert, read_session, utcnow
from dashboard.driver import BulkInsert, ExecuteMany
from dashboard.gateway.costs import budgets, estimates
from dashboard.gateway.costs.budgets import BudgetExhausted, BudgetRule, BudgetSlowed, Refusal
from dashboard.gateway.costs.estimates import Text
from dashboard.models.costs import BudgetUse, Charge
from dashboard.models.messages import UNSETTLED, Message
from dashboard.vocabulary import BudgetAction, Kind

BATCH = 1_000
_ADDING: dict[tuple[str, int], Executable] = {}  # by dialect and number of rows
_USES, _MESSAGES, _CHARGES = core_table(BudgetUse), core_table(Message), core_table(Charge)
ADD = BulkInsert(_USES, "budget_id", "starts_on", "used", adding=("used",))
CORRECT = ExecuteMany(
    update(_USES)
    .where(_USES.c.budget_id == bindparam("of_budget"), _USES.c.starts_on == bindparam("of_start"))
    .values(
        used=_USES.c.used - bindparam("refused"),
        slow_at=func.coalesce(bindparam("new_slow_at", type_=UtcDateTime), _USES.c.slow_at),
        slow_count=bindparam("new_slow_count"),
    )
)
CHANGED = (
    select(*(_MESSAGES.c[name] for name in ("id", "key_id", "status", "created_at", "reserved")))
    .with_hint(_MESSAGES, "INDEXED BY ix_messages_unsettled", "sqlite")
    .where(text(f"({UNSETTLED})"))
    .order_by(_MESSAGES.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
ANY = select(_MESSAGES.c.id).where(text(f"({UNSETTLED})")).limit(1)
_IS_GIVEN_BACK = and_(_CHARGES.c.is_failed, _CHARGES.c.is_refunded)
CHARGED = (
    select(_CHARGES.c.message_id, func.sum(case((not_(_IS_GIVEN_BACK), _CHARGES.c.cost), else_=0)).label("cost"))
    .where(_CHARGES.c.message_id.in_(bindparam("ids", expanding=True)))
    .group_by(_CHARGES.c.message_id)
)
NOTE = ExecuteMany(
    update(_MESSAGES)
    .where(_MESSAGES.c.id == bindparam("row_id"))
    .values(reserved=bindparam("cost"), settled_status=bindparam("at_status"))
)


class Wanted(NamedTuple):
    """Texts of one call of a live key, in order. Once one of them is refused, so are those after it."""

    key_id: str
    kind: str
    texts: Sequence[Text]
    must_go: bool = False  # counted, and never refused: what the gateway itself tries and tells


@dataclass(frozen=True)
class Granted:
    """What is reserved for the texts that may go, in 1/10,000 MRU each, and why those after them may not."""

    costs: Sequence[int]
    refusal: Refusal | None = None


@dataclass
class _Use:
    """A budget's row, locked: what is used without this group, and what this group adds."""

    rule: BudgetRule
    starts_on: date
    wanted: int = 0  # by the whole group
    passed: int = 0  # of it
    used: int = 0
    slow_at: datetime | None = None
    slow_count: int = 0
    is_slowing: bool = False  # it let texts pass that it had no room for

    def refusal(self, cost: int, kind: str, now: datetime) -> Refusal | None:
        """Why a text that costs this much may not go."""
        used = self.used + self.passed
        if used + cost <= self.rule.amount or self._exempts(kind):
            return None
        if self.rule.action == BudgetAction.STOP:
            return self.rule.exhausted(cost, used, now)
        passed = self.slow_count if self.slow_at == _minute(now) else 0
        return BudgetSlowed(self.rule.per_minute, 60 - now.second) if passed >= self.rule.per_minute else None

    def let_pass(self, cost: int, kind: str, now: datetime) -> None:
        self.passed += cost
        is_over = self.used + self.passed > self.rule.amount
        if is_over and self.rule.action == BudgetAction.SLOW and not self._exempts(kind):
            self.slow_count = self.slow_count + 1 if self.slow_at == _minute(now) else 1
            self.slow_at, self.is_slowing = _minute(now), True

    def _exempts(self, kind: str) -> bool:
        return kind == Kind.OTP and self.rule.exempts_codes


def reserve(session: Session, wanted: Sequence[Wanted]) -> list[Granted | None]:
    """Count texts against the budgets that cover them; None for a call that none covers. The caller commits.

    One statement, and another one where something is refused or slowed. Without budgets, as of a second ago, nothing
    is asked.
    """
    rules = budgets.current(session)
    covering = {one.key_id: budgets.covering(rules, one.key_id) for one in wanted} if rules else {}
    if not any(covering.values()):
        return [None] * len(wanted)
    now = utcnow()
    costs = [_costs(session, one) if covering[one.key_id] else [] for one in wanted]
    uses = {rule.id: _Use(rule, rule.starts_on(now)) for of_key in covering.values() for rule in of_key}
    by_key = {key_id: [uses[rule.id] for rule in of_key] for key_id, of_key in covering.items()}
    for one, each in zip(wanted, costs, strict=True):
        for use in by_key[one.key_id]:
            use.wanted += sum(each)
    _add(session, uses)
    granted = [
        _grant(one, each, by_key[one.key_id], now) if by_key[one.key_id] else None
        for one, each in zip(wanted, costs, strict=True)
    ]
    _correct(session, [use for use in uses.values() if use.passed < use.wanted or use.is_slowing])
    return granted


def reserve_one(session: Session, wanted: Wanted) -> int | None:
    """`reserve` for one text: what is counted for it, None where no budget covers it. Raise what refuses it."""
    [granted] = reserve(session, [wanted])
    if granted is not None and granted.refusal is not None:
        raise granted.refusal
    return None if granted is None else granted.costs[0]


def settle(session: Session, limit: int = BATCH) -> int:
    """Count up to `limit` messages by what they cost, as far as that is known; return how many. The caller commits."""
    rows = session.connection().execute(CHANGED, {"most": limit}).all()
    if not rows:
        return 0
    found = session.connection().execute(CHARGED, {"ids": [row.id for row in rows]})
    charged = {row.message_id: int(row.cost or 0) for row in found}
    rules, sums = budgets.read(session), defaultdict[tuple[int, date], int](int)
    for row in rows:
        for rule in budgets.covering(rules, row.key_id):
            if row.created_at >= rule.settles_from:
                sums[rule.id, rule.starts_on(row.created_at)] += charged.get(row.id, 0) - row.reserved
    costs = [{"row_id": row.id, "cost": charged.get(row.id, 0), "at_status": row.status} for row in rows]
    NOTE.run(session.connection(), costs)
    # In one order, as `reserve` does: two who write wait for each other in a circle otherwise.
    changed = [(budget_id, day, sums[budget_id, day]) for budget_id, day in sorted(sums) if sums[budget_id, day]]
    ADD.run(session.connection(), [dict(zip(ADD.names, row, strict=True)) for row in changed])
    return len(rows)


def settle_for(sessions: Sessions, seconds: float) -> int:
    """Settle until nothing is left or the time is up, in short transactions; commits. Return how many rows there were.

    Without such messages one look at an index that is empty, without SQLite's write lock.
    """
    end, total = time.monotonic() + seconds, 0
    with read_session(sessions) as reader:
        if reader.scalar(ANY) is None:
            return 0
    while True:
        with sessions.begin() as session:
            count = settle(session)
        total += count
        if count < BATCH or time.monotonic() >= end:
            return total


def _costs(session: Session, wanted: Wanted) -> list[int]:
    expected = estimates.current(session)
    return [
        (expected.find(wanted.key_id, each.channel, each.phone, each.carrier) or 0) * each.segments
        for each in wanted.texts
    ]


def _add(session: Session, uses: Mapping[int, _Use]) -> None:
    """Add all that is wanted, and read what was there before."""
    params: dict[str, Any] = {}
    # In one order: two processes that write would wait for each other in a circle otherwise.
    for place, budget_id in enumerate(sorted(uses)):
        use = uses[budget_id]
        params |= {f"budget_id_{place}": budget_id, f"starts_on_{place}": use.starts_on, f"used_{place}": use.wanted}
    for row in session.connection().execute(_adding(session, len(uses)), params):
        use = uses[row.budget_id]
        use.used, use.slow_at, use.slow_count = row.used - use.wanted, row.slow_at, row.slow_count


def _adding(session: Session, count: int) -> Executable:
    """The statement that adds to so many rows. It is built once: building it costs more than running it."""
    key = (session.get_bind().dialect.name, count)
    if key not in _ADDING:
        names = ("budget_id", "starts_on", "used")
        rows = [{name: bindparam(f"{name}_{n}", type_=_USES.c[name].type) for name in names} for n in range(count)]
        adding = insert(session, _USES).values(rows)
        _ADDING[key] = adding.on_conflict_do_update(
            index_elements=["budget_id", "starts_on"], set_={"used": _USES.c.used + adding.excluded.used}
        ).returning(_USES.c.budget_id, _USES.c.used, _USES.c.slow_at, _USES.c.slow_count)
    return _ADDING[key]


def _grant(wanted: Wanted, costs: Sequence[int], uses: Sequence[_Use], now: datetime) -> Granted:
    for place, cost in enumerate(costs):
        refusal = next((found for use in uses if (found := use.refusal(cost, wanted.kind, now))), None)
        if refusal is not None and not wanted.must_go:
            if isinstance(refusal, BudgetExhausted):
                refusal.required = sum(costs[place:])
            return Granted(costs[:place], refusal)
        for use in uses:
            use.let_pass(cost, wanted.kind, now)
    return Granted(costs)


def _correct(session: Session, uses: Sequence[_Use]) -> None:
    """Take off again what was refused, and note what was let through slowly."""
    rows = [
        {
            "of_budget": use.rule.id,
            "of_start": use.starts_on,
            "refused": use.wanted - use.passed,
            "new_slow_at": use.slow_at,
            "new_slow_count": use.slow_count,
        }
        for use in uses
    ]
    CORRECT.run(session.connection(), rows)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
