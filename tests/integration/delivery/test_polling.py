"""What became of texts that a phone carries: asked for where its reports may not come. The phone's ledger judges."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers, notices
from dashboard.gateway.delivery import polling
from dashboard.gateway.delivery.subscriptions import CallbackSubscriptions
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.models.carriers import Carrier as CarrierRow
from dashboard.models.messages import Message
from tests.support.fake_carrier import Carrier, Wire, answers
from tests.support.fixtures.databases import on_sqlite
from tests.support.http_carriers import Office
from tests.support.present import present


class Phone:
    """The app: knows a text by its id from the first time on. `state` is what it says of every text."""

    def __init__(self, ledger: Carrier) -> None:
        self.ledger = ledger
        self.state, self.error = "Pending", ""
        ledger.plays(self.play)

    def play(self, wire: Wire) -> None:
        request = present(wire.request)
        if request.method == "POST":
            return wire.answer(202, json.dumps({"id": json.loads(request.body)["id"], "state": "Pending"}).encode())
        body = {"state": self.state, "recipients": [{"error": self.error}]}
        return wire.answer(200, json.dumps(body).encode())

    def asked(self, method: str = "GET") -> list[str]:
        return [request.target for request in self.ledger.ledger if request.method == method]


@pytest.fixture
def phone(office: Office, first: Carrier) -> Phone:
    office.add("phone", first, "smsgate")
    return Phone(first)


@pytest.fixture
def desk(office: Office, phone: Phone) -> WorkerContext:
    return office.desk()


def ask(office: Office, desk: WorkerContext, **ages: timedelta) -> None:
    """Ask for what is due; everything that is asked for at all is due now, and as old as `ages` say."""
    values = {name: utcnow() - age for name, age in ages.items()} | {"ask_at": utcnow()}
    with office.sessions.begin() as session:
        session.execute(update(Message).where(Message.ask_at.is_not(None)).values(values))
    polling.ask_due(office.sessions, desk.connections)


def standing(office: Office) -> list[str]:
    with office.sessions() as session:
        return [notice.code for notice in notices.of_carriers(session).get("phone", [])]


@pytest.fixture
def pending(office: Office, desk: WorkerContext) -> str:
    """A text that only the app's server has."""
    uuid = office.submit(office.caller())
    office.drain(desk)
    return uuid


@on_sqlite
def test_a_text_that_no_phone_has_is_not_sent(office: Office, phone: Phone, desk: WorkerContext, pending: str) -> None:
    message = office.message(pending)
    assert (message.status, message.sent_at, message.carrier) == ("sending", None, "phone")
    office.due_now()
    office.drain(desk)
    assert len(phone.asked("POST")) == 1  # it is nobody's to send again


def test_a_text_is_sent_when_the_phone_has_it_and_delivered_when_it_says_so(
    office: Office, phone: Phone, desk: WorkerContext, pending: str
) -> None:
    statuses = []
    for phone.state in ("Pending", "Processed", "Sent", "Delivered"):
        ask(office, desk)
        statuses.append(office.message(pending).status)
    assert statuses == ["sending", "sent", "sent", "delivered"]
    ask(office, desk)
    assert phone.asked() == [f"/messages/{pending}"] * 4  # what has an end is not asked for


@on_sqlite
def test_a_phone_that_is_away_is_seen_and_said_until_it_is_back(
    office: Office, phone: Phone, desk: WorkerContext, pending: str
) -> None:
    ask(office, desk)
    assert (office.message(pending).error_code, standing(office)) == ("phone_not_fetched", [])
    ask(office, desk, sending_at=timedelta(minutes=2))
    assert standing(office) == ["phone_not_fetched"]
    phone.state = "Sent"
    ask(office, desk)
    assert (office.message(pending).error_code, standing(office)) == (None, [])


