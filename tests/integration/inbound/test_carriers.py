"""How texts from phones come in: by an SMSC, by the Android app, by the callback of an HTTP carrier."""

from __future__ import annotations

import hmac
import json
import time
from typing import Any

import pytest
from flask import Flask

from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.inbound import inbox
from dashboard.models.inbound import IncomingMessage
from dashboard.providers import registry
from dashboard.providers.settings import InvalidSettings
from tests.support.http_carriers import HTTP, SMSGATE

PHONE = "+22238089336"
RECEIVED = {
    "event": "sms:received",
    "payload": {
        "messageId": "a4f3",
        "message": "Où est ma commande ?",
        "sender": "38089336",
        "recipient": "+22246000000",
        "simNumber": 1,
        "receivedAt": "2026-11-25T12:00:00.000+00:00",
    },
}
INCOMING = {"incoming_sender": "from", "incoming_text": "body", "incoming_recipient": "to", "incoming_reference": "id"}


def hook_of(services: Services, kind: str, **values: str) -> str:
    settings = {"smsgate": SMSGATE | {"address": "http://127.0.0.1:9"}, "http": HTTP | {"url": "http://127.0.0.1:9/"}}
    with services.sessions.begin() as session:
        wanted = NewCarrier(kind, kind, settings[kind] | values)
        return f"/callbacks/{carriers.add(session, carriers.cipher(services.settings), wanted).hook}"


def kept(services: Services) -> list[IncomingMessage]:
    with services.sessions() as session:
        return inbox.page(session)


def by_app(app: Flask, hook: str, told: dict[str, Any], key: str = SMSGATE["signing_key"]) -> int:
    body, stamp = json.dumps(told).encode(), str(int(time.time()))
    headers = {"X-Timestamp": stamp, "X-Signature": hmac.new(key.encode(), body + stamp.encode(), "sha256").hexdigest()}
    return app.test_client().post(hook, data=body, headers=headers).status_code


def by_http(app: Flask, hook: str, told: object, secret: str = HTTP["callback_secret"]) -> int:
    return app.test_client().post(hook, data=json.dumps(told), headers={"X-Secret": secret}).status_code


def test_the_android_app_tells_what_its_phone_received(app: Flask, services: Services) -> None:
    hook = hook_of(services, "smsgate")
    assert by_app(app, hook, RECEIVED) == by_app(app, hook, RECEIVED) == 200
    (found,) = kept(services)
    assert (found.sender, found.recipient, found.body) == (PHONE, "+22246000000", "Où est ma commande ?")
    assert (found.carrier, found.received_at.isoformat()) == ("smsgate", "2026-11-25T12:00:00+00:00")


def test_the_same_words_at_another_time_are_another_text(app: Flask, services: Services) -> None:
    hook = hook_of(services, "smsgate")
    again = RECEIVED["payload"] | {"receivedAt": "2026-11-25T12:00:09.000+00:00"}  # type: ignore[operator]
    by_app(app, hook, RECEIVED)
    by_app(app, hook, {"event": "sms:received", "payload": again})
    assert len(kept(services)) == 2


def test_older_apps_name_the_sender_otherwise(app: Flask, services: Services) -> None:
    payload = {"messageId": "a4f3", "message": "STOP", "phoneNumber": PHONE}
    by_app(app, hook_of(services, "smsgate"), {"event": "sms:received", "payload": payload})
    assert [(found.sender, found.recipient) for found in kept(services)] == [(PHONE, "")]


def test_nobody_else_can_put_words_into_a_phones_mouth(app: Flask, services: Services) -> None:
    assert by_app(app, hook_of(services, "smsgate"), RECEIVED, key="another") == 403
    assert by_http(app, hook_of(services, "http", **INCOMING), {"from": PHONE, "body": "STOP"}, secret="x" * 16) == 403
    assert kept(services) == []


@pytest.mark.parametrize("payload", [None, [], {"message": 7, "sender": PHONE}, {"message": "STOP"}, {"sender": PHONE}])
def test_garbage_of_the_app_is_no_text(app: Flask, services: Services, payload: Any) -> None:
    assert by_app(app, hook_of(services, "smsgate"), {"event": "sms:received", "payload": payload}) == 200
    assert kept(services) == []


def test_an_http_carrier_calls_back_with_texts_and_reports(app: Flask, services: Services) -> None:
    hook = hook_of(services, "http", **INCOMING)
    told = {"from": "0022238089336", "to": "3601", "body": "قف", "id": 7}
    assert by_http(app, hook, told) == by_http(app, hook, told) == 200
    assert by_http(app, hook, {"id": "x", "state": "DELIVRD"}) == 200
    (found,) = kept(services)
    assert (found.sender, found.recipient, found.body, found.carrier) == (PHONE, "3601", "قف", "http")


def test_long_words_are_not_cut(app: Flask, services: Services) -> None:
    by_http(app, hook_of(services, "http", **INCOMING), {"from": PHONE, "body": "a" * 2_000})
    assert [len(found.body or "") for found in kept(services)] == [2_000]


def test_a_list_and_a_form_are_read_too(app: Flask, services: Services) -> None:
    listed = hook_of(services, "http", **INCOMING, callback_list="items")
    by_http(app, listed, {"items": [{"from": PHONE, "body": "Un"}, {"state": "DELIVRD", "id": "x"}, 7]})
    assert [found.body for found in kept(services)] == ["Un"]


def test_a_carrier_may_call_back_with_texts_alone() -> None:
    without = HTTP | {"url": "http://127.0.0.1:9/", "callback_reference": "", "callback_state": ""}
    registry.build("http", without | {"incoming_sender": "from", "incoming_text": "body"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"incoming_sender": "from"}, "incoming_text"),
        ({"incoming_text": "body"}, "incoming_sender"),
        ({"incoming_sender": "from", "incoming_text": "body", "callback_format": "none"}, "callback_format"),
        ({"incoming_sender": "from", "incoming_text": "body", "callback_state": ""}, "callback_state"),
    ],
)
def test_settings_that_lack_something_are_refused_by_field(changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        registry.build("http", HTTP | {"url": "http://127.0.0.1:9/"} | changes)
    assert [problem.field for problem in refused.value.errors] == [field]
