"""GET /messages?direction=in."""

from __future__ import annotations

import pytest

from dashboard.db import utcnow
from dashboard.gateway.inbound import inbox
from dashboard.providers.base import Incoming
from tests.support.api_client import Api, ApiClient
from tests.support.error_shape import invalid
from tests.support.phones import new_phone


def receive(api: Api, phone: str, words: str) -> None:
    inbox.receive(api.sessions, "smsc", [Incoming(phone, "3601", words, utcnow())])


def test_replies_to_a_key_are_listed_with_their_words(api: Api, client: ApiClient) -> None:
    phone = new_phone()
    client.send(phone)
    receive(api, phone, "Où est ma commande ?")
    receive(api, new_phone(), "à un autre")
    answer = client.get("/messages?direction=in").json()
    (found,) = answer["messages"]
    assert list(found) == ["messageId", "phoneNumber", "to", "text", "segments", "keyword", "receivedAt"]
    assert (found["phoneNumber"], found["to"], found["text"]) == (phone, "3601", "Où est ma commande ?")
    assert (found["segments"], found["keyword"], answer["next"]) == (1, None, None)
    assert "commande" not in client.get("/messages").text


def test_they_come_in_pages_and_by_number(api: Api, client: ApiClient) -> None:
    phone, other = new_phone(), new_phone()
    for each in (phone, other):
        client.send(each)
        receive(api, each, "Un")
    receive(api, phone, "STOP")
    first = client.get("/messages?direction=in&limit=2").json()
    rest = client.get(f"/messages?direction=in&limit=2&after={first['next']}").json()
    assert [one["text"] for one in (*first["messages"], *rest["messages"])] == ["STOP", "Un", "Un"]
    assert first["messages"][0]["keyword"] == "stop" and rest["next"] is None
    mine = client.get(f"/messages?direction=in&phoneNumber={phone[4:]}").json()["messages"]
    assert [one["text"] for one in mine] == ["STOP", "Un"]


@pytest.mark.parametrize("name", ["status=sent", "kind=otp", "channel=sms"])
def test_filters_of_what_was_sent_are_refused(client: ApiClient, name: str) -> None:
    invalid(client.get(f"/messages?direction=in&{name}"), [name.partition("=")[0]], "invalid_choice")


def test_a_cursor_of_the_other_direction_is_unknown(client: ApiClient) -> None:
    sent = client.send(new_phone()).json()["messageId"]
    assert client.get(f"/messages?direction=in&after={sent}").json()["errors"][0]["code"] == "unknown_cursor"
    invalid(client.get("/messages?direction=up"), ["direction"], "invalid_choice")
