"""What a rule would have done: the last seven days replayed under an override that is not yet in force."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.limits import overrides, rate_limit, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import LimitRule
from dashboard.models.limits import LimitOverride
from dashboard.models.otp import Otp

PERIOD = timedelta(days=7)
MOST_LOOKED_AT = 100_000  # requests; with more, the newest of them

Pair = tuple[str, str]  # key, phone


@dataclass(frozen=True)
class Request:
    """A code that was asked for: sent or, for `times` in a row, refused."""

    at: datetime
    verified: bool = False
    refused: bool = False
    times: int = 1


@dataclass
class SimulationResult:
    """What would have been otherwise."""

    looked_at: int = 0  # requests in the period
    refused_sends: int = 0  # codes that were sent and would not have been
    refused_users: int = 0  # numbers that typed a right code which would not have been sent
    allowed: int = 0  # requests that were refused and would have been let through
    complete: bool = True  # False: there were more than MOST_LOOKED_AT


def replay(session: Session, wanted: NewOverride) -> SimulationResult:
    """Run the subject's requests of the last seven days against the rules as they would be. Reads, writes nothing."""
    since, result = utcnow() - PERIOD, SimulationResult()
    candidates: list[LimitOverride | _Candidate] = [*_others(session, wanted), _Candidate(wanted)]
    users = set()
    for (key_id, phone), requests in _requests(session, wanted, since, result).items():
        rule = rate_limit.combined(row for row in candidates if _fits(row, key_id, phone))
        if _Candidate.id not in rule.overrides:  # a more specific one holds there already: nothing changes
            continue
        if _replay_pair(rule, sorted(requests, key=lambda request: request.at), result):
            users.add(phone)
    result.refused_users = len(users)
    return result


class _Candidate:
    """An override to be, as `rate_limit.combined` reads one."""

    id = 0  # no row has it

    def __init__(self, wanted: NewOverride) -> None:
        self.key_id, self.phone = wanted.key_id, wanted.phone
        self.minute, self.hour, self.day = wanted.minute, wanted.hour, wanted.day


def _others(session: Session, wanted: NewOverride) -> list[LimitOverride]:
    now = utcnow()
    return [
        row
        for row in overrides.listed(session)
        if overrides.is_in_force(row, now) and (row.key_id, row.phone) != (wanted.key_id, wanted.phone)
    ]


def _fits(row: LimitOverride | _Candidate, key_id: str, phone: str) -> bool:
    return row.key_id in (None, key_id) and row.phone in (None, phone)


def _requests(
    session: Session, wanted: NewOverride, since: datetime, result: SimulationResult
) -> dict[Pair, list[Request]]:
    columns = (Otp.key_id, Otp.phone, Otp.created_at, Otp.verified_at)
    query = select(*columns).where(Otp.created_at > since, Otp.void_at.is_(None))
    if wanted.key_id is not None:
        query = query.where(Otp.key_id == wanted.key_id)
    if wanted.phone is not None:
        query = query.where(Otp.phone == wanted.phone)
    sent = session.execute(query.order_by(Otp.id.desc()).limit(MOST_LOOKED_AT)).all()
    refused = rejections.since(session, since, wanted.phone, wanted.key_id, MOST_LOOKED_AT)
    requests: dict[Pair, list[Request]] = defaultdict(list)
    for row in sent:
        requests[row.key_id, row.phone].append(Request(row.created_at, verified=row.verified_at is not None))
    for refusal in refused:
        requests[refusal.key_id, refusal.phone].append(Request(refusal.at, refused=True, times=refusal.times))
    result.looked_at = len(sent) + sum(refusal.times for refusal in refused)
    result.complete = len(sent) < MOST_LOOKED_AT and len(refused) < MOST_LOOKED_AT
    return requests


def _replay_pair(rule: LimitRule, requests: list[Request], result: SimulationResult) -> bool:
    """Count into `result`; return whether a code that was typed right would not have been sent."""
    sent: list[datetime] = []
    hurt = False
    for request in requests:
        room = _room(rule, sent, request.at)
        let_through = request.times if room is None else min(room, request.times)
        for _ in range(min(let_through, overrides.LARGEST)):  # no quota is larger, so more need not be remembered
            insort(sent, request.at)
        if request.refused:
            result.allowed += let_through
        elif not let_through:
            result.refused_sends += 1
            hurt = hurt or request.verified
    return hurt


def _room(rule: LimitRule, sent: list[datetime], at: datetime) -> int | None:
    """How many more the rule lets through now; None is no end of them."""
    rooms = [
        max(0, quota - (len(sent) - bisect_right(sent, at - timedelta(seconds=rate_limit.WINDOWS[window]))))
        for window, quota in rule.quotas.items()
        if quota is not None
    ]
    return min(rooms) if rooms else None
