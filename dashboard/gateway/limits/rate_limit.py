"""How many codes one phone may be sent by one key: sliding windows, and overrides of them.

The count is taken over the rows of the codes themselves. The caller holds the transaction in which the code is also
written, so that count and insert are one step: on SQLite it has the write lock, on PostgreSQL a lock of the pair.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, execute_dml, utcnow
from dashboard.driver import ListStatement
from dashboard.gateway import site_settings
from dashboard.gateway.site_settings import Preferences
from dashboard.models.limits import UNLIMITED, LimitOverride
from dashboard.models.otp import Otp
from dashboard.vocabulary import Window

WINDOWS = {Window.MINUTE: 60, Window.HOUR: 3_600, Window.DAY: 86_400}  # seconds
LARGEST = 10_000  # of a limit
SETTINGS = {Window.MINUTE: "codes_per_minute", Window.HOUR: "codes_per_hour", Window.DAY: "codes_per_day"}


@dataclass(frozen=True)
class LimitRule:
    """The numbers in force for one phone on one key; None is unlimited. `overrides` are those that set a window."""

    quotas: dict[Window, int | None]
    overrides: tuple[int, ...] = ()


class WindowState(NamedTuple):
    """One window of one phone on one key."""

    window: Window
    quota: int
    left: int
    reset: int  # seconds until one more is allowed than now


Quotas = Mapping[Window, int]
Pair = tuple[str, str]
"""A key's id and a phone."""

# Built once: building them costs more than running them.
_NOW = bindparam("now", type_=UtcDateTime)
_KEYS: BindParameter[str] = bindparam("keys", expanding=True)
_PHONES: BindParameter[str] = bindparam("phones", expanding=True)
IN_FORCE = ListStatement(
    select(*(core_table(LimitOverride).c[name] for name in ("id", "key_id", "phone", *Window))).where(
        or_(LimitOverride.key_id.in_(_KEYS), LimitOverride.key_id.is_(None)),
        or_(LimitOverride.phone.in_(_PHONES), LimitOverride.phone.is_(None)),
        or_(LimitOverride.until.is_(None), LimitOverride.until > _NOW),
    )
)
_NEWEST_FIRST = func.row_number().over(partition_by=(Otp.key_id, Otp.phone), order_by=Otp.created_at.desc())
_COUNTED = (
    select(Otp.key_id, Otp.phone, Otp.created_at, _NEWEST_FIRST.label("place"))
    .where(
        Otp.key_id.in_(_KEYS),
        Otp.phone.in_(_PHONES),
        Otp.counted,
        Otp.created_at > bindparam("since", type_=UtcDateTime),
    )
    .subquery()
)
SENT = ListStatement(
    select(_COUNTED.c.key_id, _COUNTED.c.phone, _COUNTED.c.created_at)
    .where(_COUNTED.c.place <= bindparam("most"))
    .order_by(_COUNTED.c.place)
)


class RateLimited(Exception):
    """A window is full."""

    def __init__(self, standing: WindowState, standings: list[WindowState]) -> None:
        super().__init__(standing.window)
        self.standing = standing
        self.standings = standings


def take(session: Session, pairs: Sequence[Pair]) -> list[list[WindowState] | RateLimited]:
    """For each pair allow one more code, or refuse it; the standings count it already. No pair may come twice.

    The caller has locked the `lock_names`, inserts the codes and commits in this same transaction.
    """
    now = utcnow()
    rules = rules_for(session, pairs, now)
    _note_hits(session, rules.values(), now)
    sent = _sent(session, rules, now)
    return [_allow(rules[pair], sent.get(pair, []), now) for pair in pairs]


def lock_names(pairs: Iterable[Pair]) -> list[str]:
    """What is locked before codes are counted, until they are written."""
    return [key_id + phone for key_id, phone in pairs]


def look(session: Session, key_id: str, phone: str) -> list[WindowState]:
    """The windows as they stand, without taking anything."""
    now, pair = utcnow(), (key_id, phone)
    rules = rules_for(session, [pair], now)
    return _standings(rules[pair], _sent(session, rules, now).get(pair, []), now)


def tightest(standings: list[WindowState]) -> WindowState:
    """The window that will refuse first: fewest left, then the longest wait."""
    return min(standings, key=lambda standing: (standing.left, -standing.reset))


def usual(session: Session) -> Quotas:
    """The limits that owners chose for every number and key, in force where no override says otherwise."""
    return usual_of(site_settings.current(session))


def usual_of(preferences: Preferences) -> Quotas:
    return {window: getattr(preferences, name) for window, name in SETTINGS.items()}


def set_usual(session: Session, wanted: Quotas, by: str) -> None:
    """Change the usual limits of the windows that are given. The caller commits."""
    changed: dict[str, Any] = {SETTINGS[window]: most for window, most in wanted.items()}
    site_settings.save(session, replace(site_settings.read(session), **changed), by)


