"""What a channel is to be told now, all in one message, and that it was told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from dashboard.db import core_table, insert
from dashboard.gateway.alerts import channels
from dashboard.models.alerts import AlertChannel, AlertIncident, AlertNotice
from dashboard.vocabulary import Severity

SETTLE = timedelta(seconds=5)  # a cause is told once it has lasted so long, and with all that came up beside it
_NOTICES = core_table(AlertNotice)


@dataclass(frozen=True)
class Digest:
    """Incidents that are new to a channel, those it hears of again, and those that are over."""

    new: Sequence[AlertIncident] = ()
    again: Sequence[AlertIncident] = ()
    cleared: Sequence[AlertIncident] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.again or self.cleared)

    @property
    def told(self) -> Sequence[AlertIncident]:
        return (*self.new, *self.again)


def of_channel(session: Session, channel: AlertChannel, now: datetime, zone: str) -> Digest:
    """What there is to tell. In quiet hours only what is grave; the rest waits and comes in one message after them."""
    severities = list(Severity)
    wanted = severities[: severities.index(Severity(channel.severity)) + 1]
    if channels.is_quiet(channel, now, zone):
        wanted = [Severity.GRAVE]
    of_channel = and_(AlertNotice.incident_id == AlertIncident.id, AlertNotice.channel_id == channel.id)
    lasts = AlertIncident.cleared_at.is_(None)
    to_be_closed = and_(AlertNotice.told_at.is_not(None), AlertNotice.cleared_told_at.is_(None))
    query = (
        select(AlertIncident, AlertNotice)
        .outerjoin(AlertNotice, of_channel)
        .where(AlertIncident.severity.in_(wanted), or_(lasts, to_be_closed))
        .order_by(AlertIncident.severity != Severity.GRAVE, AlertIncident.id)
    )
    new: list[AlertIncident] = []
    again: list[AlertIncident] = []
    cleared: list[AlertIncident] = []
    for incident, notice in session.execute(query):
        if incident.cleared_at is not None:
            cleared.append(incident)
        elif incident.acknowledged_at is not None:
            continue
        elif notice is None:
            if incident.opened_at <= now - SETTLE:
                new.append(incident)
        elif channel.repeat_minutes and notice.told_at <= now - timedelta(minutes=channel.repeat_minutes):
            again.append(incident)
    return Digest(new, again, cleared)


def note(session: Session, channel_id: int, digest: Digest, now: datetime) -> None:
    """Keep that the channel was told; the caller commits."""
    rows = [(incident, None) for incident in digest.told] + [(incident, now) for incident in digest.cleared]
    for incident, cleared_at in rows:
        values = {"channel_id": channel_id, "incident_id": incident.id, "told_at": now, "cleared_told_at": cleared_at}
        statement = insert(session, _NOTICES).values(values)
        changed = {"cleared_told_at": now} if cleared_at else {"told_at": now}
        session.execute(statement.on_conflict_do_update(index_elements=["channel_id", "incident_id"], set_=changed))
