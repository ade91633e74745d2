"""What somebody should act on, as data: the dashboard and `chinqit doctor` word it, and judge nothing themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.api_keys import usage
from dashboard.gateway.carriers import balances
from dashboard.gateway.carriers.recent import Recent
from dashboard.gateway.costs import budgets
from dashboard.gateway.limits import pumping, wrong_codes
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring.carrier_status import CarrierStatus
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Narrow, Period
from dashboard.gateway.webhooks import endpoints
from dashboard.models.api_keys import ApiKey
from dashboard.models.limits import PumpedRange
from dashboard.models.messages import Message
from dashboard.sms import numbers
from dashboard.vocabulary import SANDBOX, CarrierState, KeyMode, Kind, Lane, Operator, PumpingStep, Severity, Trend

LONG_WAIT = timedelta(minutes=1)  # of the oldest message that is due
KEY_ENDS_SOON = timedelta(days=7)
LARGEST_CLOCK_SKEW = timedelta(seconds=5)
WEAK_SHARE = 0.75  # of the share of codes that an operator's numbers usually verify
LEAST_CODES = 20  # in an hour: fewer say nothing
MOST_UNMATCHED = 20  # receipts in an hour; more say that receipts no longer find their messages
MOST_STRANDED = 1_000  # counted
LEAST_REQUESTED = 50  # codes of a key in an hour: of fewer, the share that is verified says nothing


class AlertCode(StrEnum):
    """What is the matter."""

    NO_VALKEY = "no_valkey"
    NO_WORKER = "no_worker"
    NO_RELAY = "no_relay"
    BACKLOG = "backlog"
    CLOCK = "clock"  # it differs from the database's
    CLOCK_BACK = "clock_back"  # it was set back: messages are dated in the future
    NO_ROUTE = "no_route"
    CARRIER_DOWN = "carrier_down"
    CARRIER_CREDENTIALS = "carrier_credentials"
    CARRIER_UNREADABLE = "carrier_unreadable"
    CARRIER_REFUSING = "carrier_refusing"  # it took nothing of what it was given in the last minutes
    OPERATOR_CUT_OFF = "operator_cut_off"  # no code of the last minutes got through to it
    CARRIER_NOTICE = "carrier_notice"  # it says of itself that something is wrong
    BALANCE_LOW = "balance_low"  # on our account with a carrier
    BALANCE_UNKNOWN = "balance_unknown"  # it was told once, and no more for a day
    UNMATCHED_RECEIPTS = "strays"
    WEBHOOK_FAILING = "webhook_failing"
    WEBHOOK_OFF = "webhook_off"
    KEY_ENDS = "key_ends"
    KEY_EMBEDDED = "key_embedded"
    OPERATOR_WEAK = "operator_weak"  # far fewer of its codes are typed in right than usual
    DISK = "disk"
    SECRETS = "secrets"  # they are not those that the database was written with
    BACKUP_OLD = "backup_old"
    DATABASE = "database"  # it does not answer
    AFTER_OUTAGE = "after_outage"  # nothing ran for a while, and does again
    KEY_GUESSES = "key_guesses"  # more of its guesses were wrong than people make
    PUMPING = "pumping"  # many codes of a key go to ranges of numbers, and few are typed in
    KEY_UNVERIFIED = "key_unverified"  # of a key's codes of the last hour few were typed in
    BUDGET_LOW = "budget_low"  # of a key
    BUDGET_EXHAUSTED = "budget_exhausted"
    TOTAL_BUDGET_LOW = "total_budget_low"  # of all keys together
    TOTAL_BUDGET_EXHAUSTED = "total_budget_exhausted"


GRAVE = frozenset(  # messages do not arrive
    {
        AlertCode.NO_WORKER,
        AlertCode.NO_RELAY,
        AlertCode.BACKLOG,
        AlertCode.NO_ROUTE,
        AlertCode.CARRIER_DOWN,
        AlertCode.CARRIER_CREDENTIALS,
        AlertCode.CARRIER_UNREADABLE,
        AlertCode.CARRIER_REFUSING,
        AlertCode.OPERATOR_CUT_OFF,
        AlertCode.SECRETS,
        AlertCode.DATABASE,
    }
)
TOLERABLE = frozenset({AlertCode.KEY_ENDS, AlertCode.KEY_EMBEDDED, AlertCode.WEBHOOK_FAILING})  # not our fault
BUDGETS = frozenset(
    {
        AlertCode.BUDGET_LOW,
        AlertCode.BUDGET_EXHAUSTED,
        AlertCode.TOTAL_BUDGET_LOW,
        AlertCode.TOTAL_BUDGET_EXHAUSTED,
    }
)
OF_CARRIER_STATE = {
    CarrierState.CREDENTIALS: AlertCode.CARRIER_CREDENTIALS,
    CarrierState.UNREADABLE: AlertCode.CARRIER_UNREADABLE,
    CarrierState.REFUSING: AlertCode.CARRIER_REFUSING,
}


@dataclass(frozen=True)
class QueueDepth:
    """What is due in a lane; the count stops at 1,000. `waits` is how long the oldest one has been due."""

    name: str
    count: int
    waits: timedelta | None


@dataclass(frozen=True)
class CarrierTile:
    """Where messages leave the gateway; the sandbox has no id."""

    name: str
    state: CarrierState
    id: int = outbox.SANDBOX_ID


@dataclass(frozen=True)
class Alert:
    """Something to act on.

    `subject` is the lane, carrier, key or webhook that it is about, `detail` what is not for all eyes, `id` that of its
    page, `length` how long it lasts or by how much a clock is wrong, and `reason` a carrier's or a webhook's code. Of
    `tried` texts, `count` did not get through; nothing has since `since`, None: for a day.
    """

    code: AlertCode
    subject: str = ""
    length: timedelta = timedelta(0)
    id: str = ""
    count: int = 0
    reason: str = ""
    tried: int = 0
    since: datetime | None = None
    detail: str = field(default="", repr=False)

    @property
    def severity(self) -> Severity:
        if self.code in GRAVE:
            return Severity.GRAVE
        return Severity.NOTICE if self.code in TOLERABLE else Severity.WARNING

    @property
    def is_grave(self) -> bool:
        return self.severity is Severity.GRAVE

    @property
    def cause(self) -> str:
        """Tells one cause from another, however long it lasts."""
        return ":".join(part for part in (self.code, self.id or self.subject, self._kind()) if part)

    def _kind(self) -> str:
        """A carrier may say several things of itself at a time, and a key have two budgets."""
        return self.reason if self.code is AlertCode.CARRIER_NOTICE or self.code in BUDGETS else ""


def lanes(session: Session) -> list[QueueDepth]:
    """What waits, lane by lane."""
    now = utcnow()
    return [
        QueueDepth(name, count, _oldest(session, name, now) if count else None)
        for name, count in outbox.waiting(session).items()
    ]


def carrier_tiles(statuses: Sequence[CarrierStatus]) -> list[CarrierTile]:
    """Where messages leave the gateway, the sandbox phone first."""
    tiles = [CarrierTile(status.carrier.name, status.state, status.carrier.id) for status in statuses]
    return [CarrierTile(SANDBOX, CarrierState.OPERATIONAL), *tiles]


def alerts(
    session: Session,
    depths: Iterable[QueueDepth],
    alive: Mapping[str, int],
    statuses: Sequence[CarrierStatus],
    lately: Mapping[Operator, Recent],
) -> list[Alert]:
    """All that the database tells, the gravest first; `lately` is what `recent.of_operators` returned."""
    all_alerts = [
        *worker_alerts(alive, workers.needed_lanes(session)),
        *backlog_alerts(depths),
        *clock_alerts(session),
        *key_alerts(session),
        *guess_alerts(session),
        *pumping_alerts(session),
        *budget_alerts(session),
        *webhook_alerts(session),
        *carrier_alerts(statuses),
        *operator_alerts(lately),
        *route_alerts(session),
    ]
    return sorted(all_alerts, key=lambda alert: not alert.is_grave)


def worker_alerts(alive: Mapping[str, int], needed: Collection[Lane]) -> list[Alert]:
    """Lanes without a worker, and whether the relay is missing; both are what `workers` says of them."""
    alerts = [Alert(AlertCode.NO_WORKER, lane) for lane in Lane if lane in needed and not alive.get(lane)]
    if not alive.get(workers.RELAY):
        alerts.append(Alert(AlertCode.NO_RELAY))
    return alerts


def backlog_alerts(depths: Iterable[QueueDepth]) -> list[Alert]:
    """Lanes in which something has been due for longer than LONG_WAIT."""
    return [
        Alert(AlertCode.BACKLOG, depth.name, depth.waits) for depth in depths if depth.waits and depth.waits > LONG_WAIT
    ]


def clock_alerts(session: Session) -> list[Alert]:
    """This clock against PostgreSQL's, and against the newest message, which cannot be of tomorrow."""
    now = utcnow()
    if session.get_bind().dialect.name == "postgresql":
        theirs = session.scalar(select(func.clock_timestamp()))
        if theirs and abs(theirs - now) > LARGEST_CLOCK_SKEW:
            return [Alert(AlertCode.CLOCK, length=abs(theirs - now))]
    newest = session.scalar(select(Message.created_at).order_by(Message.id.desc()).limit(1))
    if newest and newest > now + LARGEST_CLOCK_SKEW:
        return [Alert(AlertCode.CLOCK_BACK, length=newest - now)]
    return []


