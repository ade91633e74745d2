"""Carriers and routes that have something to show."""

from __future__ import annotations

from datetime import timedelta

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.models.carriers import CarrierConnection, CarrierMinute
from dashboard.models.delivery import UnmatchedReceipt

HTTP = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}', "password": "hush"}


def furnish_carriers(services: Services) -> dict[str, int]:
    """Carriers in several states with figures and strays, and rules; return their ids."""
    box, now = carriers.cipher(services.settings), utcnow()
    meta = {"phone_number_id": "123456", "access_token": "hush", "template_fr": "code"}
    with services.sessions.begin() as session:
        found = {
            name: carriers.add(session, box, NewCarrier("http", name, HTTP)) for name in ("mauritel", "mattel", "spare")
        }
        found["meta"] = carriers.add(session, box, NewCarrier("whatsapp", "meta", meta))
        rules.set_rule(
            session, ("sms", None, None), [NewRouteTarget("mauritel", 0, 70), NewRouteTarget("mattel", 0, 30)]
        )
        rules.set_rule(session, ("sms", "3", None), [NewRouteTarget("mattel", 0), NewRouteTarget("spare", 1)])
        found["mattel"].down_since = now
        found["mattel"].down_code = "certificate_refused"
        found["spare"].enabled = False
        line = {"version": 1, "under_way": 2, "beat_at": now + timedelta(minutes=5), "carrier_id": found["mauritel"].id}
        session.add(CarrierConnection(process="a-rather-long-host-name.example:12345", state="ready", **line))
        counts = {"taken": 40, "refused": 1, "again": 2, "unknown": 0, "times": [0, 20, 20, 3, 0, 0, 0, 0, 0, 0, 0]}
        session.add(CarrierMinute(carrier="mauritel", at=now, **counts))
        told = {"references": ["0A1B2C3D4E5F60718293A4B5C6D7E8F9"], "phone": "", "state": "failed"}
        session.add(UnmatchedReceipt(carrier="mauritel", code="smpp_undelivered", at=now, **told))
        unread = {"references": [], "phone": "", "state": "unknown", "raw": "id:4F-1B03-77A2 stat:ACKED err:000 " * 4}
        session.add(UnmatchedReceipt(carrier="mauritel", at=now, **unread))
        session.add(CarrierMinute(carrier="meta", at=now, taken=0, refused=57, again=0, unknown=0, times=[0] * 11))
        session.add(CarrierConnection(process="host:2", state="ready", **line | {"carrier_id": found["meta"].id}))
        return {name: row.id for name, row in found.items()}
