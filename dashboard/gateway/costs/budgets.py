"""Budgets: what the texts of a key, or of all keys together, may cost in a day or a month.

A message counts in the day and month in which it was accepted: at first with the price that is expected of it, then
with what its carriers charged, less what they gave back. See `reservations`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from dashboard.cache import TimedCache
from dashboard.db import Executor, core_table, execute_dml, insert, iso, pool_of, utcnow
from dashboard.gateway.costs import estimates, prices
from dashboard.models.costs import UNTALLIED_CHARGES, Budget, BudgetUse, Charge, DailyCost
from dashboard.models.messages import Message, operator_digit
from dashboard.vocabulary import BudgetAction, BudgetPeriod

EVERYBODY = ""  # as a key: all of them together
WARN_SHARE = 0.8
LOOK_EVERY = 1.0  # seconds
LEARNED_WITHIN = timedelta(seconds=2)  # by every process
HIGHEST = 1_000_000_000 * prices.UNITS
MOST_PER_MINUTE = 6_000
_BUDGETS, _USES = core_table(Budget), core_table(BudgetUse)
_DAYS, _CHARGES, _MESSAGES = core_table(DailyCost).c, core_table(Charge).c, core_table(Message).c
ALL = select(_BUDGETS)


class BudgetChanged(Exception):
    """Somebody else has changed or removed the budget since it was looked at."""


@dataclass(eq=False)
class BudgetExhausted(Exception):
    """A budget has no room for these texts until it starts anew. Money is 1/10,000 MRU."""

    is_of_key: bool  # and not of all keys together
    period: str
    required: int  # by all that was refused
    remaining: int
    starts_again_at: datetime


@dataclass(eq=False)
class BudgetSlowed(Exception):
    """A budget is used up and lets a few messages pass a minute; this minute has had them."""

    per_minute: int
    retry_after: int  # seconds


Refusal = BudgetExhausted | BudgetSlowed


@dataclass(frozen=True)
class NewBudget:
    """A budget to be."""

    key_id: str  # EVERYBODY for all keys together
    period: BudgetPeriod
    amount: int  # 1/10,000 MRU
    timezone: str
    action: BudgetAction = BudgetAction.STOP
    per_minute: int = 60
    exempts_codes: bool = True


@dataclass(frozen=True)
class BudgetRule:
    """A budget, as last read."""

    id: int
    key_id: str
    period: str
    amount: int
    action: str
    per_minute: int
    exempts_codes: bool
    timezone: str
    settles_from: datetime

    def exhausted(self, cost: int, used: int, now: datetime) -> BudgetExhausted:
        """The refusal of texts that cost this much, of which so much is used."""
        remaining = max(self.amount - used, 0)
        return BudgetExhausted(self.key_id != EVERYBODY, self.period, cost, remaining, self.starts_again_at(now))

    def starts_on(self, at: datetime) -> date:
        """The first day of the day or month that a moment lies in."""
        day = at.astimezone(ZoneInfo(self.timezone)).date()
        return day if self.period == BudgetPeriod.DAY else day.replace(day=1)

    def starts_again_at(self, at: datetime) -> datetime:
        """When the next day or month begins."""
        first = self.starts_on(at)
        after = first + timedelta(days=1 if self.period == BudgetPeriod.DAY else 32)
        following = after if self.period == BudgetPeriod.DAY else after.replace(day=1)
        return datetime.combine(following, time.min, ZoneInfo(self.timezone))


Rules = Mapping[str, tuple[BudgetRule, ...]]  # by key; EVERYBODY's hold for all
REMEMBERED = TimedCache[Any, Rules](LOOK_EVERY, weak_keys=True)  # by connection pool


@dataclass(frozen=True)
class Standing:
    """A budget and what of it is used, in 1/10,000 MRU."""

    budget: Budget
    used: int
    starts_again_at: datetime

    @property
    def share(self) -> float:
        return self.used / self.budget.amount if self.budget.amount else 1.0

    @property
    def is_low(self) -> bool:
        return self.share >= WARN_SHARE

    @property
    def is_exhausted(self) -> bool:
        return self.used >= self.budget.amount


def told(refusal: Refusal) -> dict[str, Any]:
    """A refusal in plain values."""
    values = asdict(refusal)
    return values | ({"starts_again_at": iso(values["starts_again_at"])} if "starts_again_at" in values else {})


def of_told(values: dict[str, Any]) -> Refusal:
    """What `told` told."""
    if "starts_again_at" not in values:
        return BudgetSlowed(**values)
    return BudgetExhausted(**(values | {"starts_again_at": datetime.fromisoformat(values["starts_again_at"])}))


def current(executor: Executor) -> Rules:
    """All budgets, as of a second ago."""
    return REMEMBERED.find(pool_of(executor), lambda: read(executor))


def read(executor: Executor) -> Rules:
    """All budgets, as they are now."""
    rules: dict[str, tuple[BudgetRule, ...]] = {}
    for row in executor.execute(ALL).mappings():
        rule = BudgetRule(**{name: row[name] for name in BudgetRule.__dataclass_fields__})
        rules[rule.key_id] = (*rules.get(rule.key_id, ()), rule)
    return rules


def covering(rules: Rules, key_id: str) -> tuple[BudgetRule, ...]:
    """The budgets that hold for a key: its own, and those of all keys together."""
    return (*rules.get(key_id, ()), *rules.get(EVERYBODY, ()))


def check(session: Session, key_id: str, cost: int) -> BudgetExhausted | None:
    """Why texts of a live key that cost this much (1/10,000 MRU) would be refused now, though nothing is reserved.

    Budgets that slow are not asked: they refuse no text for long.
    """
    now = utcnow()
    rules = [rule for rule in covering(current(session), key_id) if rule.action == BudgetAction.STOP]
    for rule in rules:
        used = session.scalar(select(BudgetUse.used).where(*_of_period(rule.id, rule.starts_on(now)))) or 0
        if used + cost > rule.amount:
            return rule.exhausted(cost, used, now)
    return None


def standings(session: Session, key_ids: Sequence[str] | None = None) -> list[Standing]:
    """All budgets, or those of some keys, with what is used of them now: those of all keys first, then by key."""
    query = select(Budget).order_by(Budget.key_id, Budget.period)
    if key_ids is not None:
        query = query.where(Budget.key_id.in_(key_ids))
    return [standing(session, budget) for budget in session.scalars(query)]


def standing(session: Session, budget: Budget) -> Standing:
    """A budget with what is used of it now."""
    now, rule = utcnow(), _rule(budget)
    used = session.scalar(select(BudgetUse.used).where(*_of_period(budget.id, rule.starts_on(now)))) or 0
    return Standing(budget, used, rule.starts_again_at(now))


def save(session: Session, wanted: NewBudget, version: int, by: str | None = None) -> Budget:
    """Set or change a budget; `version` is the one that was looked at, 0 where there was none. Raise BudgetChanged.

    A new one counts what its day or month has cost so far, and what waits now. In force within a second. The caller
    commits.
    """
    now = utcnow()
    REMEMBERED.forget(pool_of(session))
    told = {
        "amount": wanted.amount,
        "action": wanted.action,
        "per_minute": wanted.per_minute,
        "exempts_codes": wanted.exempts_codes,
        "timezone": wanted.timezone,
    }
    if version:
        subject = (Budget.key_id == wanted.key_id, Budget.period == wanted.period, Budget.version == version)
        if not execute_dml(session, update(Budget).where(*subject).values(**told, version=version + 1)):
            raise BudgetChanged
        return _found(session, wanted)
    made = {"created_at": now, "created_by": by, "version": 1, "settles_from": now + LEARNED_WITHIN}
    adding = insert(session, _BUDGETS).values(key_id=wanted.key_id, period=wanted.period, **told, **made)
    if session.scalar(adding.on_conflict_do_nothing().returning(_BUDGETS.c.id)) is None:
        raise BudgetChanged
    budget = _found(session, wanted)
    starts_on = _rule(budget).starts_on(now)
    row = {"budget_id": budget.id, "starts_on": starts_on, "used": _used_so_far(session, _rule(budget), now)}
    counting = insert(session, _USES).values(**row)
    session.execute(
        counting.on_conflict_do_update(index_elements=["budget_id", "starts_on"], set_={"used": row["used"]})
    )
    return budget


def remove(session: Session, budget_id: int, version: int) -> None:
    """Remove a budget; raise BudgetChanged. The caller commits."""
    REMEMBERED.forget(pool_of(session))
    if not execute_dml(session, delete(Budget).where(Budget.id == budget_id, Budget.version == version)):
        raise BudgetChanged
    session.execute(delete(BudgetUse).where(BudgetUse.budget_id == budget_id))


def _found(session: Session, wanted: NewBudget) -> Budget:
    query = select(Budget).where(Budget.key_id == wanted.key_id, Budget.period == wanted.period)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _rule(budget: Budget) -> BudgetRule:
    return BudgetRule(**{name: getattr(budget, name) for name in BudgetRule.__dataclass_fields__})


def _of_period(budget_id: int, starts_on: date) -> tuple[Any, ...]:
    return BudgetUse.budget_id == budget_id, BudgetUse.starts_on == starts_on


def _used_so_far(session: Session, rule: BudgetRule, now: datetime) -> int:
    """What the texts of this day or month cost so far, by the days (UTC) of consumption, and what waits will cost."""
    first = rule.starts_on(now)
    of_key = rule.key_id != EVERYBODY
    counted = select(func.sum(_DAYS.cost)).where(_DAYS.day >= first)
    uncounted = select(func.sum(_CHARGES.cost)).where(text(f"({UNTALLIED_CHARGES})"), _CHARGES.tallied.is_(None))
    waiting = select(
        _MESSAGES.key_id,
        _MESSAGES.lane,
        operator_digit.label("digit"),
        func.sum(_MESSAGES.segments),
    ).where(_MESSAGES.due_at.is_not(None), func.coalesce(_MESSAGES.carrier_id, -1) != 0)
    if of_key:
        counted = counted.where(_DAYS.key_id == rule.key_id)
        uncounted = uncounted.where(_CHARGES.key_id == rule.key_id)
        waiting = waiting.where(_MESSAGES.key_id == rule.key_id)
    grouped = waiting.group_by(_MESSAGES.key_id, _MESSAGES.lane, text("digit"))
    expected = estimates.read(session)
    rows = session.execute(grouped).all()
    used = sum(int(session.scalar(query) or 0) for query in (counted, uncounted))
    for key_id, lane, digit, segments in rows:
        used += (expected.find(key_id, lane, f"+222{digit}") or 0) * int(segments)
    return used
