"""Who is told of alerts: mailboxes, webhooks, phones, and services such as Telegram or Slack."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cryptography.fernet import InvalidToken
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway import encryption
from dashboard.gateway.encryption import Cipher, Purpose
from dashboard.gateway.webhooks import endpoints, signing
from dashboard.models.alerts import AlertChannel, AlertNotice
from dashboard.settings import Settings
from dashboard.sms import numbers
from dashboard.vocabulary import AlertChannelKind, Language, Severity

MOST_CHANNELS = 20
LONGEST_ADDRESS = 500
LEASE = timedelta(seconds=60)  # longer than any attempt to send
GAP = timedelta(seconds=30)  # between two messages: what comes up meanwhile goes out in one
EMAIL = re.compile(r"[^@\s<>,;:\"]{1,64}@[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])")
# Services of Apprise whose server is the service's own: an address leads nowhere else, whatever is typed.
SERVICES = {
    "tgram": "Telegram",
    "slack": "Slack",
    "discord": "Discord",
    "gchat": "Google Chat",
    "pover": "Pushover",
    "pagerduty": "PagerDuty",
}


class TooManyChannels(Exception):
    """There are MOST_CHANNELS already."""


@dataclass(frozen=True)
class NewChannel:
    """What a channel is to be; `quiet_from` and `quiet_until` as 22:00, both or none."""

    kind: AlertChannelKind
    address: str = field(repr=False)
    language: Language
    severity: Severity = Severity.WARNING
    quiet_from: str | None = None
    quiet_until: str | None = None
    repeat_minutes: int = 0


@dataclass(frozen=True)
class Target:
    """Where a channel leads."""

    kind: str
    address: str = field(repr=False)
    secret: str = field(repr=False)  # of a webhook, else empty


def cipher(settings: Settings) -> Cipher:
    return encryption.cipher(settings, Purpose.ALERT_CHANNELS)


def fault(kind: str, address: str, settings: Settings) -> str | None:
    """A code for what is wrong: `email`, `no_mail_server`, `service`, `phone`, or one of `endpoints.url_fault`."""
    if kind == AlertChannelKind.WEBHOOK:
        return endpoints.url_fault(address, endpoints.guard(settings))
    if kind == AlertChannelKind.EMAIL:
        if not settings.smtp_url:
            return "no_mail_server"
        return None if EMAIL.fullmatch(address) else "email"
    if kind == AlertChannelKind.SMS:
        return None if _phone(address) else "phone"
    scheme, mark, rest = address.partition("://")
    # A query could name files and hosts of this machine.
    known = scheme in SERVICES and mark and rest and "?" not in rest and address.isprintable()
    return None if known and len(address) <= LONGEST_ADDRESS else "service"


def create(session: Session, box: Cipher, wanted: NewChannel, by: str | None = None) -> tuple[AlertChannel, str]:
    """Make a channel; return it with a webhook's secret, which is shown once. Raise TooManyChannels."""
    if len(listed(session)) >= MOST_CHANNELS:
        raise TooManyChannels
    secret = signing.new_secret() if wanted.kind is AlertChannelKind.WEBHOOK else ""
    address = (_phone(wanted.address) or "") if wanted.kind is AlertChannelKind.SMS else wanted.address
    sealed = box.encrypt(json.dumps({"address": address, "secret": secret}).encode())
    channel = AlertChannel(
        kind=wanted.kind,
        label=_label(wanted.kind, address),
        sealed=sealed,
        severity=wanted.severity,
        language=wanted.language,
        quiet_from=wanted.quiet_from,
        quiet_until=wanted.quiet_until,
        repeat_minutes=wanted.repeat_minutes,
        created_by=by,
    )
    session.add(channel)
    session.flush()
    return channel, secret


def listed(session: Session) -> list[AlertChannel]:
    return list(session.scalars(select(AlertChannel).order_by(AlertChannel.id)))


def told_of(session: Session, channel: AlertChannel) -> list[tuple[int, datetime]]:
    """The ids of incidents that a channel was told of and not yet told the end of, and when."""
    told = (AlertNotice.channel_id == channel.id, AlertNotice.cleared_told_at.is_(None))
    rows = session.execute(select(AlertNotice.incident_id, AlertNotice.told_at).where(*told))
    return [(incident_id, at) for incident_id, at in rows]


def note_told(session: Session, channel: AlertChannel, told: Iterable[tuple[int, datetime]]) -> None:
    """Note again what `told_of` said of a channel that was gone for a moment: it is not told twice."""
    session.add_all(AlertNotice(channel_id=channel.id, incident_id=incident, told_at=at) for incident, at in told)
    session.flush()


def target(box: Cipher, channel: AlertChannel) -> Target | None:
    """Where it leads; None when it was encrypted with another DATA_SECRET."""
    try:
        found = json.loads(box.decrypt(channel.sealed))
    except InvalidToken:
        return None
    return Target(channel.kind, found["address"], found["secret"])


def claim(session: Session, channel_id: int, now: datetime) -> bool:
    """Whether this process may send by the channel now: of several relays one does. The caller commits."""
    free = or_(AlertChannel.claimed_until.is_(None), AlertChannel.claimed_until < now)
    due = or_(
        AlertChannel.next_at.is_(None),
        AlertChannel.next_at <= now,
        AlertChannel.next_at > now + GAP,  # a clock that was set back
        AlertChannel.test_asked_at.is_not(None),
    )
    claimed = update(AlertChannel).where(AlertChannel.id == channel_id, free, due)
    statement = claimed.values(claimed_until=now + LEASE).returning(AlertChannel.id)
    return session.scalar(statement) is not None


def release(session: Session, channel_id: int, *, next_at: datetime | None = None) -> None:
    """Give a claimed channel back; nothing more leaves before `next_at`."""
    values = {"claimed_until": None} | ({"next_at": next_at} if next_at else {})
    session.execute(update(AlertChannel).where(AlertChannel.id == channel_id).values(values))


def ask_test(session: Session, channel: AlertChannel) -> None:
    """Have the relay send a test message; it does within seconds."""
    channel.test_asked_at = utcnow()


def is_quiet(channel: AlertChannel, now: datetime, zone: str) -> bool:
    """Whether it is within the channel's quiet hours, which may pass midnight."""
    if not channel.quiet_from or not channel.quiet_until:
        return False
    at = now.astimezone(ZoneInfo(zone)).time()
    begin, end = time.fromisoformat(channel.quiet_from), time.fromisoformat(channel.quiet_until)
    return begin <= at < end if begin <= end else at >= begin or at < end


def is_time(text: str) -> bool:
    """Whether it is a time of the day as 22:00."""
    return re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", text) is not None


def _label(kind: str, address: str) -> str:
    """What everybody may see of an address: of a webhook's the host, of a service its name; both hold secrets."""
    if kind == AlertChannelKind.EMAIL:
        return address
    if kind == AlertChannelKind.SMS:
        return numbers.masked(address)
    if kind == AlertChannelKind.WEBHOOK:
        return urlsplit(address).netloc[:254]
    return SERVICES[address.partition("://")[0]]


def _phone(address: str) -> str | None:
    """The number of a mobile phone as +222XXXXXXXX; None when it is none."""
    try:
        found = numbers.parse(address.replace(" ", ""))
    except numbers.InvalidPhone:
        return None
    return None if numbers.is_fixed(found) else found
