"""Codes that waited while nobody delivered."""

from __future__ import annotations

from tests.support.stack import Client, digits, until


def test_of_codes_that_waited_only_the_newest_is_sent(client: Client, phone: str, healed: None) -> None:
    workers = ("sms-1", "sms-2")
    for worker in workers:
        client.stack.freeze(worker)
    *older, newest = [client.otp(phone).json()["messageId"] for _ in range(3)]
    for worker in workers:
        client.stack.thaw(worker)
    code = digits(client.stack.arrived(phone, newest).text)
    for message_id in older:
        path = f"/messages/{message_id}"
        until(lambda path=path: client.get(path).json()["status"] == "expired", 15)  # type: ignore[misc]
        assert client.get(path).json()["errorCode"] == "superseded"
    assert [text.message_uuid for text in client.stack.inbox(phone)] == [newest]
    assert client.verify(phone, code).status_code == 200
