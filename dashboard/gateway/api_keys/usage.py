"""Who uses a key: addresses and user agents, noted now and then, and the sign that a key is built into an app."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Integer, cast, func, or_, select, text, update
from sqlalchemy.orm import Session

from dashboard.db import core_table, execute_dml, insert, utcnow
from dashboard.models.api_keys import FROM_APP, ApiKey, KeyCaller
from dashboard.vocabulary import KeyMode

MOST_A_MINUTE = 10  # new pairs that a process notes of a key; what is beyond is noted in a later minute
MOST_A_DAY = 100  # pairs of a key; what is beyond is not noted
LONGEST_AGENT = 120
KEPT_DAYS = 30
PERIOD = timedelta(days=7)
MANY = 10  # addresses in the period: no house of servers has as many that call themselves an app
SHOWN = 20
# HTTP libraries of Android, Flutter and iOS, and browsers. A server that uses one comes from an address or two.
APPS = re.compile(r"okhttp|dart|dalvik|cfnetwork|alamofire|mozilla|expo|react.?native|flutter", re.I)
_CALLERS = core_table(KeyCaller)


@dataclass(frozen=True)
class KeyUse:
    """One call, as it came in."""

    key_id: str
    address: str
    agent: str

    @classmethod
    def of(cls, key_id: str, address: str, agent: str) -> KeyUse:
        """From what the caller says of itself, cut to what can be kept."""
        agent = agent[:LONGEST_AGENT]
        if not agent.isprintable():
            agent = "".join(c if c.isprintable() else " " for c in agent)
        return cls(key_id, address[:45], agent.strip())


class RecentUses:
    """What this process noted in the minute that runs, so that what is known costs no write."""

    def __init__(self) -> None:
        self.minute = 0
        self.noted: set[KeyUse] = set()
        self.counts: Counter[str] = Counter()

    def is_new(self, sighting: KeyUse, now: float | None = None) -> bool:
        """Whether it is to be written down; says so once a minute, and for MOST_A_MINUTE of a key."""
        minute = int((time.monotonic() if now is None else now) // 60)
        if minute != self.minute:
            self.minute, self.noted, self.counts = minute, set(), Counter()
        if sighting in self.noted or self.counts[sighting.key_id] >= MOST_A_MINUTE:
            return False
        self.noted.add(sighting)
        self.counts[sighting.key_id] += 1
        return True


memory = RecentUses()


@dataclass(frozen=True)
class UsageEntry:
    """A user agent or an address; `others` counts the addresses of an agent, or the agents of an address."""

    value: str
    others: int
    first_at: datetime
    last_at: datetime
    from_app: bool


@dataclass(frozen=True)
class ExposedKey:
    """A key that calls from as many places as an app does."""

    key_id: str
    name: str
    addresses: int


def record_uses(session: Session, uses: list[KeyUse]) -> list[None]:
    """Handler of GroupCommit: note that the keys are in use, and by whom."""
    key_ids = {use.key_id for use in uses}
    session.execute(update(ApiKey).where(ApiKey.id.in_(key_ids)).values(last_used_at=utcnow()))
    for use in uses:
        record(session, use)
    return [None] * len(uses)


def record(session: Session, use: KeyUse) -> None:
    """Write it down, unless the key's day is full. The caller commits."""
    now = utcnow()
    place = {"key_id": use.key_id, "day": now.date(), "address": use.address, "agent": use.agent}
    same = [_CALLERS.c[name] == value for name, value in place.items()]
    if execute_dml(session, update(_CALLERS).where(*same).values(last_at=now)) or _is_full(session, use, now.date()):
        return
    row = {**place, "from_app": bool(APPS.search(use.agent)), "first_at": now, "last_at": now}
    session.execute(insert(session, _CALLERS).values(**row).on_conflict_do_nothing())


def agents(session: Session, key_id: str) -> list[UsageEntry]:
    """The user agents of a key in the days that are kept, the latest first; one more than SHOWN when there are more."""
    return _seen(session, key_id, "agent", "address")


def addresses(session: Session, key_id: str) -> list[UsageEntry]:
    """The addresses that used a key, the latest first; one more than SHOWN when there are more."""
    return _seen(session, key_id, "address", "agent")


def exposed_keys(session: Session, key_id: str | None = None) -> list[ExposedKey]:
    """Live keys, free of networks, that phones or browsers presented from MANY addresses in the last seven days."""
    count = func.count(_CALLERS.c.address.distinct())
    query = (
        select(ApiKey.id, ApiKey.name, count, ApiKey.networks)
        .join(ApiKey, ApiKey.id == _CALLERS.c.key_id)
        .where(text(FROM_APP), _CALLERS.c.day >= (utcnow() - PERIOD).date())
        .where(ApiKey.mode == KeyMode.LIVE, ApiKey.revoked_at.is_(None))
        .where(or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > utcnow()))
        .where(*([ApiKey.id == key_id] if key_id else []))
        .group_by(ApiKey.id)
        .having(count >= MANY)
        .order_by(count.desc())
    )
    return [ExposedKey(*row[:3]) for row in session.execute(query) if not row.networks]


def _is_full(session: Session, sighting: KeyUse, day: date) -> bool:
    of_day = (_CALLERS.c.key_id == sighting.key_id, _CALLERS.c.day == day)
    return (session.scalar(select(func.count()).select_from(_CALLERS).where(*of_day)) or 0) >= MOST_A_DAY


def _seen(session: Session, key_id: str, name: str, other: str) -> list[UsageEntry]:
    columns = _CALLERS.c
    last, from_app = func.max(columns.last_at), func.max(cast(columns.from_app, Integer))
    query = (
        select(columns[name], func.count(columns[other].distinct()), func.min(columns.first_at), last, from_app)
        .where(columns.key_id == key_id)
        .group_by(columns[name])
        .order_by(last.desc())
        .limit(SHOWN + 1)
    )
    return [UsageEntry(row[0], row[1], row[2], row[3], bool(row[4])) for row in session.execute(query)]
