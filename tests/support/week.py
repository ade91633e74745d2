"""A gateway as its owner finds it on a Monday: a week of traffic, and what asks for attention."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update

from dashboard.db import utcnow
from dashboard.gateway import site_settings, workers
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.audit import chain, trail
from dashboard.gateway.audit.chain import ChainEntry
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.monitoring.judge import BACKUP_ROW
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.gateway.statistics import rollup
from dashboard.gateway.webhooks import endpoints, events, queue
from dashboard.gateway.webhooks.queue import AttemptResult
from dashboard.models.accounts import User
from dashboard.models.api_keys import ApiKey, KeySecret
from dashboard.models.audit import AuditEntry
from dashboard.models.carriers import CarrierConnection, CarrierMinute
from dashboard.models.messages import Message
from dashboard.models.monitoring import Process
from dashboard.models.otp import Otp
from dashboard.models.site_settings import Setting
from dashboard.vocabulary import AlertChannelKind, Language
from tests.support.dashboard_client import HASH, World

SHOP = "https://boutique.example.mr"
DAY = timedelta(days=1)


def noon(world: World) -> None:
    """Let the gateway's clocks be of a zone where it is noon: near midnight, a day would end while one looks."""
    zone = f"Etc/GMT{utcnow().hour - 12:+d}"
    with world.services.sessions.begin() as session:
        site_settings.save(session, site_settings.Preferences(timezone=zone))


@dataclass(frozen=True)
class Counts:
    """How many messages of a period there are in the log, by status, and the codes that were verified."""

    delivered: int
    failed: int
    verified: int

    @property
    def messages(self) -> int:
        return self.delivered + self.failed


