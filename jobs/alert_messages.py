"""What a channel is sent: one message for all that changed, in the channel's language."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.cli import alert_words
from dashboard.cli.alert_words import Translate
from dashboard.db import iso
from dashboard.gateway.alerts import incidents
from dashboard.gateway.alerts.digest import Digest
from dashboard.models.alerts import AlertIncident
from dashboard.resources import resource
from dashboard.vocabulary import Severity

MOST_TOLD = 20  # incidents in words; of the others, how many there are


@dataclass(frozen=True)
class Speaker:
    """Whose language and zone, and who speaks: `sender` is the organisation, `address` where the page of alerts is."""

    language: str
    zone: str
    sender: str
    address: str

    @property
    def translate(self) -> Translate:
        return gettext.translation("messages", resource("translations"), [self.language], fallback=True).gettext


@dataclass(frozen=True)
class AlertMessage:
    """The same as text and as the JSON of a webhook."""

    title: str
    text: str
    event: dict[str, Any]


def of_digest(digest: Digest, speaker: Speaker, now: datetime) -> AlertMessage:
    _ = speaker.translate
    parts = ((alert_words.NEW, digest.new), (alert_words.AGAIN, digest.again), (alert_words.CLEARED, digest.cleared))
    lines: list[str] = []
    for heading, told in parts:
        if told:
            lines += [f"{_(heading)}:", *_lines(told, speaker), ""]
    first = (digest.told or digest.cleared)[0]
    word = alert_words.SEVERITIES[Severity(first.severity)] if digest.told else alert_words.CLEARED
    more = len(digest.told or digest.cleared) - 1
    title = f"[{speaker.sender}] {_(word)}: {alert_words.message(incidents.alert_of(first), _)}"
    data = {
        "new": [_as_json(incident) for incident in digest.new],
        "again": [_as_json(incident) for incident in digest.again],
        "cleared": [_as_json(incident) for incident in digest.cleared],
    }
    return AlertMessage(
        " ".join(title.split()) + (f" (+{more})" if more else ""),
        "\n".join([*lines, _(alert_words.WHERE) % {"address": speaker.address}]),
        {"type": "alert.changed", "timestamp": iso(now), "data": data},
    )


def test(speaker: Speaker, now: datetime) -> AlertMessage:
    """Shows that a channel works."""
    _ = speaker.translate
    text = _(alert_words.TEST_TEXT) % {"address": speaker.address}
    event: dict[str, Any] = {"type": "alert.test", "timestamp": iso(now), "data": {}}
    return AlertMessage(f"[{speaker.sender}] {_(alert_words.TEST_TITLE)}", text, event)


def _lines(told: Sequence[AlertIncident], speaker: Speaker) -> list[str]:
    """Two lines an incident."""
    _, zone, lines = speaker.translate, ZoneInfo(speaker.zone), []
    for incident in told[:MOST_TOLD]:
        alert = incidents.alert_of(incident)
        since = _(alert_words.SINCE) % {"time": f"{incident.opened_at.astimezone(zone):%Y-%m-%d %H:%M}"}
        word = _(alert_words.SEVERITIES[Severity(incident.severity)])
        lines.append(f"- {word}: {alert_words.message(alert, _)} ({since})")
        if incident.cleared_at is None:
            lines.append(f"  {alert_words.advice(alert, _)}")
    if told[MOST_TOLD:]:
        lines.append(_(alert_words.MORE) % {"count": len(told) - MOST_TOLD})
    return lines


def _as_json(incident: AlertIncident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "code": incident.code,
        "severity": incident.severity,
        "subject": incident.subject,
        "message": alert_words.message(incidents.alert_of(incident)),
        "openedAt": iso(incident.opened_at),
        "clearedAt": iso(incident.cleared_at),
    }
