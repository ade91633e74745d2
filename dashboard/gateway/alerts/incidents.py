"""Incidents: what the judge finds wrong, from when it is first seen until it has been gone for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dashboard.db import core_table, execute_dml, insert, iso
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.alerts import AlertIncident

CLEAR_AFTER = timedelta(seconds=30)  # of not being seen: what comes and goes is one incident
KEPT = timedelta(days=90)
AT_ONCE = 500  # rows of one statement: SQLite takes 32,766 values
_INCIDENTS = core_table(AlertIncident)


def observe(session: Session, found: Sequence[Alert], now: datetime) -> None:
    """Open incidents for causes that are new, renew those that last, close those that are gone; the caller commits."""
    by_cause = {alert.cause[:200]: alert for alert in found}
    rows = [_row(cause, alert, now) for cause, alert in sorted(by_cause.items())]
    for start in range(0, len(rows), AT_ONCE):
        statement = insert(session, _INCIDENTS).values(rows[start : start + AT_ONCE])
        renewed = {name: statement.excluded[name] for name in ("facts", "severity", "seen_at")}
        session.execute(statement.on_conflict_do_update(index_elements=["open_cause"], set_=renewed))
    is_gone = AlertIncident.cleared_at.is_(None), AlertIncident.seen_at < now - CLEAR_AFTER
    session.execute(update(AlertIncident).where(*is_gone).values(cleared_at=now, open_cause=None))


def open_now(session: Session) -> list[AlertIncident]:
    """Those that last, the newest first."""
    query = select(AlertIncident).where(AlertIncident.cleared_at.is_(None))
    return list(session.scalars(query.order_by(AlertIncident.opened_at.desc(), AlertIncident.id.desc())))


def by_cause(session: Session) -> dict[str, AlertIncident]:
    """Those that last."""
    return {incident.cause: incident for incident in open_now(session)}


def count_unattended(session: Session) -> Counter[str]:
    """How many last, by their code; those that somebody takes care of are left out."""
    query = select(AlertIncident.code, func.count().label("number")).where(
        AlertIncident.open_cause.is_not(None), AlertIncident.acknowledged_at.is_(None)
    )
    return Counter({row.code: row.number for row in session.execute(query.group_by(AlertIncident.code))})


def past(session: Session, limit: int) -> list[AlertIncident]:
    """Those that are over, the newest first."""
    query = select(AlertIncident).where(AlertIncident.cleared_at.is_not(None))
    return list(session.scalars(query.order_by(AlertIncident.opened_at.desc()).limit(limit)))


def acknowledge(session: Session, incident_id: int, by: str, now: datetime) -> bool:
    """Note who takes care of it, so that nobody is told again; False when it is over, or somebody does already."""
    is_free = (
        AlertIncident.id == incident_id,
        AlertIncident.cleared_at.is_(None),
        AlertIncident.acknowledged_at.is_(None),
    )
    values = {"acknowledged_at": now, "acknowledged_by": by}
    return execute_dml(session, update(AlertIncident).where(*is_free).values(values)) > 0


def alert_of(incident: AlertIncident) -> Alert:
    """What was found, as it was when it was last seen."""
    facts = dict(incident.facts)
    since = facts.pop("since")
    return Alert(
        AlertCode(incident.code),
        incident.subject,
        timedelta(seconds=facts.pop("seconds")),
        since=datetime.fromisoformat(since) if since else None,
        **facts,
    )


def unsaved(alert: Alert, since: datetime) -> AlertIncident:
    """An incident that cannot be kept, since the database is what fails."""
    return AlertIncident(**_row(alert.cause, alert, since))


def forget_old(session: Session, now: datetime) -> None:
    """Delete what has been over for KEPT, and with it who was told."""
    session.execute(delete(AlertIncident).where(AlertIncident.cleared_at < now - KEPT))


def _row(cause: str, alert: Alert, now: datetime) -> dict[str, Any]:
    facts = {
        "seconds": alert.length.total_seconds(),
        "id": alert.id,
        "count": alert.count,
        "reason": alert.reason,
        "tried": alert.tried,
        "since": iso(alert.since),
    }
    return {
        "cause": cause,
        "open_cause": cause,
        "code": alert.code,
        "severity": alert.severity,
        "subject": alert.subject[:254],
        "facts": facts,
        "opened_at": now,
        "seen_at": now,
    }
