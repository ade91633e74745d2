"""POST /otp/send by WhatsApp: the caller waits for the provider."""

from __future__ import annotations

import time

from dashboard.models.api_keys import ApiKey
from dashboard.providers import sandbox
from tests.support.error_shape import refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Client, Stack, digits, other_than

REFUSED, SILENT = "+22241" + sandbox.REFUSED, "+22241" + sandbox.SILENT


def test_a_code_is_there_when_the_answer_comes(client: Client, phone: str) -> None:
    sent = client.otp(phone, channel="whatsapp", language="en")
    assert (sent.status_code, list(sent.json())) == (200, ["success", "messageId", "expiresIn"])
    text = client.stack.inbox(phone)[0]
    assert (text.channel, text.message_uuid) == ("whatsapp", sent.json()["messageId"])
    assert client.verify(phone, digits(text.text), channel="whatsapp").status_code == 200


@on_sqlite
def test_wrong_codes_count_down(client: Client, phone: str) -> None:
    code = client.code(phone, channel="whatsapp")
    answers = [client.verify(phone, other_than(code), channel="whatsapp").json() for _ in range(4)]
    assert [answer["retriesLeft"] for answer in answers] == [2, 1, 0, 0]


@on_sqlite
def test_a_hash_is_ignored_whatever_it_is(client: Client, phone: str) -> None:
    for app_hash in ("FA+9qCX9VSu", "not a hash", None):
        assert client.otp(phone, channel="whatsapp", hash=app_hash).status_code == 200
    assert not [text for text in client.stack.inbox(phone) if "\n" in text.text]


def test_a_refusal_is_told_voids_the_code_and_does_not_count(client: Client) -> None:
    for _ in range(5):
        answer = client.otp(REFUSED, channel="whatsapp")
        assert refused(answer, 502, "provider_error")["path"] == []
        assert answer.headers["RateLimit"] == '"minute";r=3;t=60'
    refused(client.verify(REFUSED, "123456", channel="whatsapp"), 404, "otp_not_sent")


def test_silence_is_told_in_time_counts_and_leaves_the_code_alive(client: Client) -> None:
    began = time.monotonic()
    refused(answer := client.otp(SILENT, channel="whatsapp"), 502, "provider_timeout")
    assert time.monotonic() - began >= client.stack.settings.whatsapp_wait
    assert answer.headers["RateLimit"].startswith('"minute";r=2;')
    assert client.verify(SILENT, "000000", channel="whatsapp").status_code == 400  # it is judged, so the code lives
    message_id = answer.json()["errors"][0]["messageId"]
    client.stack.try_again_now(message_id)
    text = client.stack.arrived(SILENT, message_id)
    assert client.verify(SILENT, digits(text.text), channel="whatsapp").status_code == 200


def test_a_code_that_went_by_sms_says_so_and_verifies_under_either_channel(stack: Stack) -> None:
    client, phone = stack.client("test", sms_fallback=True), "+22236" + sandbox.NO_WHATSAPP
    sent = client.otp(phone, channel="whatsapp").json()
    assert sent["sentBy"] == "sms"
    message = client.get(f"/messages/{sent['messageId']}").json()
    assert (message["channel"], message["sentBy"]) == ("whatsapp", "sms")
    code = digits(stack.arrived(phone, sent["messageId"]).text)
    wrong = [client.verify(phone, other_than(code), **channel).json() for channel in ({}, {"channel": "whatsapp"})]
    assert [answer["retriesLeft"] for answer in wrong] == [2, 1]
    assert client.verify(phone, code).status_code == 200


def test_a_refused_resend_leaves_the_code_that_arrived_with_its_tries(stack: Stack) -> None:
    client, phone = stack.client("test", sms_fallback=True), "+22237" + sandbox.NO_WHATSAPP
    code = digits(stack.arrived(phone, client.otp(phone, channel="whatsapp").json()["messageId"]).text)
    assert client.verify(phone, other_than(code), channel="whatsapp").json()["retriesLeft"] == 2
    with stack.sessions.begin() as session:  # now the number's WhatsApp refuses, and nothing takes its place
        session.get_one(ApiKey, client.key_id).sms_fallback = False
    refused(client.otp(phone, channel="whatsapp"), 502, "provider_error")
    assert client.verify(phone, other_than(code), channel="whatsapp").json()["retriesLeft"] == 1
    assert client.verify(phone, code, channel="whatsapp").status_code == 200
