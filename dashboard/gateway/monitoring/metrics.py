"""Figures for Prometheus, from the database: right over all processes and machines, whichever of them answers.

Counters are sums of the roll-ups, which outlive the messages. Figures of carriers are of the last hour.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import carriers, metrics
from dashboard.gateway.monitoring import alerts, carrier_status, judge
from dashboard.gateway.webhooks import queue
from dashboard.models.limits import LimitRejection
from dashboard.models.statistics import COUNTS, MEASURES, SEND, SEND_BOUNDS, VERIFY, VERIFY_BOUNDS, StatisticsBucket
from dashboard.models.webhooks import WebhookEndpoint
from dashboard.settings import Settings
from dashboard.sms import numbers
from dashboard.vocabulary import Lane

HOUR = timedelta(hours=1)
SUBJECT = ("kind", "channel", "operator")
_BUCKETS = core_table(StatisticsBucket).c


@dataclass(frozen=True, eq=False)
class Metrics(Collector):
    """All families, made before they are asked for. A registry takes what can be hashed."""

    families: tuple[Metric, ...]

    def collect(self) -> Iterable[Metric]:
        return self.families


def exposition(session: Session, settings: Settings, valkey_fault: str | None) -> bytes:
    """The text format of Prometheus, 0.0.4; `valkey_fault` is what `Wakeup.fault` returned."""
    registry = CollectorRegistry(auto_describe=False)
    parts = (_build(settings, valkey_fault), _messages(session), _queues(session), _carriers(session, settings))
    more = (_webhooks(session), _limits(session), _problems(session, settings, valkey_fault))
    registry.register(Metrics(tuple(family for part in (*parts, *more) for family in part)))
    return generate_latest(registry)


def _build(settings: Settings, valkey_fault: str | None) -> Iterator[Metric]:
    yield _gauge("chinqit_info", "The version that runs.", ("version",), [((version("chinqit"),), 1)])
    yield _gauge("chinqit_valkey_up", "Whether Valkey takes writes.", (), [((), valkey_fault is None)])
    usage = shutil.disk_usage(settings.chinqit_home)
    yield _gauge("chinqit_disk_free_bytes", "Free on the disk of the home folder.", (), [((), usage.free)])
    yield _gauge("chinqit_disk_size_bytes", "Size of the disk of the home folder.", (), [((), usage.total)])


def _messages(session: Session) -> Iterator[Metric]:
    """Counts of all time by kind, channel and operator, and two histograms without sums, which nobody keeps."""
    names = [_BUCKETS[name] for name in SUBJECT]
    query = select(*names, *(func.sum(_BUCKETS[name]) for name in MEASURES)).where(_BUCKETS.grain == "day")
    counts = CounterMetricFamily("chinqit_messages", "Messages by what became of them.", labels=(*SUBJECT, "outcome"))
    send = HistogramMetricFamily("chinqit_send_seconds", "From the request to the carrier.", labels=SUBJECT)
    verify = HistogramMetricFamily("chinqit_verify_seconds", "From the request to the right code.", labels=SUBJECT)
    for row in session.execute(query.group_by(*names)):
        kind, channel, operator = row[: len(SUBJECT)]
        subject = (kind, channel, numbers.operator_name(operator))
        sums = dict(zip(MEASURES, map(int, row[len(SUBJECT) :]), strict=True))
        for name in COUNTS:
            counts.add_metric((*subject, name), sums[name])
        send.add_metric(subject, _buckets(SEND_BOUNDS, [sums[name] for name in SEND]), None)
        if kind == "otp":
            verify.add_metric(subject, _buckets(VERIFY_BOUNDS, [sums[name] for name in VERIFY]), None)
    yield from (counts, send, verify)


def _queues(session: Session) -> Iterator[Metric]:
    alive, depths = workers.alive(session), alerts.lanes(session)
    due = [((depth.name,), depth.count) for depth in depths] + [((Lane.WEBHOOKS,), queue.waiting(session))]
    yield _gauge("chinqit_due", "Messages and events that wait to be delivered, up to 1,000.", ("lane",), due)
    ages = [((depth.name,), depth.waits.total_seconds() if depth.waits else 0) for depth in depths]
    yield _gauge("chinqit_oldest_due_seconds", "For how long the oldest has been due.", ("lane",), ages)
    roles = [((role,), alive.get(role, 0)) for role in (*Lane, workers.RELAY)]
    yield _gauge("chinqit_processes", "Processes that gave a sign of life lately.", ("role",), roles)


def _carriers(session: Session, settings: Settings) -> Iterator[Metric]:
    work = metrics.last_hour(session)
    statuses = carrier_status.all_of(session, carriers.cipher(settings))
    up = [((status.carrier.name,), not status.is_faulty) for status in statuses]
    yield _gauge("chinqit_carrier_up", "Whether the carrier works.", ("carrier",), up)
    answers = [
        ((name, answer), getattr(done, answer))
        for name, done in work.items()
        for answer in ("taken", "refused", "again", "unknown")
    ]
    about = "What the carrier answered in the last hour."
    yield _gauge("chinqit_carrier_answers_last_hour", about, ("carrier", "answer"), answers)
    slow = [((name,), done.p95) for name, done in work.items() if done.p95 is not None]
    yield _gauge("chinqit_carrier_p95_seconds", "Within which 95 of 100 answers came, last hour.", ("carrier",), slow)


def _webhooks(session: Session) -> Iterator[Metric]:
    known = WebhookEndpoint.deleted_at.is_(None)
    failing = WebhookEndpoint.failing_since.is_not(None), WebhookEndpoint.disabled_at.is_(None)
    states = {
        "failing": session.scalar(select(func.count()).where(known, *failing)) or 0,
        "disabled": session.scalar(select(func.count()).where(known, WebhookEndpoint.disabled_at.is_not(None))) or 0,
    }
    rows = [((state,), count) for state, count in states.items()]
    yield _gauge("chinqit_webhooks", "Webhooks that fail or are disabled.", ("state",), rows)


def _limits(session: Session) -> Iterator[Metric]:
    columns = core_table(LimitRejection).c
    query = select(columns.window, func.sum(columns.times)).where(columns.at > utcnow() - HOUR)
    rows = [((window,), int(count)) for window, count in session.execute(query.group_by(columns.window))]
    about = "Codes that the limits did not let through in the last hour, at least."
    yield _gauge("chinqit_limit_rejections_last_hour", about, ("window",), rows)


def _problems(session: Session, settings: Settings, valkey_fault: str | None) -> Iterator[Metric]:
    found = judge.everything(session, settings, valkey_fault)
    rows = {(alert.code, alert.subject, alert.severity): 1 for alert in found}
    about = "What `chinqit doctor` calls wrong, or what is good to know."
    yield _gauge("chinqit_problem", about, ("code", "subject", "severity"), rows.items())


def _gauge(name: str, about: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], Any]]) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family


def _buckets(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, float]]:
    """As Prometheus has them: each holds those before."""
    names = [*map(floatToGoString, bounds), "+Inf"]
    return list(zip(names, map(float, accumulate(counts)), strict=True))
