"""Carriers behind HTTP for tests: set up as an administrator does, each with a ledger of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import send
from dashboard.gateway.otp.codes import Keyring
from dashboard.models.carriers import Carrier
from dashboard.models.messages import Message
from dashboard.settings import Settings
from tests.support.fake_carrier import Carrier as Ledger
from tests.support.fake_carrier import Wire

PHONE = "+22248089336"
HTTP = {
    "body": '{"id": "{id}", "to": "{phone}", "text": "{text}"}',
    "reference_from": "json id",
    "allow_http": "on",
    "allow_private": "on",
    "callback_format": "json",
    "callback_reference": "id",
    "callback_state": "state",
    "callback_secret": "a-secret-of-the-carrier",
}
WHATSAPP = {
    "phone_number_id": "106540352242922",
    "access_token": "EAAG-token",
    "template_fr": "code",
    "app_secret": "5e" * 16,
    "allow_http": "on",
    "allow_private": "on",
}

SMSGATE = {
    "mode": "local",
    "username": "sms",
    "password": "password-of-the-phone",
    "signing_key": "signing-key-of-the-phone",
    "allow_http": "on",
    "allow_private": "on",
}


def takes(wire: Wire) -> None:
    """As a carrier that is well."""
    assert wire.request is not None
    told = json.loads(wire.request.body)
    found = {"messages": [{"id": f"wamid.{told['biz_opaque_callback_data']}"}]} if "template" in told else told
    wire.answer(200, json.dumps(found).encode())


def fails(wire: Wire) -> None:
    wire.answer(503, b"down")


@dataclass
class Office:
    """A migrated database with a desk on it, and callers with keys."""

    sessions: Sessions
    settings: Settings
    desks: list[WorkerContext] = field(default_factory=list)

    def desk(self, channel: str = "sms") -> WorkerContext:
        """Another process's desk, with carriers open."""
        made = WorkerContext.open(self.sessions, self.settings, channel)
        made.connections.refresh()
        self.desks.append(made)
        return made

    def add(self, name: str, ledger: Ledger, kind: str = "http", **values: str) -> int:
        """Set a carrier up, which takes everything; return its id."""
        ledger.plays(takes)
        usual = {
            "http": HTTP | {"url": f"{ledger.url}/send"},
            "whatsapp": WHATSAPP | {"base_url": ledger.url},
            "smsgate": SMSGATE | {"address": ledger.url},
        }[kind]
        with self.sessions.begin() as session:
            wanted = carriers.NewCarrier(kind, name, usual | values)
            return carriers.add(session, carriers.cipher(self.settings), wanted).id

    def caller(self, mode: str = "live", **more: Any) -> Caller:
        with self.sessions.begin() as session:
            key, _ = keys.create(session, NewKey(f"{mode} key", mode=mode))
            for name, value in more.items():
                setattr(key, name, value)
            session.flush()
            return authentication.Caller.from_row(key)

    def submit(self, caller: Caller, phone: str = PHONE) -> str:
        with self.sessions.begin() as session:
            return outbox.submit(session, caller, Draft.text(phone, "Bonjour"))[1]

    def send_code(self, caller: Caller, channel: str = "sms", phone: str = PHONE) -> str:
        with self.sessions.begin() as session:
            keyring = Keyring.of(self.settings)
            return send.send(session, keyring, caller, send.Order(phone, channel)).message_id

    def drain(self, desk: WorkerContext, lane: str = "sms") -> int:
        desk.connections.refresh(now=True)
        return worker.drain(desk, lane, lambda: True)

    def end_waits(self) -> None:
        """Let what was put off be due, and the pauses of carriers be over; what is under way stays."""
        over = utcnow() - timedelta(seconds=1)
        with self.sessions.begin() as session:
            session.execute(update(Carrier).where(Carrier.down_until.is_not(None)).values(down_until=over))
            put_off = Message.due_at.is_not(None), Message.claim.is_(None)
            session.execute(update(Message).where(*put_off).values(due_at=utcnow()))

    def due_now(self) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Message).where(Message.due_at.is_not(None)).values(due_at=utcnow(), claim=None))

    def message(self, uuid: str) -> Message:
        with self.sessions() as session:
            found = session.scalars(select(Message).where(Message.uuid == uuid)).one()
            session.expunge_all()
            return found

    def change(self, carrier_id: int, **values: Any) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Carrier).where(Carrier.id == carrier_id).values(**values))

    def write(self, work: Callable[[Any], Any]) -> Any:
        with self.sessions(expire_on_commit=False) as session, session.begin():
            return work(session)


def taken(ledger: Ledger) -> list[str]:
    """The ids of our messages that reached a carrier, in order."""
    told = [json.loads(request.body) for request in ledger.ledger]
    return [one.get("id") or one["biz_opaque_callback_data"] for one in told]
