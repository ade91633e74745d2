"""POST /otp/send by `auto`: the channels of the key's order, one after the other, by real processes."""

from __future__ import annotations

from typing import Any

from tests.support.error_shape import invalid
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, digits, other_than, until

ADDRESS = "aminata@example.mr"


def steps(client: Client, message_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/messages/{message_id}").json()["steps"]
    return found


def test_the_second_channel_carries_the_same_digits_and_nothing_follows_a_right_code(stack: Stack) -> None:
    client = stack.client("test", channel_order="whatsapp:10,sms:300,email")
    slow, quick = new_phone(), new_phone()
    addresses = {slow: ADDRESS, quick: f"quick.{ADDRESS}"}
    asked = {phone: client.otp(phone, channel="auto", email=email).json() for phone, email in addresses.items()}
    assert {answer["sentBy"] for answer in asked.values()} == {"whatsapp"}
    codes = {phone: digits(stack.arrived(phone, answer["messageId"]).text) for phone, answer in asked.items()}
    assert client.verify(quick, codes[quick], channel="auto").status_code == 200

    by_sms = steps(client, asked[slow]["messageId"])[1]
    assert (by_sms["channel"], by_sms["status"]) == ("sms", "queued")
    assert digits(stack.arrived(slow, by_sms["messageId"], within=30).text) == codes[slow]
    assert client.get(f"/messages/{asked[slow]['messageId']}").json()["sentBy"] == "sms"
    wrong = [
        client.verify(slow, other_than(codes[slow]), channel="sms").json(),
        client.post("/otp/verify", email=ADDRESS, channel="email", otp=other_than(codes[slow])).json(),
    ]
    assert [answer["retriesLeft"] for answer in wrong] == [2, 1]

    until(lambda: steps(client, asked[quick]["messageId"])[1]["status"] == "expired", 30)
    assert steps(client, asked[quick]["messageId"])[1]["errorCode"] == "code_verified"
    assert [text.channel for text in stack.inbox(quick)] == ["whatsapp"]


def test_what_a_call_by_auto_needs(client: Client, phone: str) -> None:
    answer = client.post("/otp/send", email=ADDRESS, channel="auto")
    invalid(answer, ["phoneNumber"])
    answer = client.otp(phone, channel="auto", email="aminata")
    invalid(answer, ["email"])
    sent = client.otp(phone, channel="auto")
    assert sent.json()["sentBy"] == "sms", "its key has no order"
    code = digits(client.stack.arrived(phone, sent.json()["messageId"]).text)
    assert client.verify(phone, code, channel="auto").status_code == 200