def key_alerts(session: Session) -> list[Alert]:
    """Keys that seem to be built into an app, and keys that end within KEY_ENDS_SOON."""
    now = utcnow()
    embedded = [
        Alert(AlertCode.KEY_EMBEDDED, key.name, id=key.key_id, count=key.addresses)
        for key in usage.exposed_keys(session)
    ]
    ending = select(ApiKey.id, ApiKey.name, ApiKey.expires_at).where(
        ApiKey.revoked_at.is_(None), ApiKey.expires_at > now, ApiKey.expires_at <= now + KEY_ENDS_SOON
    )
    rows = session.execute(ending.order_by(ApiKey.expires_at))
    return embedded + [Alert(AlertCode.KEY_ENDS, name, at - now, key_id) for key_id, name, at in rows if at]


def guess_alerts(session: Session) -> list[Alert]:
    """Keys by which somebody may be guessing: `count` of `tried` codes of the last 15 minutes were wrong."""
    return [
        Alert(AlertCode.KEY_GUESSES, key.name, id=key.key_id, count=key.wrong, tried=key.guesses)
        for key in wrong_codes.suspicious_keys(session)
    ]


def pumping_alerts(session: Session) -> list[Alert]:
    """Keys whose codes are held back or watched: `count` ranges, `reason` the gravest step. Then keys of whose codes of
    the last hour few were verified: `count` percent of `tried`."""
    by_key: dict[str, list[PumpedRange]] = {}
    for row in pumping.suspected(session):
        by_key.setdefault(row.key_id, []).append(row)
    steps = list(PumpingStep)
    found = [
        Alert(
            AlertCode.PUMPING,
            rows[0].key.name,
            id=key_id,
            count=len(rows),
            reason=max((row.step for row in rows), key=lambda step: steps.index(PumpingStep(step))),
            tried=sum(row.sent for row in rows),
        )
        for key_id, rows in by_key.items()
    ]
    return found + _unverified_keys(session)