@dataclass
class Week:
    """Makes the rows, the oldest first: the log runs along their ids."""

    world: World
    today: datetime  # noon
    key: ApiKey

    @classmethod
    def of(cls, world: World) -> Week:
        with world.services.sessions() as session:
            zone = ZoneInfo(site_settings.read(session).timezone)
        return cls(world, utcnow().astimezone(zone), world.key("Boutique Android"))

    def pass_by(self) -> dict[str, Counts]:
        """Two weeks of messages; return what the log has of yesterday and of last week."""
        monday = self.today - self.today.weekday() * DAY
        for at in (monday - 10 * DAY, monday - 5 * DAY, monday - 5 * DAY, monday - 4 * DAY):
            self._arrive(at)
        for _ in range(2):
            self._fail(monday - 4 * DAY, "unreachable")
        self._fail(monday - 4 * DAY, "barred")
        self._verify(monday - 4 * DAY)
        yesterday = self.today - DAY
        self._arrive(yesterday)
        self._fail(yesterday, "unreachable")
        self._verify(yesterday)
        rollup.fold_for(self.world.services.sessions, 5)
        days = {"yesterday": Counts(2, 1, 1), "last_week": Counts(4, 3, 1)}
        if self.today.weekday() == 0:  # then yesterday is of last week, too
            days["last_week"] = Counts(6, 4, 2)
        return days

    def _arrive(self, at: datetime) -> Message:
        times = {"created_at": at, "sending_at": at, "sent_at": at, "delivered_at": at + timedelta(seconds=4)}
        return self.world.text(self.key, **self.world.sent(carrier="mauritel", **times))

    def _fail(self, at: datetime, code: str) -> None:
        failed = {"status": "failed", "delivered_at": None, "failed_at": at, "error_code": code}
        times = {"created_at": at, "sending_at": at, "sent_at": at}
        self.world.text(self.key, "+22238089337", **self.world.sent(carrier="mauritel", **times, **failed))

    def _verify(self, at: datetime) -> None:
        """A code that is typed in right."""
        code = self.world.code(self.key, "+22246112233", **self.world.sent(carrier="mauritel"))
        self.world.guess_right(self.key, code)
        times = {"created_at": at, "sending_at": at, "sent_at": at, "delivered_at": at + timedelta(seconds=4)}
        self.world.settle(code.id, **times)
        verified = {"created_at": at, "verified_at": at + timedelta(seconds=20)}
        with self.world.services.sessions.begin() as session:
            session.execute(update(Otp).where(Otp.message_id == code.id).values(**verified))

    def run(self) -> None:
        """Processes live, a carrier works and has a route, and the last backup was made two nights ago."""
        services, now = self.world.services, utcnow()
        http = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
        with services.sessions.begin() as session:
            for role in ("sms", "whatsapp", "webhooks", workers.RELAY):
                session.add(Process(name=role, role=role, started_at=now, beat_at=now + timedelta(seconds=8)))
            box = carriers.cipher(services.settings)
            carrier = carriers.add(session, box, NewCarrier("http", "mauritel", http))
            rules.set_rule(session, ("sms", None, None), [NewRouteTarget("mauritel", 0)])
            lasting = now + timedelta(minutes=5)  # it gives no other sign of life
            line = {"version": 1, "under_way": 0, "beat_at": lasting, "carrier_id": carrier.id, "state": "ready"}
            session.add(CarrierConnection(process="host:1", **line))
            counts = {"taken": 40, "refused": 0, "again": 0, "unknown": 0, "times": [0, 20, 20, *[0] * 8]}
            session.add(CarrierMinute(carrier="mauritel", at=now, **counts))
            session.add(Setting(name=BACKUP_ROW, value=(now - 2 * DAY).isoformat(), changed_at=now))

    def disturb(self) -> str:
        """One of two webhooks of a host is told 410; return its id."""
        services = self.world.services
        box = endpoints.cipher(services.settings)
        with services.sessions.begin() as session:
            orders = endpoints.NewEndpoint(self.key.id, f"{SHOP}/hooks/commandes", description="Commandes")
            endpoints.create(session, box, orders)
            gone = endpoints.NewEndpoint(self.key.id, f"{SHOP}/hooks/retours", description="Retours")
            made, _secret = endpoints.create(session, box, gone)
            webhook = made.id
        with services.sessions.begin() as session:
            data = {"messageId": "of-the-weekend"}
            events.write(session.connection(), self.key.id, "message.failed", data, [webhook])
        with services.sessions() as session:
            (turn,) = queue.claim(session, 1, failing=False)
        with services.sessions.begin() as session:
            (delivery,) = queue.take(session, turn, 1)
            answer = AttemptResult(utcnow(), timedelta(milliseconds=84), 410, "refused", "moved away")
            queue.settle(session, turn, [(delivery, answer)])
        return webhook

    def age(self) -> None:
        """A key that nobody uses, a secret of last year, an override that ends soon, people, acts, a trouble past."""
        services, now = self.world.services, utcnow()
        idle = self.world.key("Caisse 2024")
        self.world.key("Borne")
        with services.sessions.begin() as session:
            session.execute(update(ApiKey).where(ApiKey.id == idle.id).values(created_at=now - 200 * DAY))
            session.execute(update(ApiKey).where(ApiKey.id == self.key.id).values(last_used_at=now))
            of_key = KeySecret.key_id == self.key.id
            session.execute(update(KeySecret).where(of_key).values(created_at=now - 400 * DAY))
            for phone, days in (("+22238089336", 60), ("+22246112233", 2)):
                overrides.add(session, NewOverride(None, phone, 10, None, None, f"{days} j", now + days * DAY), "")
            for name in ("Sidi", "Mariem"):
                session.add(User(email=f"{name}@example.mr".lower(), name=name, role="operator", password_hash=HASH))
            session.flush()
            session.execute(update(User).where(User.name == "Sidi").values(totp_sealed=b"-", totp_at=now))
            actor = trail.Actor("mariem@example.mr")
            old = ChainEntry(
                1, now - 20 * DAY, actor.name, "api_keys.create", "Ancienne", "{}", "", "", chain.START, ""
            )
            session.execute(insert(AuditEntry).values(old._replace(hash=old.expected_hash())._asdict()))
            trail.record(session, actor, "limits.usual", minute=(3, 5))
            wanted = NewChannel(AlertChannelKind.WEBHOOK, "https://garde.example.mr/alertes", Language.FRENCH)
            channels.create(session, channels.cipher(services.settings), wanted)
            incidents.observe(session, [Alert(AlertCode.DISK, count=3)], now - 3 * DAY)
            incidents.observe(session, [], now - 2 * DAY)
