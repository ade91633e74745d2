"""A code that goes by several channels, while everything is killed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.models.messages import Message
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, digits, until


def steps(client: Client, message_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/messages/{message_id}").json()["steps"]
    return found


def their_turn_comes(stack: Stack, *message_ids: str) -> None:
    with stack.sessions.begin() as session:
        session.execute(update(Message).where(Message.uuid.in_(message_ids)).values(due_at=utcnow()))


def test_the_next_channel_carries_the_code_though_everything_was_killed(stack: Stack, healed: None) -> None:
    client, slow, quick = stack.client("test", channel_order="whatsapp:300,sms"), new_phone(), new_phone()
    sent = {phone: client.otp(phone, channel="auto").json()["messageId"] for phone in (slow, quick)}
    codes = {phone: digits(stack.arrived(phone, message_id).text) for phone, message_id in sent.items()}
    for message_id in sent.values():  # written down: what is in hand at a kill would go again
        until(lambda one=message_id: steps(client, one)[0]["status"] == "delivered", 15)  # type: ignore[misc]
    assert client.verify(quick, codes[quick], channel="auto").status_code == 200
    stack.kill(*stack.names)
    stack.start()
    stack.wait_ready()
    by_sms, unneeded = (steps(client, sent[phone])[1] for phone in (slow, quick))
    assert (by_sms["status"], unneeded["status"]) == ("queued", "queued")
    their_turn_comes(stack, by_sms["messageId"], unneeded["messageId"])
    assert digits(stack.arrived(slow, by_sms["messageId"]).text) == codes[slow]
    until(lambda: steps(client, sent[quick])[1]["status"] == "expired", 15)
    assert client.verify(slow, codes[slow], channel="sms").status_code == 200
    assert [text.channel for text in stack.inbox(slow)] == ["whatsapp", "sms"]
    assert [text.channel for text in stack.inbox(quick)] == ["whatsapp"]
