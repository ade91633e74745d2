"""STOP on a phone, through the whole gateway: the next text is refused, codes still go, and the answer leaves once."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers, health
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.inbound import inbox, keywords
from dashboard.gateway.inbound.keywords import WordRule
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.carriers import Carrier as Row
from dashboard.vocabulary import Keyword, Language
from tests.support import fake_carrier as ledgers
from tests.support.error_shape import refused
from tests.support.http_carriers import SMSGATE, Office
from tests.support.phones import new_phone
from tests.support.smpp.smsc import PASSWORD, Smsc
from tests.support.stack import Stack, until

ONE_DATABASE = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
OTHER_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
OURS, ANSWER = "3601", "Vous ne recevrez plus de messages. Pour revenir : START."


@pytest.fixture
def office(stack: Stack) -> Iterator[Office]:
    """The stack's database with an answer to STOP; carriers and rules are gone after the test."""
    made = Office(stack.sessions, stack.settings)
    rule = WordRule(Keyword.STOP, keywords.DEFAULTS[Keyword.STOP], {Language.FRENCH: ANSWER})
    made.write(lambda session: keywords.save(session, rule))
    yield made
    made.write(lambda session: keywords.remove(session, rule))
    stack.remove_carriers()
    until(lambda: not _ready(stack), 20)


def walk(stack: Stack, write: Callable[[str, str], None], taken: Callable[[str], list[str]]) -> None:
    """What a person and an app do; `write` sends from the phone, `taken` are the texts that left for it."""
    client, phone, listed = stack.client(), new_phone(), new_phone()
    with stack.sessions.begin() as session:
        opt_outs.add(session, [listed])
    until(lambda: client.send(listed).status_code == 400, 10)  # a process looks once a second whether there is a list
    assert client.send(phone).status_code == 200
    until(lambda: taken(phone), 15)
    write(phone, "Arrêt")
    until(lambda: ANSWER in taken(phone), 15)
    refused(client.send(phone), 400, "opted_out")
    before = len(taken(phone))
    assert client.otp(phone).status_code == 200
    until(lambda: len(taken(phone)) == before + 1, 15)
    write(phone, "STOP")
    until(lambda: received(stack, phone) == ["STOP", "Arrêt"], 15)
    write(phone, "START")
    until(lambda: len(received(stack, phone)) == 3, 15)
    assert client.send(phone).status_code == 200
    until(lambda: len(taken(phone)) == before + 2, 15)
    assert taken(phone).count(ANSWER) == 1


def received(stack: Stack, phone: str) -> list[str | None]:
    with stack.sessions() as session:
        return [message.body for message in inbox.page(session, phone)]


@ONE_DATABASE
def test_by_smpp(stack: Stack, office: Office, start_smsc: Callable[..., Smsc]) -> None:
    smsc = start_smsc(receipts="off")
    told = {"host": "127.0.0.1", "port": str(smsc.port), "system_id": "test", "password": PASSWORD, "sender": OURS}
    cipher = carriers.cipher(stack.settings)
    office.write(lambda session: carriers.add(session, cipher, NewCarrier("smpp", "mattel", told)))
    until(lambda: _ready(stack), 15)

    def write(phone: str, words: str) -> None:
        assert smsc.ask("mo", **{"from": phone.removeprefix("+"), "to": OURS, "text": words})["status"] == 0

    def taken(phone: str) -> list[str]:
        mine = [one for one in smsc.events("submit_sm") if one["dest"] == phone.removeprefix("+")]
        return [one["text"] for one in mine]

    walk(stack, write, taken)


@OTHER_DATABASE
def test_by_a_phone_with_the_android_app(stack: Stack, office: Office) -> None:
    with ledgers.running() as phone_app:
        carrier_id = office.add("android", phone_app, "smsgate")
        phone_app.plays(lambda wire: wire.answer(202, wire.request.body if wire.request else b""))
        until(lambda: _ready(stack), 15)
        hook = office.write(lambda session: session.get_one(Row, carrier_id).hook)

        def write(phone: str, words: str) -> None:
            told = _told(phone, words, utcnow())
            stamp = str(int(time.time()))
            signature = hmac.new(SMSGATE["signing_key"].encode(), told + stamp.encode(), "sha256").hexdigest()
            headers = {"X-Timestamp": stamp, "X-Signature": signature}
            assert stack.http.post(f"/callbacks/{hook}", content=told, headers=headers).status_code == 200

        def taken(phone: str) -> list[str]:
            asked: list[Any] = [json.loads(one.body) for one in phone_app.ledger if one.method == "POST"]
            return [one["textMessage"]["text"] for one in asked if phone in one.get("phoneNumbers", ())]

        walk(stack, write, taken)


def _told(phone: str, words: str, at: datetime) -> bytes:
    payload = {"message": words, "sender": phone, "recipient": OURS, "receivedAt": at.isoformat()}
    return json.dumps({"event": "sms:received", "payload": payload}).encode()


def _ready(stack: Stack) -> list[object]:
    with stack.sessions() as session:
        return [line for line in health.connections(session) if line.state == "ready"]