def rule_for(session: Session, key_id: str, phone: str) -> LimitRule:
    """Per window the most specific number: key and phone, phone, key, usual."""
    return rules_for(session, [(key_id, phone)], utcnow())[key_id, phone]


def rules_for(session: Session, pairs: Sequence[Pair], now: datetime) -> dict[Pair, LimitRule]:
    """The rule of each pair."""
    keys, phones = {key_id for key_id, _ in pairs}, {phone for _, phone in pairs}
    params = {"keys": list(keys), "phones": list(phones), "now": now}
    rows, quotas = IN_FORCE.run(session.connection(), params), usual(session)
    if not rows:
        return dict.fromkeys(pairs, combined((), quotas))
    return {pair: combined((row for row in rows if _concerns(row, pair)), quotas) for pair in pairs}


def combined(overrides: Iterable[Any], usual: Quotas) -> LimitRule:
    """The rule that overrides of one pair make together; each has an id, key_id, phone and the windows."""
    quotas: dict[Window, int | None] = {}
    used: list[int] = []
    for override in sorted(overrides, key=lambda row: (row.phone is None, row.key_id is None)):
        for window in Window:
            value = getattr(override, window)
            if value is not None and window not in quotas:
                quotas[window] = None if value == UNLIMITED else value
                used.append(override.id)
    return LimitRule({window: quotas.get(window, usual[window]) for window in Window}, tuple(dict.fromkeys(used)))


def reset(session: Session, phone: str, key_id: str | None = None) -> list[int]:
    """Stop counting the codes that a number was sent so far, by one key or by all; return their ids.

    The codes stay in the log and stay what they are; they only no longer stand against the limits.
    """
    since = utcnow() - timedelta(seconds=WINDOWS[Window.DAY])
    counting = [Otp.phone == phone, Otp.counted, Otp.created_at > since]
    if key_id is not None:
        counting.append(Otp.key_id == key_id)
    return list(session.scalars(update(Otp).where(*counting).values(counted=False).returning(Otp.id)))


def count_again(session: Session, ids: Sequence[int]) -> int:
    """Count codes again that `reset` stopped counting; those that failed meanwhile do not. Return how many do."""
    forgotten = (Otp.id.in_(ids), Otp.void_at.is_(None), Otp.counted.is_(False))
    return execute_dml(session, update(Otp).where(*forgotten).values(counted=True))


def _concerns(override: Any, pair: Pair) -> bool:
    return override.key_id in (None, pair[0]) and override.phone in (None, pair[1])


def _sent(session: Session, rules: Mapping[Pair, LimitRule], now: datetime) -> dict[Pair, list[datetime]]:
    """When codes were sent to each pair in the last day, newest first, as many as the rules can ask about.

    Times ahead of the clock count too: a clock set back must not loosen a limit.
    """
    quotas = {pair: [quota for quota in rule.quotas.values() if quota] for pair, rule in rules.items()}
    limited = [pair for pair in rules if quotas[pair]]
    if not limited:
        return {}
    params = {
        "keys": list({key_id for key_id, _ in limited}),
        "phones": list({phone for _, phone in limited}),
        "since": now - timedelta(seconds=WINDOWS[Window.DAY]),
        "most": max(max(quotas[pair]) for pair in limited),
    }
    times: dict[Pair, list[datetime]] = {}
    for key_id, phone, at in SENT.run(session.connection(), params):
        times.setdefault((key_id, phone), []).append(at)
    return times


def _allow(rule: LimitRule, times: list[datetime], now: datetime) -> list[WindowState] | RateLimited:
    standings = _standings(rule, times, now)
    full = [standing for standing in standings if standing.left == 0]
    if full:
        return RateLimited(max(full, key=lambda standing: standing.reset), standings)
    # One more leaves the wait as it is: that of the oldest, or of this one where there is none.
    return [standing._replace(left=standing.left - 1) for standing in standings]


def _standings(rule: LimitRule, times: list[datetime], now: datetime) -> list[WindowState]:
    return [_standing(window, quota, times, now) for window, quota in rule.quotas.items() if quota is not None]


def _standing(window: Window, quota: int, times: list[datetime], now: datetime) -> WindowState:
    length = timedelta(seconds=WINDOWS[window])
    inside = [time for time in times if time > now - length] if quota else []
    if not inside:
        return WindowState(window, quota, quota, WINDOWS[window])
    # One more is allowed once the oldest of the last `quota` has left the window.
    leaving = inside[:quota][-1]
    return WindowState(
        window, quota, max(quota - len(inside), 0), max(1, math.ceil((leaving + length - now).total_seconds()))
    )


def _note_hits(session: Session, rules: Iterable[LimitRule], now: datetime) -> None:
    used = {override for rule in rules for override in rule.overrides}
    if used:
        session.execute(update(LimitOverride).where(LimitOverride.id.in_(used)).values(last_hit_at=now))
