"""Tell people what is wrong: a thread of the relay looks every few seconds and sends what changed.

Of several relays each looks; the claim of a channel lets one of them send. A message that was sent and not noted,
because the database failed in between, is sent again.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.db import Sessions, error_reason, read_session, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.alerts import channels, digest, incidents, text_messages
from dashboard.gateway.alerts.channels import Target
from dashboard.gateway.alerts.digest import Digest
from dashboard.gateway.carriers import carriers
from dashboard.gateway.monitoring import judge
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.webhooks import endpoints, signing
from dashboard.models.alerts import AlertChannel, AlertIncident
from dashboard.outbound.client import HttpCall, HttpClient
from dashboard.outbound.errors import SendError
from dashboard.outbound.mail import MailNotSent, MailServer
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Lane
from dashboard.wakeup import Wakeup
from jobs import alert_messages
from jobs.alert_messages import AlertMessage, Speaker

log = logging.getLogger(__name__)
logging.getLogger("apprise").setLevel(logging.ERROR)  # its lower levels tell what was sent, and where

START_SECONDS = 20.0  # after the relay began: the other parts of the gateway start beside it
LOOK_SECONDS = 5.0
DOWN_AFTER = timedelta(seconds=20)  # of a database that fails
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Addressee:
    """Where a channel leads and how it is spoken to; kept in memory for when the database fails."""

    channel_id: int
    target: Target
    speaker: Speaker


class AlertSender:
    """Looks, and tells; `turn` is one look."""

    def __init__(self, sessions: Sessions, settings: Settings, wakeup: Wakeup) -> None:
        self.sessions, self.settings, self.wakeup = sessions, settings, wakeup
        self.http = HttpClient(endpoints.guard(settings), CALL_SECONDS)
        self.addressees: list[Addressee] = []
        self.failing_since: datetime | None = None
        self.told_failing: AlertIncident | None = None

    def run(self, stopping: threading.Event) -> None:
        """Look until `stopping` is set."""
        if stopping.wait(START_SECONDS):
            return
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.turn(utcnow())
            except Exception as error:  # the next look may fare better
                log.error("alerts: a look failed: %s", error_reason(error))

    def turn(self, now: datetime) -> None:
        """Judge, keep what was found, and tell each channel what changed."""
        try:
            self._look(now)
            for addressee in self.addressees:
                self._tell(addressee, now)
        except SQLAlchemyError as error:
            self._database_fails(error_reason(error), now)
        else:
            self._database_answers(now)

    def _look(self, now: datetime) -> None:
        fault = self.wakeup.fault()
        with read_session(self.sessions) as session:
            found = judge.everything(session, self.settings, fault)
            self.addressees = self._addressees(session)
        with self.sessions.begin() as session:
            incidents.observe(session, found, now)

    def _addressees(self, session: Session) -> list[Addressee]:
        preferences = site_settings.current(session)
        zone, sender = preferences.timezone or self.settings.timezone, preferences.organisation or "Chinqit"
        address = f"{self.settings.address}/dashboard/alerts/"
        found = []
        for channel in channels.listed(session):
            target = channels.target(channels.cipher(self.settings), channel)
            if target is not None:
                found.append(Addressee(channel.id, target, Speaker(channel.language, zone, sender, address)))
        return found

    def _tell(self, addressee: Addressee, now: datetime) -> None:
        """Send a channel what it was not told yet, and the test that somebody asked for."""
        if not self._pending(addressee, now) or not self._claim(addressee, now):
            return
        with read_session(self.sessions) as session:  # again: another relay may have told it until the claim
            channel = session.get_one(AlertChannel, addressee.channel_id)
            told = digest.of_channel(session, channel, now, addressee.speaker.zone)
            message = alert_messages.of_digest(told, addressee.speaker, now) if told else None
            is_test = channel.test_asked_at is not None
        faults = []
        if is_test:
            faults.append(self._send(addressee.target, alert_messages.test(addressee.speaker, now), now))
        if message is not None:
            faults.append(self._send(addressee.target, message, now, {incident.subject for incident in told.told}))
        with self.sessions.begin() as session:
            self._settle(session, addressee, told, faults, now)

    def _pending(self, addressee: Addressee, now: datetime) -> bool:
        with read_session(self.sessions) as session:
            channel = session.get(AlertChannel, addressee.channel_id)
            if channel is None:
                return False
            return channel.test_asked_at is not None or bool(
                digest.of_channel(session, channel, now, addressee.speaker.zone)
            )

    def _claim(self, addressee: Addressee, now: datetime) -> bool:
        with self.sessions.begin() as session:
            return channels.claim(session, addressee.channel_id, now)

    def _settle(
        self, session: Session, addressee: Addressee, told: Digest, faults: list[str | None], now: datetime
    ) -> None:
        if faults and faults[-1] is None and told:
            digest.note(session, addressee.channel_id, told, now)
        if faults:
            values = {"last_at": now, "last_error": faults[-1], "test_asked_at": None}
            session.execute(update(AlertChannel).where(AlertChannel.id == addressee.channel_id).values(values))
        channels.release(session, addressee.channel_id, next_at=now + channels.GAP if told else None)

    def _send(self, target: Target, message: AlertMessage, now: datetime, about: Collection[str] = ()) -> str | None:
        """Why it was not sent; None when it was. `about`: what is in trouble, and so should not carry it."""
        if target.kind == AlertChannelKind.SMS:
            fault = self._send_text(target.address, message.title, about)
        else:
            fault = send(self.settings, self.http, target, message, now)
        if fault is not None:
            log.warning("alerts: a channel of kind %s takes nothing: %s", target.kind, fault)
        return fault

    def _send_text(self, phone: str, text: str, about: Collection[str]) -> str | None:
        """By a carrier of the gateway. None: it was written down, and a worker sends it."""
        try:
            with self.sessions.begin() as session:
                text_messages.submit(session, carriers.cipher(self.settings), phone, text, about)
        except text_messages.NoCarrier:
            return "no carrier could take it"
        except SQLAlchemyError as error:
            return error_reason(error)[:200]
        self.wakeup.notify_again(Lane.SMS, 1)
        return None

    def _database_fails(self, reason: str, now: datetime) -> None:
        """Tell by what is remembered of the channels."""
        self.failing_since = self.failing_since or now
        if self.told_failing is not None or now - self.failing_since < DOWN_AFTER:
            return
        alert = Alert(AlertCode.DATABASE, reason=reason)
        self.told_failing = incidents.unsaved(alert, self.failing_since)
        self._tell_all(Digest(new=[self.told_failing]), now)

    def _database_answers(self, now: datetime) -> None:
        if self.told_failing is not None:
            self.told_failing.cleared_at = now
            self._tell_all(Digest(cleared=[self.told_failing]), now)
        self.failing_since = self.told_failing = None

    def _tell_all(self, told: Digest, now: datetime) -> None:
        for addressee in self.addressees:
            self._send(addressee.target, alert_messages.of_digest(told, addressee.speaker, now), now)


def send(settings: Settings, http: HttpClient, target: Target, message: AlertMessage, now: datetime) -> str | None:
    """Send a message; return why it was not taken, None when it was."""
    if target.kind == AlertChannelKind.EMAIL:
        try:
            MailServer(settings.smtp_url, settings.mail_sender).send(target.address, message.title, message.text)
        except MailNotSent as error:
            return str(error)
        return None
    if target.kind == AlertChannelKind.WEBHOOK:
        return _call(http, target, message, now)
    return _hand_to_service(target.address, message)


def _call(http: HttpClient, target: Target, message: AlertMessage, now: datetime) -> str | None:
    body = json.dumps(message.event, ensure_ascii=False).encode()
    headers = signing.headers([target.secret], f"alert_{uuid.uuid4()}", body, now)
    try:
        answer = http.send(HttpCall("POST", target.address, {"Content-Type": "application/json", **headers}, body))
    except SendError as error:
        return error.code
    return None if answer.ok else f"HTTP {answer.status}"


def _hand_to_service(address: str, message: AlertMessage) -> str | None:
    import apprise  # it takes 45 MB, which only a gateway with such a channel pays

    service = apprise.Apprise()
    if not service.add(address):
        return "the service does not know this address"
    taken = service.notify(body=message.text, title=message.title, body_format=apprise.NotifyFormat.TEXT)
    return None if taken else "the service did not take it"
