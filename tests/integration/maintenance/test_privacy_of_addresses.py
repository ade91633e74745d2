"""What is kept of an e-mail address: copied, erased, cut and masked as a phone number is."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway.limits import overrides, rejections
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.maintenance import privacy, retention
from dashboard.gateway.monitoring import lookups, notes
from dashboard.gateway.otp import send
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.models.delivery import FailedAttempt
from dashboard.models.diagnosis import NumberLookup, NumberNote
from dashboard.models.limits import LimitRejection, WrongGuess
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.sandbox import SandboxMessage
from dashboard.models.webhooks import WebhookAttempt, WebhookEndpoint, WebhookEvent
from dashboard.vocabulary import Side, Status
from tests.support.dashboard_client import Browser, World
from tests.support.http_carriers import PHONE, Office

MINA, AMINA = "mailto:mina@example.mr", "mailto:amina@example.mr"  # the first one is the end of the second one
ADDRESS, OTHER = "mina@example.mr", "amina@example.mr"
CUT = "mailto:xxxxxx"
PAGE = "/dashboard/privacy/"


@pytest.fixture
def traces(office: Office) -> None:
    """Both addresses in each table that may hold one."""
    caller = office.caller()
    with office.sessions.begin() as session:
        session.add(WebhookEndpoint(id="hook", key_id=caller.id, url="https://example.org", events=["otp.verified"]))
    for number, address in enumerate((MINA, AMINA)):
        _leave(office, caller.id, office.send_code(caller, "email", address), address, number + 1)


def _leave(office: Office, key_id: str, uuid: str, address: str, number: int) -> None:
    plain, now = address.removeprefix("mailto:"), utcnow()
    with office.sessions.begin() as session:
        settled: dict[str, Any] = {"status": Status.SENT, "carrier": "mail", "due_at": None, "sent_at": now}
        session.execute(update(Message).where(Message.uuid == uuid).values(settled))
        message_id = session.scalars(select(Message.id).where(Message.uuid == uuid)).one()
        overrides.save(session, NewOverride(key_id, address, minute=9, reason="Caller"))
        rejections.record(session, Rejection(key_id, address, "email", "minute", 3))
        notes.add(session, address, "Prefers Arabic", "owner@example.org")
        lookups.remember(session, "owner@example.org", address, Side.WELL)
        session.add(WrongGuess(key_id=key_id, phone=address, at=now))
        session.add(SandboxMessage(phone=address, channel="email", message_uuid=uuid, sealed=b"sealed"))
        told = {"carrier": "mail", "outcome": "failed", "code": "x", "answer": f"550 5.1.1 <{plain}>: unknown"}
        session.add(FailedAttempt(message_id=message_id, at=now, **told))
        body = json.dumps({"type": "otp.verified", "data": {"phoneNumber": None, "email": plain}}, ensure_ascii=False)
        event = {"id": number, "key_id": key_id, "message_id": message_id, "kind": "otp.verified"}
        session.add(WebhookEvent(reference=f"event-{number}", body=body, **event))
        session.flush()
        call = {"endpoint_id": "hook", "event_id": number, "number": 1, "at": now, "status": 400, "milliseconds": 5}
        session.add(WebhookAttempt(**call, answer=f"unknown: {plain.title()}, to={plain}."))


def erase(office: Office) -> privacy.Erased:
    with office.sessions.begin() as session:
        return privacy.erase(session, MINA)


def copy(office: Office, address: str) -> dict[str, Any]:
    with office.sessions() as session:
        return privacy.export(session, address)


@pytest.mark.usefixtures("traces")
def test_a_copy_is_of_this_address_and_of_no_other_that_ends_alike(office: Office) -> None:
    found = copy(office, MINA)
    assert (found["phoneNumber"], found["email"]) == (None, ADDRESS)
    for name in ("messages", *privacy.DELETED, "webhookEvents"):
        assert len(found[name]) == (0 if name == "receipts" else 1), name
    assert found["webhookEvents"][0]["id"] == "event-1"


@pytest.mark.usefixtures("traces")
def test_an_erased_address_is_in_no_row_and_another_one_stays_whole(office: Office) -> None:
    before = copy(office, AMINA)
    erased = erase(office)
    assert erased.on_their_way == 0
    assert {name for name, count in erased.counts.items() if count} == {
        *("attempts", "codes", "messages", "webhookEvents", "webhookAttempts"),
        *privacy.DELETED.keys() - {"receipts"},
    }
    assert [name for name, found in copy(office, MINA).items() if found] == ["email", "at"]
    assert copy(office, AMINA) | {"at": ""} == before | {"at": ""}
    with office.sessions() as session:
        assert sorted(session.scalars(select(Message.phone))) == [AMINA, CUT]
        assert sorted(session.scalars(select(Otp.phone))) == [AMINA, CUT]
        bodies = session.scalars(select(WebhookEvent.body).order_by(WebhookEvent.id)).all()
        answers = session.scalars(select(WebhookAttempt.answer).order_by(WebhookAttempt.id)).all()
        words = session.scalars(select(FailedAttempt.answer).order_by(FailedAttempt.id)).all()
    assert [json.loads(body)["data"]["email"] for body in bodies] == ["xxxxxx", OTHER]
    assert answers == ["unknown: xxxxxx, to=xxxxxx.", f"unknown: {OTHER.title()}, to={OTHER}."]
    assert words == [None, f"550 5.1.1 <{OTHER}>: unknown"]


def test_a_code_that_went_by_mail_too_is_erased_with_its_number(office: Office) -> None:
    caller, ring = office.caller("test", channel_order="email:30,sms"), Keyring.of(office.settings)
    own = office.send_code(office.caller("test"), "email", MINA)  # of whoever has that address: it stays
    order = Order(PHONE, "auto", email=MINA)
    mail = office.write(lambda session: send.send(session, ring, caller, order)).message_id
    office.drain(office.desk("email"), "email")
    body = json.dumps({"data": {"phoneNumber": None, "email": ADDRESS}})
    with office.sessions.begin() as session:
        for number, uuid in enumerate((own, mail)):
            about = session.scalars(select(Message.id).where(Message.uuid == uuid)).one()
            event = {"reference": uuid, "key_id": caller.id, "message_id": about, "kind": "otp.verified"}
            session.add(WebhookEvent(id=number + 1, body=body, **event))
    assert [told.get("email") for told in copy(office, PHONE)["messages"]] == [ADDRESS, None]

    def erase_number() -> privacy.Erased:
        erased: privacy.Erased = office.write(lambda session: privacy.erase(session, PHONE))
        return erased

    assert erase_number().on_their_way == 1, "the step by SMS waits"
    office.due_now()
    office.drain(office.desk("sms"), "sms")
    assert erase_number().on_their_way == 0
    assert [name for name, found in copy(office, PHONE).items() if found] == ["phoneNumber", "at"]
    assert [told["id"] for told in copy(office, MINA)["messages"]] == [own]
    with office.sessions() as session:
        assert sorted(session.scalars(select(Message.phone))) == ["+22248xxxxxx", MINA, CUT]
        assert sorted(session.scalars(select(Otp.phone))) == ["+22248xxxxxx", MINA]
        assert session.scalars(select(SandboxMessage.message_uuid)).all() == [own]
        bodies = session.scalars(select(WebhookEvent.body).order_by(WebhookEvent.id)).all()
    assert [json.loads(body)["data"]["email"] for body in bodies] == [ADDRESS, "xxxxxx"]


@pytest.mark.usefixtures("traces")
def test_retention_cuts_addresses_when_it_cuts_numbers(office: Office) -> None:
    long_ago = utcnow() - timedelta(days=400)
    ages = {Message: "created_at", LimitRejection: "at", WrongGuess: "at", NumberNote: "created_at"}
    ages |= {NumberLookup: "at", SandboxMessage: "received_at"}
    with office.sessions.begin() as session:
        for model, column in ages.items():
            session.execute(update(model).values({column: long_ago}))
    for name in ("texts", "numbers", "sandbox", "refusals", "guesses", "notes", "lookups"):
        with office.sessions.begin() as session:
            retention.step(session, name)
    with office.sessions() as session:
        for model in (Message, Otp):
            assert set(session.scalars(select(model.phone))) == {CUT}
        for model in (LimitRejection, WrongGuess, NumberNote, NumberLookup, SandboxMessage):
            assert session.scalars(select(model.id)).all() == [], model
        assert all(session.scalars(select(Otp.superseded_at)))


def test_owners_copy_and_erase_an_address_on_the_page(owner: Browser, world: World) -> None:
    world.code(world.key(), MINA, channel="email", **world.sent())
    told = json.loads(owner.post(PAGE, {"phone": " Mina@Example.MR", "act": "copy"}).text)
    assert told["email"] == ADDRESS and len(told["messages"]) == 1
    assert owner.post(PAGE, {"phone": ADDRESS, "act": "erase", "is_sure": "on"}).status_code == 303
    with world.services.sessions() as session:
        assert session.scalars(select(Message.phone)).all() == [CUT]
    page = owner.get("/dashboard/messages/?channel=email").text
    assert ADDRESS not in page and CUT not in page and "xxxxxx" in page


def test_viewers_see_the_beginning_of_an_address_and_find_none_by_asking(viewer: Browser, world: World) -> None:
    sent = world.code(world.key(), MINA, channel="email", **world.sent())
    for address in ("/dashboard/messages/", f"/dashboard/messages/{sent.uuid}"):
        page = viewer.get(address).text
        assert ADDRESS not in page, address
        assert "m•••@example.mr" in page, address
    assert "m•••@example.mr" not in viewer.get(f"/dashboard/messages/?q={ADDRESS}").text
    assert {viewer.get(page).status_code for page in (PAGE, "/dashboard/messages/export.csv")} == {403}
