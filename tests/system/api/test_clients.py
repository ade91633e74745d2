"""What clients of all kinds send, through the whole gateway."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from dashboard.providers import sandbox
from tests.support.error_shape import refused
from tests.support.phones import new_phone
from tests.support.stack import Client, other_than

# How a request is read is the same whatever the database.
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def named(client: Client, path: str, name: str, **fields: Any) -> httpx.Response:
    return client.stack.call("POST", path, key=client.key, json=fields, headers={"Idempotency-Key": name})


@pytest.fixture
def tester(client: Client) -> Client:
    return client.stack.client(mode="test")


@ONE_DATABASE
@pytest.mark.parametrize("path", ["/otp/send/", "/api/v2/code/"])
def test_a_slash_at_the_end_changes_nothing(client: Client, phone: str, path: str) -> None:
    answer = client.post(path, phoneNumber=phone)
    assert (answer.status_code, answer.history) == (200, [])
    message_id = answer.json()["messageId"]
    assert client.stack.call("GET", f"/messages/{message_id}/", key=client.key).json()["messageId"] == message_id
    assert client.stack.call("GET", "/messages/", key=client.key).status_code == 200


@ONE_DATABASE
def test_a_gzip_body_is_taken(client: Client, phone: str) -> None:
    body = gzip.compress(json.dumps({"phoneNumber": phone, "message": "Bonjour"}).encode())
    answer = client.stack.call(
        "POST", "/messages/send", key=client.key, data=body, headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 200, answer.text
    assert client.stack.arrived(phone, answer.json()["messageId"]).text == "Bonjour"


def test_a_named_guess_is_judged_once(client: Client, phone: str) -> None:
    code = client.code(phone)
    wrong = {"phoneNumber": phone, "otp": other_than(code)}
    first, again = named(client, "/otp/verify", "a", **wrong), named(client, "/otp/verify", "a", **wrong)
    assert (first.json()["retriesLeft"], again.json()) == (2, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    right = {"phoneNumber": phone, "otp": code}
    first, again = named(client, "/otp/verify", "b", **right), named(client, "/otp/verify", "b", **right)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    refused(client.verify(phone, code), 404, "otp_used")
    refused(named(client, "/otp/verify", "b", **wrong), 400, "idempotency_mismatch")


def test_a_guess_that_was_not_judged_is_judged_anew(client: Client, phone: str) -> None:
    refused(named(client, "/otp/verify", "a", phoneNumber=phone, otp="123456"), 404, "otp_not_found")
    code = client.code(phone)
    assert named(client, "/otp/verify", "c", phoneNumber=phone, otp=code).status_code == 200


def test_a_named_webhook_is_made_once(client: Client) -> None:
    keeper = client.stack.client(scopes=("read", "webhooks"))
    body = {"url": "https://shop.example.mr/hooks", "description": None, "events": ""}
    first, again = named(keeper, "/webhooks", "a", **body), named(keeper, "/webhooks", "a", **body)
    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(client.stack.call("GET", "/webhooks", key=keeper.key).json()["webhooks"]) == 1
    client.stack.call("DELETE", f"/webhooks/{first.json()['webhookId']}", key=keeper.key)
    assert named(keeper, "/webhooks", "a", **body).json()["errors"][0]["code"] == "webhook_not_found"


def test_a_test_key_reads_its_codes_over_http(client: Client, tester: Client, phone: str) -> None:
    code = tester.code(phone)
    inbox = client.stack.call("GET", f"/sandbox/inbox?phoneNumber={phone[4:]}", key=tester.key).json()
    assert [(each["channel"], code in each["text"]) for each in inbox["messages"]] == [("sms", True)]
    another = client.stack.client(mode="test")
    assert client.stack.call("GET", f"/sandbox/inbox?phoneNumber={phone}", key=another.key).json()["messages"] == []
    answer = client.stack.call("GET", f"/sandbox/inbox?phoneNumber={phone}", key=client.key)
    assert refused(answer, 403, "test_keys_only")["path"] == []


def test_a_502_says_why_and_whether_to_try_again(client: Client) -> None:
    error = refused(client.otp("+22243" + sandbox.REFUSED, channel="whatsapp"), 502, "provider_error")
    assert (error["reason"], error["retryable"]) == ("sandbox_refused", False)
    followed = client.stack.call("GET", f"/messages/{error['messageId']}", key=client.key)  # as its event names it
    assert (followed.json()["status"], followed.json()["errorCode"]) == ("failed", "sandbox_refused")
    answer = client.otp("+22243" + sandbox.SILENT, channel="whatsapp")
    error = refused(answer, 502, "provider_timeout")
    assert error["retryable"] is True
    assert answer.headers["Retry-After"] == str(error["retryAfter"])
    followed = client.stack.call("GET", f"/messages/{error['messageId']}", key=client.key)
    assert followed.json()["kind"] == "otp"


@ONE_DATABASE
def test_a_hash_goes_with_a_text_too(client: Client) -> None:
    phone = new_phone()
    sent = client.post("/messages/send", phoneNumber=phone, message="Code 123456", hash="FA+9qCX9VSu")
    assert client.stack.arrived(phone, sent.json()["messageId"]).text == "Code 123456\nFA+9qCX9VSu"
