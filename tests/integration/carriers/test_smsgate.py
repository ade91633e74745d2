"""A phone with the SMSGate app: what reaches it, what it answers, what it calls back with."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outgoing, Provider
from dashboard.providers.delivery_reports import Callback, Reply, ReportListener
from dashboard.providers.registry import build
from dashboard.providers.settings import InvalidSettings
from dashboard.providers.smsgate import provider as smsgate
from tests.support.fake_carrier import Carrier, Script, Wire, answers, late
from tests.support.outgoing import CODE, ID, PHONE, TEXT
from tests.support.present import present

PASSWORD, KEY = "pass-w0rd-of-the-phone", "signing-key-of-the-phone"


def settings(**changes: Any) -> dict[str, Any]:
    values = {"mode": "local", "username": "sms", "password": PASSWORD, "signing_key": KEY}
    return values | {"allow_http": "on", "allow_private": "on"} | changes


@pytest.fixture
def provider(carrier: Carrier) -> Iterator[Provider]:
    carrier.plays(phone({}))
    made = build("smsgate", settings(address=carrier.url), "phone")
    yield made
    made.close()


def phone(states: dict[str, str]) -> Script:
    """Acts as the app does: takes an id once, answers 409 after that, and tells the state of an id."""

    def play(wire: Wire) -> None:
        request = wire.request
        assert request
        if request.method == "GET":
            state = states.get(request.target.rpartition("/")[2])
            body = {"state": state, "recipients": [{"error": "Send result: RESULT_ERROR_NO_SERVICE"}]}
            return wire.answer(200 if state else 404, json.dumps(body).encode())
        taken = json.loads(request.body)["id"]
        if taken in states:
            return wire.answer(409, b'{"message": "exists"}')
        states[taken] = "Pending"
        return wire.answer(202, json.dumps({"id": taken, "state": "Pending"}).encode())

    return play


def test_a_code_reaches_the_phone_first_and_dies_with_its_validity(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    until = datetime.now(UTC) + timedelta(seconds=90)
    assert provider.send(outgoing(valid_until=until)).reference == ID
    request = carrier.ledger[0]
    body = json.loads(request.body)
    assert (request.method, request.target) == ("POST", "/messages")
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"sms:{PASSWORD}".encode()).decode()
    assert body.pop("ttl") in (88, 89, 90)
    assert body == {
        "id": ID,
        "textMessage": {"text": TEXT},
        "phoneNumbers": [PHONE],
        "withDeliveryReport": True,
        "priority": 100,
    }


def test_a_message_has_no_priority_and_goes_by_the_chosen_sim(
    carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    carrier.plays(answers(202, b'{"id": "x"}'))
    made = build("smsgate", settings(address=carrier.url, mode="cloud", sim="2", device_id="dev1"))
    assert made.send(outgoing(code=None)).reference == "x"
    body = json.loads(carrier.ledger[0].body)
    assert (body["priority"], body["simNumber"], body["deviceId"]) == (0, 2, "dev1")
    made.close()


def test_cloud_mode_goes_to_the_apps_own_server() -> None:
    read = smsgate.SmsGateSettings.read({"mode": "cloud", "username": "u", "password": "p"})
    made = smsgate.SmsGate("phone", read)
    assert made.url == "https://api.sms-gate.app/3rdparty/v1/messages"
    made.close()


def test_a_repeat_is_known_and_taken(provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    assert provider.send(outgoing()).reference == ID
    assert provider.send(outgoing(attempt=2)).reference == ID
    assert [request.method for request in carrier.ledger] == ["POST", "POST", "GET"]


@pytest.mark.parametrize(
    ("state", "delivered"), [("Delivered", True), ("Sent", False), ("Pending", False), ("Odd", False)]
)
def test_a_repeat_tells_what_became_of_it(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], state: str, delivered: bool
) -> None:
    carrier.plays(phone({ID: state}))
    assert provider.send(outgoing()).delivered is delivered


def test_a_repeat_of_a_text_that_failed_is_refused(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    carrier.plays(phone({ID: "Failed"}))
    with pytest.raises(Refused, match="phone_no_service"):
        provider.send(outgoing())


@pytest.mark.parametrize("script", [lambda wire: wire.reset(), answers(500), answers(200, b"\xff"), answers(404)])
def test_a_repeat_is_taken_even_if_its_state_cannot_be_had(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], script: Any
) -> None:
    carrier.plays(answers(409), script)
    assert provider.send(outgoing()).reference == ID


@pytest.mark.parametrize(
    ("status", "error", "configuration"),
    [
        *((400, Refused, False), (413, Refused, False)),
        *((401, NotSent, True), (403, NotSent, True), (404, NotSent, True), (302, NotSent, True)),
        *((429, NotSent, False), (500, NotSent, False), (503, NotSent, False), (504, NotSent, False)),
    ],
)
def test_statuses(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], status: Any, error: Any, configuration: Any
) -> None:
    carrier.plays(answers(status, b'{"message": "queue limits exceeded"}'))
    with pytest.raises(error) as fault:
        provider.send(outgoing())
    assert (fault.value.code, fault.value.configuration) == (f"http_{status}", configuration)
    assert len(carrier.ledger) == 1


def test_a_doubtful_text_may_be_repeated_and_leaves_once(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    """The phone took it and the answer was lost: the repeat meets a 409."""
    states: dict[str, str] = {}

    def lost(wire: Wire) -> None:
        states[json.loads(present(wire.request).body)["id"]] = "Pending"
        wire.reset()

    carrier.plays(lost, phone(states))
    made = build("smsgate", settings(address=carrier.url))
    with pytest.raises(OutcomeUnknown) as fault:
        made.send(outgoing())
    assert fault.value.repeatable
    assert made.send(outgoing(attempt=2)).reference == ID
    assert list(states) == [ID]
    made.close()


def test_a_hung_phone_and_its_state_share_one_clock(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    read = smsgate.SmsGateSettings.read(settings(address=carrier.url))
    made = smsgate.SmsGate("phone", read, timeout=2)
    carrier.plays(late(1.2, answers(409)), lambda wire: wire.hang())
    started = time.monotonic()
    assert made.send(outgoing()).reference == ID
    assert time.monotonic() - started < 1.2 + 2
    made.close()


def test_nothing_is_sent_before_retry_after(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    carrier.plays(answers(503, Retry_After="1"), phone({}))
    for _ in range(5):
        with pytest.raises(NotSent):
            provider.send(outgoing())
    assert len(carrier.ledger) == 1
    time.sleep(1.05)
    provider.send(outgoing())
    assert carrier.ledger[1].at - carrier.ledger[0].at >= 1


def test_nothing_of_a_text_a_number_or_a_credential_is_told(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    carrier.plays(answers(400, f"{PHONE} {TEXT}".encode()), lambda wire: wire.raw(f"{CODE}\r\n\r\n".encode()))
    said = [repr(cast(Any, provider).settings)]
    for _ in range(2):
        with pytest.raises((Refused, OutcomeUnknown)) as fault:
            provider.send(outgoing())
        said += [repr(fault.value), repr(fault.value.__context__), repr(fault.value.__cause__)]
    for secret in (CODE, PHONE, PASSWORD, KEY, "donnez"):
        assert secret not in "".join(said) + caplog.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": ""}, "address"),
        ({"address": "http://192.168.1.20:8080", "allow_http": ""}, "address"),
        ({"address": "192.168.1.20"}, "address"),
        ({"address": "https://u:p@phone.test"}, "address"),
        ({"address": "http://x", "mode": "satellite"}, "mode"),
        ({"address": "http://x", "sim": "9"}, "sim"),
        ({"address": "http://x", "password": ""}, "password"),
        ({"address": "http://x", "colour": "red"}, "colour"),
        ({"address": "http://x", "ca_certificate": "nonsense"}, "ca_certificate"),
    ],
)
def test_wrong_settings_are_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("smsgate", settings(**changes))
    assert [error.field for error in refusal.value.errors] == [field]
    assert PASSWORD not in str(refusal.value)
    assert PASSWORD not in repr(refusal.value.__context__)


OTHERS: list[Any] = ["sms:received", "system:ping", None, 3, []]


def webhook(event: Any = "sms:delivered", **payload: Any) -> bytes:
    usual = {"messageId": ID, "recipient": PHONE, "deliveredAt": "2026-11-22T02:10:00.000+07:00"}
    return json.dumps(
        {"deviceId": "d", "event": event, "id": "e", "payload": usual | payload, "webhookId": "w"}
    ).encode()


def call(provider: Provider, body: bytes, stamp: str | None = None, key: str = KEY, **changes: Any) -> Reply:
    stamp = str(int(time.time())) if stamp is None else stamp
    signature = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    headers = {"x-timestamp": stamp, "x-signature": signature} | changes
    return cast(ReportListener, provider).called_back(Callback("POST", {}, headers, body))


@pytest.mark.parametrize(
    ("event", "payload", "state", "code"),
    [
        ("sms:sent", {}, "sent", None),
        ("sms:delivered", {}, "delivered", None),
        ("sms:failed", {"reason": "Send result: RESULT_ERROR_GENERIC_FAILURE"}, "failed", "phone_generic_failure"),
        ("sms:failed", {"reason": f"cannot reach {PHONE}"}, "failed", "phone_failed"),
        ("sms:failed", {"reason": 7}, "failed", "phone_failed"),
        ("sms:cancelled", {}, "failed", "phone_failed"),
    ],
)
def test_events(provider: Provider, event: str, payload: dict[str, Any], state: str, code: str | None) -> None:
    receipt = call(provider, webhook(event, **payload)).receipts[0]
    assert (receipt.references, receipt.message_id, receipt.state, receipt.code) == ((ID,), ID, state, code)
    assert receipt.at == datetime(2026, 11, 21, 19, 10, tzinfo=UTC)


def test_other_events_say_nothing(provider: Provider) -> None:
    for event in OTHERS:
        assert call(provider, webhook(event)).receipts == ()


def test_forged_and_old_webhooks_are_refused(provider: Provider) -> None:
    now = int(time.time())
    assert call(provider, webhook()).status == 200
    assert call(provider, webhook(), str(now - 290)).status == 200
    for stamp in (str(now - 400), str(now + 400), "", "soon", "9" * 40, "-1"):
        assert call(provider, webhook(), stamp).status == 403
    assert call(provider, webhook(), key="other").status == 403
    assert call(provider, webhook(), **{"x-signature": "é"}).status == 403
    assert call(provider, webhook(), **{"x-timestamp": str(now - 1)}).status == 403
    assert call(build("smsgate", settings(address="http://x", signing_key="")), webhook(), key="").status == 403


def test_garbage_that_is_signed_says_nothing(provider: Provider) -> None:
    dice = random.Random(3)
    pieces: list[Any] = [None, 1, True, [], {}, "", [None], -1, 1e400]
    bodies = [b"", b"\xff", b"null", b"[]", b"[" * 5000, b'{"event": "sms:sent", "payload": []}']
    bodies += [
        webhook(dice.choice([*pieces, "sms:sent"]), messageId=dice.choice([None, [], {}, True, ""])) for _ in range(200)
    ]
    for body in bodies:
        reply = call(provider, body)
        assert (reply.status, reply.receipts) == (200, ()), body
    assert call(provider, webhook(deliveredAt="yesterday")).receipts[0].state == "delivered"


@pytest.mark.parametrize(
    ("state", "read"), [("Sent", "sent"), ("Delivered", "delivered"), ("Failed", "failed"), ("Lost", None)]
)
def test_a_state_may_be_asked_for(provider: Provider, carrier: Carrier, state: str, read: str | None) -> None:
    carrier.plays(phone({ID: state}))
    found = cast(Any, provider).ask(ID)
    assert (found.state if found else None) == read
    assert carrier.ledger[0].target == f"/messages/{ID}"
