"""Which events are written, with what, and when none is."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import Decision, Expire, Fail, MarkSent, RetryLater
from dashboard.gateway.messages import outbox
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.webhooks import WebhookEvent
from dashboard.providers.base import Outcome
from dashboard.vocabulary import Lane
from tests.support.stack import other_than
from tests.support.statements import asked
from tests.support.webhook_endpoints import Office

PHONE = "+22238089336"


def send_code(office: Office) -> tuple[Keyring, str]:
    keyring = Keyring.of(office.settings)
    with office.sessions.begin() as session:
        reference = send.send(session, keyring, office.caller, Order(PHONE)).message_id
    with office.sessions() as session:
        code = keyring.derive(session.scalars(select(Otp)).one(), reference)
    assert code
    return keyring, code


def guess(office: Office, keyring: Keyring, code: str) -> None:
    with office.sessions.begin() as session:
        verify.verify(session, keyring, office.caller, Guess(PHONE, code))


def settle_alone(office: Office, decision: Decision) -> set[Lane]:
    with office.sessions.begin() as session:
        return settle.apply(session.connection(), [decision])


def test_a_delivered_message_was_sent_first(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    assert office.events() == ["message.sent", "message.delivered"]


def test_each_end_of_a_message_is_an_event(office: Office, path: str) -> None:
    office.listen(path)
    settle_alone(office, Fail(office.message(), "sandbox_refused", "sandbox"))
    settle_alone(office, Expire(office.message()))
    settle_alone(office, MarkSent(office.message(), "sandbox", Outcome("ref")))
    assert office.events() == ["message.failed", "message.expired", "message.sent"]


def test_a_message_that_is_put_back_is_no_event(office: Office, path: str) -> None:
    office.listen(path)
    settle_alone(office, RetryLater(office.message(), timedelta(seconds=1), "unreachable"))
    assert office.events() == []


def test_a_worker_that_lost_its_claim_tells_nothing(office: Office, path: str) -> None:
    office.listen(path)
    message = office.deliver()
    assert settle_alone(office, Fail(message, "no_answer", "sandbox")) == set()
    assert office.events() == ["message.sent", "message.delivered"]


def test_stale_messages_expire_with_an_event_each(office: Office, path: str) -> None:
    office.listen(path)
    with office.sessions.begin() as session:
        for _ in range(3):
            outbox.submit(session, office.caller, outbox.Draft.text(PHONE, "Bonjour"))
        session.execute(update(Message).values(valid_until=utcnow() - timedelta(seconds=1)))
    with office.sessions.begin() as session:
        assert outbox.expire_stale(session) is True
    assert office.events() == ["message.expired"] * 3


def test_a_right_code_proves_that_its_message_arrived(office: Office, path: str) -> None:
    office.listen(path)
    keyring, code = send_code(office)
    guess(office, keyring, code)
    assert office.events() == ["message.sent", "message.delivered", "otp.verified"]


def test_the_third_wrong_code_is_an_event_once(office: Office, path: str) -> None:
    office.listen(path)
    keyring, code = send_code(office)
    for _ in range(5):
        guess(office, keyring, other_than(code))
    assert office.events() == ["otp.exhausted"]


def test_an_event_and_its_cause_are_there_together_or_not_at_all(office: Office, path: str) -> None:
    office.listen(path)
    message = office.message()
    with pytest.raises(RuntimeError), office.sessions.begin() as session:
        settle.apply(session.connection(), [MarkSent(message, "sandbox", Outcome("ref"))])
        raise RuntimeError
    assert office.events() == []


def test_an_event_holds_neither_text_nor_code(office: Office, path: str) -> None:
    office.listen(path)
    office.deliver()
    keyring, code = send_code(office)
    guess(office, keyring, code)
    with office.sessions() as session:
        bodies = list(session.scalars(select(WebhookEvent.body)))
        message = session.scalars(select(Message).order_by(Message.id)).first()
    assert message
    assert not any(code in body or "Bonjour" in body for body in bodies)
    told = json.loads(bodies[1])
    assert told["type"] == "message.delivered"
    assert told["data"] == {
        "messageId": message.uuid,
        "phoneNumber": PHONE,
        "channel": "sms",
        "kind": "message",
        "status": "delivered",
        "encoding": "gsm7",
        "segments": 1,
        "errorCode": None,
        "confirmedBy": "receipt",
        "createdAt": told["data"]["createdAt"],
        "sentAt": told["data"]["sentAt"],
        "deliveredAt": told["data"]["deliveredAt"],
        "failedAt": None,
        "expiredAt": None,
    }


def test_only_what_somebody_wants_is_written(office: Office, path: str) -> None:
    office.listen(path, events=("message.failed",))
    office.deliver()
    assert office.events() == []


def test_where_nobody_listens_an_event_costs_no_statement(office: Office) -> None:
    office.deliver()  # asks once whether somebody does
    message = office.message()
    with asked(office.sessions) as ran:
        office.deliver(message)
    assert len(ran) == 2, ran  # is the claim held; let go of the row: what the sandbox phone gets costs nothing


def test_a_new_listener_is_known_within_half_a_second(office: Office, path: str) -> None:
    from dashboard.gateway.webhooks import events

    office.deliver()  # this connection now believes that nobody listens
    engine, dispose = office.sessions.kw["bind"], office.sessions.kw["bind"].dispose
    try:
        engine.dispose = lambda: None
        office.listen(path)
    finally:
        engine.dispose = dispose
    events.wait_until_known()
    office.deliver()
    assert office.events() == ["message.sent", "message.delivered"]
