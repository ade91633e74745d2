"""POST /messages/send."""

from __future__ import annotations

import uuid

import pytest

from dashboard.providers import sandbox
from dashboard.sms import encoding
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Client

KEPT = {
    "French": "Votre commande n° 42 est prête : 1 500 MRU, à bientôt !",
    "Arabic": "مرحبا، رمزك جاهز. شكرا لك",
    "right-to-left marks": "\u200fمرحبا\u200e abc \u202b\u202c",
    "emoji": "👍🏽 👩‍👩‍👧‍👦 🇲🇷 \U0001f9d1\u200d\U0001f4bb",
    "extension": "{[~]}^|\\€ €",
    "line ends": "a\nb\n\nc\n",
    "tabs": "\ta\t",
    "edges": "  a  \n",
    "markup": "<b>&amp;</b> \"'`${x}%s {{ 7*7 }}",
    "unnormalised": "e\u0301 é ﬁ Å Å",
    "separators": "a\u2028b\u2029c\u0085d",
    "C1 and DEL": "a\x7fb\x80c\x9fd",
    "non-characters": "\ufffe\uffff\ufffd\U0010ffff",
    "byte order mark": "\ufeffa\ufeff",
    "escape-like": "\\n \\u0041 %00 &#0;",
}
BOUNDARIES = {
    "one GSM segment": "a" * 160,
    "ten GSM segments": "a" * 1530,
    "ten UCS-2 segments": "ع" * 670,
    "ten segments of pairs": "😀" * 330,
    "ten segments of escapes": "€" * 760,
}


@on_sqlite
def test_the_answer_is_exactly_that_of_the_reference(client: Client, phone: str) -> None:
    answer = client.send(phone)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["success", "messageId", "queued"]
    assert (body["success"], body["queued"]) == (True, True)
    assert str(uuid.UUID(body["messageId"], version=4)) == body["messageId"]


@pytest.mark.parametrize("message", KEPT.values(), ids=KEPT)
def test_a_text_arrives_exactly_as_sent(client: Client, phone: str, message: str) -> None:
    sent = client.send(phone, message)
    assert sent.status_code == 200, sent.text
    received = client.stack.arrived(phone, sent.json()["messageId"])
    assert received.text == message
    assert received.channel == "sms"


@on_sqlite
@pytest.mark.parametrize("message", BOUNDARIES.values(), ids=BOUNDARIES)
def test_up_to_ten_segments_arrive_whole(client: Client, phone: str, message: str) -> None:
    assert encoding.shape(message).segments <= 10
    sent = client.send(phone, message)
    assert sent.status_code == 200, sent.text
    assert client.stack.arrived(phone, sent.json()["messageId"]).text == message


@on_sqlite
def test_every_call_is_a_message_of_its_own(client: Client, phone: str) -> None:
    ids = [client.send(phone, "Bonjour").json()["messageId"] for _ in range(3)]
    assert len(set(ids)) == 3
    for message_id in ids:
        client.stack.arrived(phone, message_id)
    assert len(client.stack.inbox(phone)) == 3


@on_sqlite
def test_texts_have_no_rate_limit(client: Client, phone: str) -> None:
    answers = [client.send(phone, str(number)) for number in range(25)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [answer for answer in answers if "RateLimit" in answer.headers]


@on_sqlite
def test_a_test_keys_text_lands_on_the_sandbox_phone(client: Client, phone: str) -> None:
    test = client.stack.client("test")
    sent = test.send(phone, "Essai")
    assert client.stack.arrived(phone, sent.json()["messageId"]).text == "Essai"


def test_a_text_that_the_carrier_puts_off_arrives_later(client: Client) -> None:
    phone = "+22243" + sandbox.LATE
    sent = client.send(phone, "Patience")
    assert sent.status_code == 200
    client.stack.try_again_now(sent.json()["messageId"])
    assert client.stack.arrived(phone, sent.json()["messageId"]).text == "Patience"
    assert len([text for text in client.stack.inbox(phone) if text.text == "Patience"]) == 1


@on_sqlite
def test_a_refused_text_was_queued_all_the_same(client: Client) -> None:
    assert client.send("+22243" + sandbox.REFUSED, "Bonjour").status_code == 200