def _unverified_keys(session: Session) -> list[Alert]:
    """Codes of the last ten minutes do not count: they may still be typed in."""
    now = utcnow()
    period = Period("minute", now - timedelta(minutes=70), now - timedelta(minutes=10))
    sums = queries.by(queries.by_subject(session, period, Narrow(kind=Kind.OTP)), "key_id")
    weak = {
        key_id: (round(100 * hour["verified"] / hour["requested"]), hour["requested"])
        for key_id, hour in sums.items()
        if hour["requested"] >= LEAST_REQUESTED and hour["verified"] < pumping.LEAST_SHARE * hour["requested"]
    }
    live = select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(weak), ApiKey.mode == KeyMode.LIVE).order_by(ApiKey.name)
    return [
        Alert(AlertCode.KEY_UNVERIFIED, name, id=key_id, count=weak[key_id][0], tried=weak[key_id][1])
        for key_id, name in (session.execute(live).tuples() if weak else ())
    ]


def budget_alerts(session: Session) -> list[Alert]:
    """Budgets that are used up, or nearly: `count` percent, `reason` the day or the month."""
    found = []
    for one in budgets.standings(session):
        if not one.is_low:
            continue
        percent, period = int(one.share * 100), one.budget.period
        if one.budget.key_id == budgets.EVERYBODY:
            code = AlertCode.TOTAL_BUDGET_EXHAUSTED if one.is_exhausted else AlertCode.TOTAL_BUDGET_LOW
            found.append(Alert(code, count=percent, reason=period))
        else:
            code = AlertCode.BUDGET_EXHAUSTED if one.is_exhausted else AlertCode.BUDGET_LOW
            key = session.get(ApiKey, one.budget.key_id)
            name = key.name if key else one.budget.key_id
            found.append(Alert(code, name, id=one.budget.key_id, count=percent, reason=period))
    return found


