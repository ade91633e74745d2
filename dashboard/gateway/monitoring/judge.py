"""All that is wrong at this moment: the judge of the attention list, of `chinqit doctor`, `/alarm` and the alerts."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway import workers
from dashboard.gateway.carriers import carriers, recent
from dashboard.gateway.carriers.recent import Recent
from dashboard.gateway.maintenance import secret_keys
from dashboard.gateway.monitoring import alerts, carrier_status, outages
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.statistics import queries
from dashboard.gateway.statistics.queries import Narrow, Period, total
from dashboard.models.site_settings import Setting
from dashboard.settings import Settings
from dashboard.sms import numbers
from dashboard.vocabulary import Operator, Severity, Trend

LEAST_FREE = 0.1  # of the disk
ENOUGH_FREE = 20 * 2**30  # bytes, of which any disk has enough
OUTAGE_TOLD = timedelta(days=1)  # after its end
BACKUP_ROW = "last_backup"  # of table settings
OLDEST_BACKUP = timedelta(hours=36)  # one a night, and one that was late


def everything(session: Session, settings: Settings, valkey_fault: str | None) -> list[Alert]:
    """What is wrong, the gravest first; `valkey_fault` is what `Wakeup.fault` returned."""
    lately = recent.of_operators(session)
    statuses = carrier_status.all_of(session, carriers.cipher(settings))
    found = alerts.alerts(session, alerts.lanes(session), workers.alive(session), statuses, lately)
    return sorted(found + around(session, settings, lately, valkey_fault), key=_rank)


def around(
    session: Session, settings: Settings, lately: Mapping[Operator, Recent], valkey_fault: str | None
) -> list[Alert]:
    """What the rows of messages, carriers and webhooks do not tell: the machine, the secrets, backups, conversion."""
    return [
        *([] if valkey_fault is None else [Alert(AlertCode.NO_VALKEY, reason=valkey_fault)]),
        *disk_alerts(settings.chinqit_home),
        *secret_alerts(session, settings),
        *backup_alerts(session),
        *conversion_alerts(session, lately),
        *outage_alerts(session),
    ]


def disk_alerts(home: Path) -> list[Alert]:
    """Of the home folder: SQLite's database lies there, and what a PostgreSQL server has left only itself knows."""
    usage = shutil.disk_usage(home)
    if usage.free < min(LEAST_FREE * usage.total, ENOUGH_FREE):
        return [Alert(AlertCode.DISK, count=round(100 * usage.free / usage.total))]
    return []


def secret_alerts(session: Session, settings: Settings) -> list[Alert]:
    return [Alert(AlertCode.SECRETS, name) for name in secret_keys.unfit(session, settings)]


def backup_alerts(session: Session) -> list[Alert]:
    """Whether the newest backup is too old. A gateway that never made one by `chinqit backup` may have another way."""
    made_at = backed_up_at(session)
    age = utcnow() - made_at if made_at is not None else timedelta(0)
    return [Alert(AlertCode.BACKUP_OLD, length=age)] if age > OLDEST_BACKUP else []


def backed_up_at(session: Session) -> datetime | None:
    """When `chinqit backup` made the newest backup; None: it never made one."""
    row = session.get(Setting, BACKUP_ROW)
    return datetime.fromisoformat(row.value) if row is not None else None


def note_backup(session: Session) -> None:
    """Keep when a backup was made; the caller commits."""
    now = utcnow()
    session.merge(Setting(name=BACKUP_ROW, value=now.isoformat(), changed_at=now))


def conversion_alerts(session: Session, lately: Mapping[Operator, Recent]) -> list[Alert]:
    """Operators whose codes are typed in right far more rarely than usual; `count` is the hour's share in percent."""
    now, narrow, measures = utcnow(), Narrow(kind="otp"), ("requested", "verified")
    days = queries.over_time_by(session, "operator", Period.last("hour", 24, now), narrow, measures)
    hours = queries.over_time_by(session, "operator", Period.last("minute", 60, now), narrow, measures)
    found = []
    for operator, minutes in lately.items():
        day, hour = total(days.get(operator, [])), total(hours.get(operator, []))
        share = hour.share("verified")
        health = alerts.operator_health(minutes, day.share("verified"), share, hour["requested"])
        if health is Trend.WEAK and share is not None:
            percent = round(100 * share)
            name = numbers.OPERATORS[operator]
            found.append(Alert(AlertCode.OPERATOR_WEAK, name, id=operator, count=percent, tried=hour["requested"]))
    return found


def outage_alerts(session: Session) -> list[Alert]:
    """The outage that ended within a day, once its damage is known: `count` codes expired in it, `tried` texts may be
    doubled, `reason` is what the check of the database found."""
    outage = outages.latest(session)
    if outage is None or outage.checked_at is None or abs(utcnow() - outage.ended_at) > OUTAGE_TOLD:
        return []
    found = [outage.fault or "", f"{outage.lost} lost" if outage.lost else ""]
    return [
        Alert(
            AlertCode.AFTER_OUTAGE,
            length=outage.length,
            id=str(outage.id),
            since=outage.began_at,
            count=outages.count_expired(session, outage),
            tried=outage.in_hand_count,
            reason=", ".join(filter(None, found)) or "ok",
        )
    ]


def is_wrong(alert: Alert) -> bool:
    """Whether `chinqit doctor` calls it wrong; an outage that is over is only told."""
    return alert.severity is not Severity.NOTICE and alert.code is not AlertCode.AFTER_OUTAGE


def _rank(alert: Alert) -> int:
    return list(Severity).index(alert.severity)
