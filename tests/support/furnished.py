"""A dashboard that has something to show."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dashboard.db import utcnow
from dashboard.gateway.accounts import links, users
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.api_keys import usage
from dashboard.gateway.api_keys.usage import KeyUse
from dashboard.gateway.audit import trail
from dashboard.gateway.costs import budgets, charges, prices
from dashboard.gateway.costs.budgets import NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.inbound import inbox
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.statistics import rollup
from dashboard.gateway.webhooks import endpoints
from dashboard.models.accounts import User
from dashboard.models.api_keys import ApiKey, KeySecret
from dashboard.models.costs import DailyCost
from dashboard.models.limits import PumpedRange
from dashboard.models.messages import Message
from dashboard.models.monitoring import Outage
from dashboard.providers.base import Incoming
from dashboard.vocabulary import AlertChannelKind, BudgetPeriod, Language
from tests.support.dashboard_client import HASH, World

LIST = "/dashboard/messages/"


def furnish(world: World) -> tuple[ApiKey, str]:
    """A key in use, and messages of every state; return the key and the id of a failed message."""
    key = world.key("Boutique", otp_cap=500, networks=("41.138.0.0/16",))
    world.key("تطبيق", mode="test", scopes=("otp",))
    with world.services.sessions.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=utcnow()))
    world.text(key, "+22245112233"), world.code(key, "+22247000001", language="ar", **world.sent(status="expired"))
    world.code(key, **world.sent(confirmed_by="otp")), world.text(key, **world.sent(status="sent"))
    failed = {"status": "failed", "delivered_at": None, "failed_at": utcnow(), "error_code": "unreachable"}
    return key, world.text(key, **world.sent(**failed)).uuid


def furnish_more(world: World, key: ApiKey) -> tuple[str, str]:
    """What there is to see beside messages: figures, a webhook, a key built into an app; return the ids of the two."""
    rollup.fold_for(world.services.sessions, 5)
    spend(world, key)
    loose = world.key("Fidélité")
    words = {"+22238449900": "Ma commande n’est pas arrivée", "+22222449900": "متى يعود الماء؟", "+22246449900": "قف"}
    came = [Incoming(phone, "3601", text, utcnow()) for phone, text in words.items()]
    inbox.receive(world.services.sessions, "mauritel", came)
    with world.services.sessions.begin() as session:
        for n in range(usage.MANY):
            usage.record(session, KeyUse.of(loose.id, f"41.138.0.{n}", "okhttp/4.12.0"))
        wanted = endpoints.NewEndpoint(key.id, "https://hooks.example.org/chinqit?token=abcdef")
        made, _secret = endpoints.create(session, endpoints.cipher(world.services.settings), wanted)
        told(session, world)
        limited(session, key)
        of_old = {"created_at": utcnow() - timedelta(days=400)}
        session.execute(update(KeySecret).where(KeySecret.key_id == loose.id).values(**of_old))
        session.execute(update(ApiKey).where(ApiKey.id == loose.id).values(**of_old))
        return made.id, loose.id


def limited(session: Session, key: ApiKey) -> None:
    """Overrides, one of which ends soon, and ranges of numbers that were pumped: held back, let through, over."""
    soon = utcnow() + timedelta(days=2)
    overrides.add(session, NewOverride(None, "+22238089336", 10, None, 60, "Téléphone du guichet", soon), "nadia")
    overrides.add(session, NewOverride(key.id, None, 0, None, None, "هاتف الاختبار في الوكالة الكبرى"), "nadia")
    for number, (step, ends) in enumerate((("stop", 60), ("released", 600), ("slow", -5))):
        now = utcnow()
        times = {"began_at": now - timedelta(minutes=90), "until": now + timedelta(minutes=ends)}
        counts = {"sent": 1_043, "verified": 2, "numbers": 631, "is_sequential": number == 0, "refused": 12}
        session.add(PumpedRange(key_id=key.id, digits=f"+2223808{number}", step=step, **counts, **times))


def spend(world: World, key: ApiKey) -> None:
    """Prices, one of them to come, and what texts cost today."""
    today = utcnow().date()
    subject = {"day": today, "key_id": key.id, "channel": "sms", "carrier": "mauritel"}
    figures = charges.NOTHING | {"messages": 900, "segments": 1_204, "cost": 3_852_800, "unpriced_segments": 4}
    figures |= {"failed_segments": 31, "failed_cost": 99_200, "wasted_segments": 140, "wasted_cost": 448_000}
    with world.services.sessions.begin() as session:
        for days, amount in ((-60, 3_200), (30, 3_355)):
            new = NewPrice("mauritel", "sms", prices.ALL_OPERATORS, today + timedelta(days=days), amount, days < 0)
            prices.save(session, new)
        for operator in "234":
            session.add(DailyCost(**subject, **figures, operator=operator))
        session.flush()
        for amount, period in ((14_000_000, BudgetPeriod.MONTH), (900_000_000, BudgetPeriod.DAY)):
            budgets.save(session, NewBudget(key.id, period, amount, "Africa/Nouakchott"), 0)


def told(session: Session, world: World) -> None:
    """A channel of alerts that was refused, what is wrong, what is over, and an outage."""
    held = list(session.scalars(select(Message.id).limit(3)))
    end = utcnow() - timedelta(minutes=2)
    times = {"began_at": end - timedelta(minutes=40), "ended_at": end, "checked_at": end}
    session.add(Outage(**times, clock_off=3, waiting=12, in_hand=held, in_hand_count=5, lost=0))
    address = "https://garde.exemple-de-la-banque.mr/alertes"
    wanted = NewChannel(AlertChannelKind.WEBHOOK, address, Language.ARABIC, quiet_from="22:00", quiet_until="06:30")
    channel, _secret = channels.create(session, channels.cipher(world.services.settings), wanted)
    channel.last_at, channel.last_error = utcnow(), "HTTP 401"
    over = [Alert(AlertCode.CARRIER_REFUSING, "mauritel", id="7"), Alert(AlertCode.DISK, count=3)]
    incidents.observe(session, over, utcnow() - timedelta(hours=2))
    incidents.observe(session, [Alert(AlertCode.NO_RELAY)], utcnow() - timedelta(hours=1))
    incidents.acknowledge(session, incidents.open_now(session)[0].id, "محمد ولد أحمد", utcnow())
    incidents.observe(session, [Alert(AlertCode.NO_RELAY), Alert(AlertCode.NO_WORKER, "sms")], utcnow())


def invitation(world: World) -> str:
    """The token of one, in a team that has a person of each kind."""
    people = {"desk": utcnow(), "operator": utcnow() - timedelta(days=97), "viewer": None}
    with world.services.sessions.begin() as session:
        for role, seen_at in people.items():
            email = f"{role}@sahelpay.mr"
            session.add(User(email=email, name=f"محمد {role}", role=role, password_hash=HASH, seen_at=seen_at))
        session.add(User(email="gone@sahelpay.mr", role="viewer", password_hash=HASH, disabled_at=utcnow()))
        links.invite(session, "khadija.mint.mohamed.lemine@support.sahelpay.example.org", "desk", None)
        return links.invite(session, "nadia@example.org", "operator", None)


def acts(world: World) -> None:
    """Entries of the audit log: long, short and right-to-left ones."""
    nadia = trail.Actor("nadia@example.org", world.services.settings.chinqit_home, "2001:db8::8a2e:370:7334", "r1")
    with world.services.sessions.begin() as session:
        trail.record(session, nadia, "sign_in.enter", nadia.name)
        trail.record(session, nadia, "routing.save", "sms 4", carriers=(["1. mauritel (1)"], ["1. mattel (1)"]))
        body = ("Votre code est {code}. Même s’il…", "رمزك هو {code} لا تعطه لأحد")
        trail.record(session, nadia, "otp_templates.save", "تطبيق ar", body=body, brand=("", "Sahel Pay"))
        key = {"name": (None, "Boutique"), "scopes": (None, ["send", "otp", "read"]), "sms_fallback": (None, False)}
        trail.record(session, nadia, "api_keys.create", "Boutique", **key)


def set_up_link(world: World) -> str:
    with world.services.sessions.begin() as session:
        return users.make_setup_link(session)
