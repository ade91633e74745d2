"""What a rule would have done: the last seven days replayed under limits that are not yet in force."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.limits import overrides, rate_limit, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rate_limit import LimitRule, Pair, Quotas
from dashboard.models.limits import LimitOverride
from dashboard.models.otp import Otp

PERIOD = timedelta(days=7)
MOST_LOOKED_AT = 100_000  # requests; with more, the newest of them

Subject = tuple[str | None, str | None]  # key, phone; one of them may be any


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
    """Run the subject's requests of the last seven days against an override. Reads, writes nothing."""
    there, usual = _by_subject(session), rate_limit.usual(session)
    there[wanted.key_id, wanted.phone] = [_Candidate(wanted)]

    def rule_of(pair: Pair) -> LimitRule | None:
        rule = rate_limit.combined(_fitting(there, pair), usual)
        return rule if _Candidate.id in rule.overrides else None  # None: a more specific one holds there already

    return _replay(session, wanted.key_id, wanted.phone, rule_of)


def replay_usual(session: Session, wanted: Quotas) -> SimulationResult:
    """Run all requests of the last seven days against other usual limits. Reads, writes nothing."""
    there, usual = _by_subject(session), rate_limit.usual(session)

    def rule_of(pair: Pair) -> LimitRule | None:
        fitting = _fitting(there, pair)
        rule = rate_limit.combined(fitting, wanted)
        return rule if rule.quotas != rate_limit.combined(fitting, usual).quotas else None

    return _replay(session, None, None, rule_of)


def _replay(
    session: Session, key_id: str | None, phone: str | None, rule_of: Callable[[Pair], LimitRule | None]
) -> SimulationResult:
    """Judge the requests of a subject, or all; where there is no rule for a pair, nothing changes."""
    since, result = utcnow() - PERIOD, SimulationResult()
    users = set()
    for pair, requests in _requests(session, key_id, phone, since, result).items():
        rule = rule_of(pair)
        if rule and _replay_pair(rule, sorted(requests, key=lambda request: request.at), result):
            users.add(pair[1])
    result.refused_users = len(users)
    return result


class _Candidate:
    """An override to be, as `rate_limit.combined` reads one."""

    id = 0  # no row has it

    def __init__(self, wanted: NewOverride) -> None:
        self.key_id, self.phone = wanted.key_id, wanted.phone
        self.minute, self.hour, self.day = wanted.minute, wanted.hour, wanted.day


def _by_subject(session: Session) -> dict[Subject, list[LimitOverride | _Candidate]]:
    """The overrides in force."""
    now = utcnow()
    found: dict[Subject, list[LimitOverride | _Candidate]] = defaultdict(list)
    for row in overrides.listed(session):
        if overrides.is_in_force(row, now):
            found[row.key_id, row.phone].append(row)
    return found


def _fitting(there: Mapping[Subject, list[LimitOverride | _Candidate]], pair: Pair) -> list[LimitOverride | _Candidate]:
    key_id, phone = pair
    subjects: tuple[Subject, ...] = ((key_id, phone), (None, phone), (key_id, None))
    return [row for subject in subjects for row in there.get(subject, ())]


def _requests(
    session: Session, key_id: str | None, phone: str | None, since: datetime, result: SimulationResult
) -> dict[Pair, list[Request]]:
    columns = (Otp.key_id, Otp.phone, Otp.created_at, Otp.verified_at)
    query = select(*columns).where(Otp.created_at > since, Otp.void_at.is_(None))
    if key_id is not None:
        query = query.where(Otp.key_id == key_id)
    if phone is not None:
        query = query.where(Otp.phone == phone)
    sent = session.execute(query.order_by(Otp.id.desc()).limit(MOST_LOOKED_AT)).all()
    refused = rejections.since(session, since, phone, key_id, MOST_LOOKED_AT)
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
        for _ in range(min(let_through, rate_limit.LARGEST)):  # no quota is larger, so more need not be remembered
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
