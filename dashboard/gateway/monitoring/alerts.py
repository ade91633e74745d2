"""What an administrator should know of at once: what waits, what runs, and what is about to go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import usage
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.webhooks import endpoints
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.sms import numbers

LONG_WAIT = timedelta(minutes=1)
SOON = timedelta(days=7)
MOST_SKEW = timedelta(seconds=5)
WEAK = 0.75  # of what an operator verifies as a rule
LEAST_CODES = 20  # in an hour: fewer say nothing
MOST_STRAYS = 20  # in an hour; more say that receipts no longer find their messages
MOST_STRANDED = 1_000  # counted
DISPLAY_STATE = {  # a carrier's standing as one of four
    "operational": "operational",
    "slow": "slow",
    "off": "standby",
    "opening": "standby",
    "waiting": "standby",
}


@dataclass(frozen=True)
class QueueDepth:
    """What is due in a lane; the count stops at 1,000. `waits` is how long the oldest one has been due."""

    name: str
    count: int
    waits: timedelta | None


@dataclass(frozen=True)
class CarrierTile:
    """A way out. `state` is operational, slow, standby or failed; the sandbox has no id."""

    name: str
    state: str
    id: int = outbox.SANDBOX_ID


@dataclass(frozen=True)
class Alert:
    """Something to act on. What `subject`, its `id`, `length` and `count` are depends on the code; `reason` is a
    carrier's.
    """

    # no_valkey, no_worker, no_relay, backlog, clock, clock_back, key_ends, key_embedded, webhook_failing, webhook_off,
    # and those of carriers below
    code: str
    subject: str = ""
    length: timedelta = timedelta(0)
    id: str = ""
    count: int = 0
    reason: str = ""

    @property
    def is_grave(self) -> bool:
        return self.code in ("no_worker", "no_relay", "backlog", "no_route", *CARRIER_FAULTS)


CARRIER_FAULTS = ("carrier_down", "carrier_credentials", "carrier_unreadable")


def lanes(session: Session) -> list[QueueDepth]:
    """What waits, lane by lane."""
    now, counts = utcnow(), outbox.waiting(session)
    return [QueueDepth(name, count, _oldest(session, name, now) if count else None) for name, count in counts.items()]


def ways_out(standings: list[CarrierStatus]) -> list[CarrierTile]:
    """Where messages leave the gateway, the sandbox phone first."""
    return [
        CarrierTile(carriers.SANDBOX, "operational"),
        *(CarrierTile(one.carrier.name, DISPLAY_STATE.get(one.state, "failed"), one.carrier.id) for one in standings),
    ]


def carrier_alerts(session: Session, standings: list[CarrierStatus]) -> list[Alert]:
    """Carriers that take nothing, and why; receipts that fit nothing; messages that have no way out."""
    now, found = utcnow(), []
    for one in standings:
        name, identity = one.carrier.name, one.carrier.id
        if one.is_faulty:
            code = f"carrier_{one.state}" if one.state in ("credentials", "unreadable") else "carrier_down"
            length = max(now - one.since, timedelta(0)) if one.since else timedelta(0)
            found.append(Alert(code, name, length, str(identity), reason=one.code or ""))
        if one.fresh_strays > MOST_STRAYS:
            found.append(Alert("strays", name, id=str(identity), count=one.fresh_strays))
    return found + _stranded(session)


def alerts(session: Session, waiting: list[QueueDepth], alive: Mapping[str, int]) -> list[Alert]:
    """All that the database tells; the gravest first."""
    found = [Alert("no_worker", lane) for lane in workers.LANES if not alive.get(lane)]
    if not alive.get("relay"):
        found.append(Alert("no_relay"))
    for lane in waiting:
        if lane.waits and lane.waits > LONG_WAIT:
            found.append(Alert("backlog", lane.name, lane.waits))
    return found + _clock(session) + _embedded_keys(session) + _ending_keys(session) + _webhooks(session)


def operator_health(usual: float | None, hour: float | None, codes: int) -> str:
    """How an operator does in this hour, by the share of codes typed in right: good, weak or quiet."""
    if usual is None or hour is None or codes < LEAST_CODES:
        return "quiet"
    return "weak" if hour < usual * WEAK else "good"


def operators() -> dict[str, str]:
    """The operators by the first digit of their numbers, the largest first."""
    return {digit: numbers.OPERATORS[digit] for digit in sorted(numbers.OPERATORS, reverse=True)}


def _oldest(session: Session, lane: str, now: datetime) -> timedelta | None:
    """By priority, since the index is: two looks instead of a walk."""
    times = [
        session.scalar(select(func.min(Message.due_at)).where(Message.lane == part, Message.priority == priority))
        for part in outbox.parts(session, lane)
        for priority in outbox.PRIORITY.values()
    ]
    oldest = min((at for at in times if at is not None), default=now)
    return max(now - oldest, timedelta(0))


def _stranded(session: Session) -> list[Alert]:
    """Messages that wait because no route leads anywhere; the count stops at MOST_STRANDED."""
    found = []
    for lane in outbox.LANES:
        waiting = select(Message.id).where(
            Message.lane == lane, Message.due_at.is_not(None), Message.error_code == "no_route"
        )
        count = session.scalar(select(func.count()).select_from(waiting.limit(MOST_STRANDED).subquery())) or 0
        if count:
            found.append(Alert("no_route", lane, count=count))
    return found


def _ending_keys(session: Session) -> list[Alert]:
    now = utcnow()
    ends = select(ApiKey.id, ApiKey.name, ApiKey.expires_at).where(
        ApiKey.revoked_at.is_(None), ApiKey.expires_at > now, ApiKey.expires_at <= now + SOON
    )
    rows = session.execute(ends.order_by(ApiKey.expires_at))
    return [Alert("key_ends", name, at - now, key_id) for key_id, name, at in rows if at]


def _embedded_keys(session: Session) -> list[Alert]:
    return [Alert("key_embedded", key.name, id=key.key_id, count=key.addresses) for key in usage.exposed_keys(session)]


def _webhooks(session: Session) -> list[Alert]:
    """By host: the rest of the address may hold a secret."""
    now, found = utcnow(), []
    for endpoint in endpoints.needing_attention(session):
        off, since = endpoint.disabled_at, endpoint.failing_since
        code = "webhook_off" if off else "webhook_failing"
        found.append(Alert(code, urlsplit(endpoint.url).netloc, now - (off or since or now), endpoint.id))
    return found


def _clock(session: Session) -> list[Alert]:
    """Against PostgreSQL's clock, and against the newest message, which cannot be of tomorrow."""
    now = utcnow()
    if session.get_bind().dialect.name == "postgresql":
        theirs = session.scalar(select(func.clock_timestamp()))
        if theirs and abs(theirs - now) > MOST_SKEW:
            return [Alert("clock", length=abs(theirs - now))]
    newest = session.scalar(select(Message.created_at).order_by(Message.id.desc()).limit(1))
    return [Alert("clock_back", length=newest - now)] if newest and newest > now + MOST_SKEW else []
