"""What carriers call back with, through the address that they are given."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from flask import Flask

from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers, notices
from dashboard.gateway.carriers.carriers import NewCarrier
from tests.support.http_carriers import HTTP, SMSGATE, WHATSAPP

SETTINGS = {
    "smsgate": SMSGATE | {"address": "http://127.0.0.1:9"},
    "whatsapp": WHATSAPP,
    "http": HTTP | {"url": "http://127.0.0.1:9/send"},
}


def hook_of(services: Services, kind: str, **values: str) -> str:
    """A carrier of this kind, of the same name; returns its callback address."""
    with services.sessions.begin() as session:
        wanted = NewCarrier(kind, kind, SETTINGS[kind] | values)
        return f"/callbacks/{carriers.add(session, carriers.cipher(services.settings), wanted).hook}"


def standing(services: Services, carrier: str) -> list[str]:
    with services.sessions() as session:
        return [notice.code for notice in notices.of_carriers(session).get(carrier, [])]


def by_app(app: Flask, hook: str, seconds_off: int = 0, key: str = SMSGATE["signing_key"]) -> int:
    body, stamp = b'{"event": "system:ping"}', str(int(time.time()) - seconds_off)
    signature = hmac.new(key.encode(), body + stamp.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Timestamp": stamp, "X-Signature": signature}
    return app.test_client().post(hook, data=body, headers=headers).status_code


def by_meta(app: Flask, hook: str, body: bytes) -> int:
    signature = hmac.new(WHATSAPP["app_secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}"}
    return app.test_client().post(hook, data=body, headers=headers).status_code


def changes(field: str, **value: Any) -> bytes:
    return json.dumps({"entry": [{"changes": [{"field": field, "value": value}]}]}).encode()


def test_a_phone_whose_clock_is_off_is_said_until_it_is_right(app: Flask, services: Services) -> None:
    hook = hook_of(services, "smsgate")
    assert (by_app(app, hook, seconds_off=400), standing(services, "smsgate")) == (403, ["phone_clock"])
    assert by_app(app, hook, key="another") == 403
    assert set(standing(services, "smsgate")) == {"phone_clock", "callback_forged"}
    assert (by_app(app, hook), standing(services, "smsgate")) == (200, [])


@pytest.mark.parametrize(
    ("event", "code"),
    [("PAUSED", "whatsapp_132015"), ("REJECTED", "whatsapp_template_rejected"), ("DISABLED", "whatsapp_132016")],
)
def test_a_template_that_meta_stops_is_said_at_once_until_it_is_approved(
    app: Flask, services: Services, event: str, code: str
) -> None:
    hook, field = hook_of(services, "whatsapp"), "message_template_status_update"
    assert by_meta(app, hook, changes(field, event=event, message_template_name="code")) == 200
    assert standing(services, "whatsapp") == [code]
    assert by_meta(app, hook, changes(field, event="APPROVED", message_template_name="another")) == 200
    assert standing(services, "whatsapp") == [code]
    assert by_meta(app, hook, changes(field, event="APPROVED", message_template_name="code")) == 200
    assert standing(services, "whatsapp") == []


def test_an_account_that_meta_restricts_is_said_until_it_is_reinstated(app: Flask, services: Services) -> None:
    hook = hook_of(services, "whatsapp")
    by_meta(app, hook, changes("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "DISABLE"}))
    assert standing(services, "whatsapp") == ["whatsapp_131031"]
    by_meta(app, hook, changes("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": "REINSTATE"}))
    assert standing(services, "whatsapp") == []


NASTY = "a\x00b\ud800c"  # what PostgreSQL does not keep, and what UTF-8 does not have


@pytest.mark.parametrize("hook", ["a%00b", "%ED%A0%80", "x" * 43, "%F0%9F%92%A9", "a" * 5_000])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_no_carrier_has_is_not_found(app: Flask, method: str, hook: str) -> None:
    answer = app.test_client().open(f"/callbacks/{hook}", method=method)
    assert (answer.status_code, answer.get_json()["success"]) == (404, False)


def test_what_no_database_keeps_is_answered_once(app: Flask, services: Services) -> None:
    status = {"id": NASTY, "status": "failed", "errors": [{"code": 131026}], "biz_opaque_callback_data": NASTY}
    body = json.dumps({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]}).encode()
    assert by_meta(app, hook_of(services, "whatsapp"), body) == 200
    secret, client = {"X-Secret": HTTP["callback_secret"]}, app.test_client()
    body = json.dumps({"id": NASTY, "state": "DELIVRD"}).encode()
    assert client.post(hook_of(services, "http"), data=body, headers=secret).status_code == 200


def test_a_callback_of_meta_may_hold_three_megabytes(app: Flask, services: Services) -> None:
    hook = hook_of(services, "whatsapp")
    statuses = [{"id": f"wamid.{number}", "status": "sent", "timestamp": "1764200000"} for number in range(1_000)]
    body = json.dumps({"entry": [{"changes": [{"value": {"statuses": statuses}}]}]}).encode()
    assert by_meta(app, hook, body.ljust(3 * 1024 * 1024)) == 200
    assert by_meta(app, hook, body.ljust(3 * 1024 * 1024 + 1)) == 413