def webhook_alerts(session: Session) -> list[Alert]:
    """Endpoints that fail or were disabled for it, by description, or host and key; a query may hold a secret."""
    now, alerts = utcnow(), []
    for endpoint in endpoints.needing_attention(session):
        code = AlertCode.WEBHOOK_OFF if endpoint.disabled_at else AlertCode.WEBHOOK_FAILING
        since = endpoint.disabled_at or endpoint.failing_since or now
        address = urlsplit(endpoint.url)
        name = endpoint.description or f"{address.netloc} · {endpoint.key.name}"
        reason, place = endpoint.disabled_for or "", address._replace(query="", fragment="").geturl()
        alerts.append(Alert(code, name, now - since, endpoint.id, reason=reason, detail=place))
    return alerts


def carrier_alerts(statuses: Sequence[CarrierStatus]) -> list[Alert]:
    """Carriers that take nothing, what they say of themselves, low balances (1/10,000), stray receipts."""
    now, alerts = utcnow(), []
    for status in statuses:
        name, carrier_id = status.carrier.name, str(status.carrier.id)
        if status.is_faulty:
            code = OF_CARRIER_STATE.get(status.state, AlertCode.CARRIER_DOWN)
            length = max(now - status.since, timedelta(0)) if status.since else timedelta(0)
            lost, tried = status.recent.lost, status.recent.tried
            reason = status.code or ""
            alerts.append(Alert(code, name, length, carrier_id, lost, reason, tried=tried, since=status.since))
        for notice in status.notices:
            length = now - notice.first_at
            alerts.append(Alert(AlertCode.CARRIER_NOTICE, name, length, carrier_id, reason=notice.code))
        if (left := status.balance) and left.is_low:
            alerts.append(Alert(AlertCode.BALANCE_LOW, name, id=carrier_id, count=left.amount or 0, reason=left.unit))
        if left and (unknown := balances.unknown_for(left)):
            alerts.append(Alert(AlertCode.BALANCE_UNKNOWN, name, unknown, carrier_id, reason=left.code or ""))
        if status.fresh_strays > MOST_UNMATCHED:
            alerts.append(Alert(AlertCode.UNMATCHED_RECEIPTS, name, id=carrier_id, count=status.fresh_strays))
    return alerts


def operator_alerts(lately: Mapping[Operator, Recent]) -> list[Alert]:
    """Operators to which no code of the last minutes got through; `id` is the first digit of their numbers."""
    return [
        Alert(
            AlertCode.OPERATOR_CUT_OFF,
            numbers.OPERATORS[operator],
            id=operator,
            count=minutes.lost,
            tried=minutes.tried,
            since=minutes.since,
        )
        for operator, minutes in lately.items()
        if minutes.trend == Trend.CUT_OFF
    ]


def route_alerts(session: Session) -> list[Alert]:
    """Lanes in which messages wait because no route leads to a carrier; the count stops at MOST_STRANDED."""
    alerts = []
    for lane in outbox.LANES:
        stranded = select(Message.id).where(
            Message.lane == lane,
            Message.carrier_id.is_(None),
            Message.due_at.is_not(None),
            Message.error_code == "no_route",
        )
        count = session.scalar(select(func.count()).select_from(stranded.limit(MOST_STRANDED).subquery())) or 0
        if count:
            alerts.append(Alert(AlertCode.NO_ROUTE, lane, count=count))
    return alerts


def operator_health(minutes: Recent, usual: float | None, hour: float | None, codes: int) -> Trend:
    """How an operator does: whether codes got through in the last minutes, else how many were typed in right.

    `usual` and `hour` are shares of a day and of the last hour, in which `codes` were asked for.
    """
    if minutes.trend in (Trend.CUT_OFF, Trend.WEAK):
        return minutes.trend
    if usual is None or hour is None or codes < LEAST_CODES:
        return Trend.QUIET
    return Trend.WEAK if hour < usual * WEAK_SHARE else Trend.AS_USUAL


def operators() -> dict[str, str]:
    """The operators by the first digit of their numbers, the largest first."""
    return {digit: numbers.OPERATORS[digit] for digit in sorted(numbers.OPERATORS, reverse=True)}


def _oldest(session: Session, lane: str, now: datetime) -> timedelta | None:
    """How long the oldest message has been due."""
    return max(now - (outbox.oldest_due(session, lane) or now), timedelta(0))