def test_a_text_whose_validity_passed_before_a_phone_had_it_has_failed(
    office: Office, phone: Phone, desk: WorkerContext, pending: str
) -> None:
    ask(office, desk, valid_until=timedelta(minutes=6), sending_at=timedelta(days=1))
    message = office.message(pending)
    assert (message.status, message.error_code, message.ask_at) == ("failed", "phone_not_fetched", None)


def test_a_text_of_a_phone_that_cannot_be_reached_waits_and_ends_at_last(
    office: Office, phone: Phone, desk: WorkerContext, pending: str
) -> None:
    phone.ledger.plays(answers(503))
    ask(office, desk, valid_until=timedelta(minutes=6), sending_at=timedelta(days=1))
    assert office.message(pending).status == "sending"
    ask(office, desk, valid_until=timedelta(minutes=61))
    message = office.message(pending)
    assert (message.status, message.error_code, message.ask_at) == ("failed", "no_report", None)


@on_sqlite
def test_a_sim_without_credit_is_said_of_the_phone(
    office: Office, phone: Phone, desk: WorkerContext, pending: str
) -> None:
    phone.state, phone.error = "Failed", "Send result: RESULT_ERROR_GENERIC_FAILURE"
    ask(office, desk)
    assert office.message(pending).error_code == "phone_generic_failure"
    assert standing(office) == ["phone_generic_failure"]


@on_sqlite
def test_a_phone_is_asked_little_and_first_for_what_it_may_not_have(
    office: Office, phone: Phone, desk: WorkerContext
) -> None:
    caller = office.caller()
    uuids = [office.submit(caller) for _ in range(2 * polling.MOST)]
    office.drain(desk)
    with office.sessions.begin() as session:
        session.execute(update(Message).where(Message.uuid.in_(uuids[:3])).values(status="sent"))
    ask(office, desk)
    assert set(phone.asked()) == {f"/messages/{uuid}" for uuid in uuids[3:]}
    polling.ask_due(office.sessions, desk.connections)
    assert len(phone.asked()) == 2 * polling.MOST
    polling.ask_due(office.sessions, desk.connections)  # what was asked for is left alone for a while
    assert len(phone.asked()) == 2 * polling.MOST


def subscribe(office: Office, desk: WorkerContext, address: str) -> None:
    desk.connections.settings = dataclasses.replace(office.settings, public_url=address)
    subscriptions = CallbackSubscriptions(office.sessions, desk.connections)
    subscriptions.renew()
    subscriptions.renew()


@on_sqlite
def test_a_phone_is_told_once_where_to_report(office: Office, phone: Phone, desk: WorkerContext) -> None:
    subscribe(office, desk, "https://sms.example.mr")
    with office.sessions() as session:
        hook = session.scalar(select(CarrierRow.hook))
    bodies = [json.loads(request.body) for request in phone.ledger.ledger]
    assert [body["event"] for body in bodies] == ["sms:sent", "sms:delivered", "sms:failed", "sms:received"]
    assert {body["url"] for body in bodies} == {f"https://sms.example.mr/callbacks/{hook}"}
    assert phone.asked("POST") == ["/webhooks"] * 4
    assert len({body["id"] for body in bodies}) == 4
    assert standing(office) == []


@on_sqlite
def test_why_a_phone_does_not_report_is_said_until_its_settings_change(
    office: Office, phone: Phone, desk: WorkerContext
) -> None:
    subscribe(office, desk, "http://192.168.1.2:8000")
    assert (phone.asked("POST"), standing(office)) == ([], ["phone_needs_https"])
    with office.sessions.begin() as session:
        carriers.switch(session, carriers.find(session, "phone"), on=False)
    assert standing(office) == []


@on_sqlite
def test_an_app_that_takes_no_webhooks_is_said(office: Office, phone: Phone, desk: WorkerContext) -> None:
    phone.ledger.plays(answers(404))
    subscribe(office, desk, "https://sms.example.mr")
    assert standing(office) == ["phone_webhooks_refused"]
