"""GET /messages/{messageId}, GET /messages and GET /me."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from dashboard.gateway.api_keys import authentication
from dashboard.gateway.limits import overrides
from dashboard.providers import sandbox
from dashboard.vocabulary import Scope
from tests.support.error_shape import invalid, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Client, until

FIELDS = {
    "success",
    "messageId",
    "kind",
    "channel",
    "phoneNumber",
    "status",
    "encoding",
    "segments",
    "createdAt",
    "sentAt",
    "deliveredAt",
    "failedAt",
    "expiredAt",
    "errorCode",
    "sentBy",
    "sender",
    "confirmedBy",
    "statusHistory",
}


def get(client: Client, path: str) -> httpx.Response:
    return client.stack.call("GET", path, key=client.key)


def sent(client: Client, phone: str, message: str = "Bonjour") -> str:
    answer = client.send(phone, message)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["messageId"])


def settled(client: Client, message_id: str) -> dict[str, Any]:
    """What is told of a message once it has come to its end."""

    def ended() -> dict[str, Any] | None:
        body: dict[str, Any] = get(client, f"/messages/{message_id}").json()
        return body if body["status"] in ("delivered", "failed") else None

    return until(ended, 15, lambda: get(client, f"/messages/{message_id}").text)


def listed(client: Client, **asked: Any) -> list[str]:
    """The ids of one page."""
    answer = client.stack.http.get("/messages", params=asked, headers={"X-API-Key": client.key})
    assert answer.status_code == 200, answer.text
    return [message["messageId"] for message in answer.json()["messages"]]


def test_a_message_is_followed_to_its_phone(client: Client, phone: str) -> None:
    message_id = sent(client, phone, "Ça va ? ê")
    body = settled(client, message_id)
    assert set(body) == FIELDS
    assert (body["success"], body["messageId"], body["phoneNumber"]) == (True, message_id, phone)
    assert (body["kind"], body["channel"], body["encoding"], body["segments"]) == ("message", "sms", "ucs2", 1)
    assert (body["status"], body["confirmedBy"], body["errorCode"]) == ("delivered", "receipt", None)
    steps = body["statusHistory"]
    assert [step["status"] for step in steps] == ["queued", "sending", "sent", "delivered"]
    assert sorted(step["at"] for step in steps) == [step["at"] for step in steps]
    assert body["createdAt"] == steps[0]["at"]
    assert datetime.fromisoformat(body["deliveredAt"]).utcoffset() == timedelta(0)


def test_a_refused_message_says_why(client: Client) -> None:
    body = settled(client, sent(client, "+22244" + sandbox.REFUSED))
    assert (body["status"], body["errorCode"], body["deliveredAt"]) == ("failed", "sandbox_refused", None)


def test_a_code_is_followed_without_its_text(client: Client, phone: str) -> None:
    code = client.code(phone)
    message_id = client.stack.inbox(phone)[0].message_uuid
    answer = get(client, f"/messages/{message_id}")
    assert answer.json()["kind"] == "otp"
    assert code not in answer.text


@on_sqlite
def test_no_text_is_told(client: Client, phone: str) -> None:
    message_id = sent(client, phone, "unmistakable-word")
    assert "unmistakable" not in get(client, f"/messages/{message_id}").text
    assert "unmistakable" not in get(client, "/messages").text


@pytest.mark.parametrize("made", ["another key's", "unknown", "x", "%00", "0", "SEND", "%F0%9F%98%80", "a" * 300, "{}"])
def test_what_is_not_ones_own_is_not_found(client: Client, phone: str, made: str) -> None:
    message_id = {"another key's": sent(client.stack.client(), phone), "unknown": str(uuid.uuid4())}.get(made, made)
    answer = get(client, f"/messages/{message_id}")
    assert refused(answer, 404, "message_not_found")["path"] == ["messageId"]
    assert answer.json() == get(client, f"/messages/{uuid.uuid4()}").json()


def test_an_id_in_capitals_is_the_same(client: Client, phone: str) -> None:
    made = sent(client, phone)
    assert get(client, f"/messages/{made.upper()}").json()["messageId"] == made
    assert get(client, f"/messages?after={made.upper()}").status_code == 200


def test_the_list_is_of_this_key_and_newest_first(client: Client, phone: str) -> None:
    made = [sent(client, phone, str(number)) for number in range(3)]
    sent(client.stack.client(), phone)
    assert listed(client) == made[::-1]


def test_pages_hold_each_message_once(client: Client, phone: str) -> None:
    made = [sent(client, phone, str(number)) for number in range(7)]
    found: list[str] = []
    asked: dict[str, Any] = {"limit": 3}
    sizes = []
    while True:
        body = client.stack.http.get("/messages", params=asked, headers={"X-API-Key": client.key}).json()
        assert list(body) == ["success", "messages", "next"]
        sizes.append(len(body["messages"]))
        found += [message["messageId"] for message in body["messages"]]
        if body["next"] is None:
            break
        sent(client, phone, "came meanwhile")
        asked["after"] = body["next"]
    assert (found, sizes) == (made[::-1], [3, 3, 1])


def test_a_last_page_that_is_full_has_no_next(client: Client, phone: str) -> None:
    for number in range(2):
        sent(client, phone, str(number))
    body = get(client, "/messages?limit=2").json()
    assert (len(body["messages"]), body["next"]) == (2, None)


def test_a_key_without_messages_has_an_empty_page(client: Client) -> None:
    assert get(client, "/messages").json() == {"success": True, "messages": [], "next": None}


def test_filters_narrow_the_list(client: Client, phone: str) -> None:
    text = sent(client, phone)
    code = client.otp(phone).json()["messageId"]
    by_whatsapp = client.otp(phone, channel="whatsapp").json()["messageId"]
    failed = sent(client, "+22245" + sandbox.REFUSED)
    for message_id in (text, code, by_whatsapp, failed):
        settled(client, message_id)
    assert listed(client, kind="otp") == [by_whatsapp, code]
    assert listed(client, kind="message") == [failed, text]
    assert listed(client, channel="whatsapp") == [by_whatsapp]
    assert listed(client, status="failed") == [failed]
    assert listed(client, status="delivered", kind="message", channel="sms", phoneNumber=phone) == [text]
    for form in (phone, phone[1:], phone[4:]):
        assert listed(client, phoneNumber=form) == [by_whatsapp, code, text]


@on_sqlite
def test_a_plus_sign_in_an_address_need_not_be_escaped(client: Client, phone: str) -> None:
    message_id = sent(client, phone)
    assert get(client, f"/messages?phoneNumber={phone}").json()["messages"][0]["messageId"] == message_id
    assert get(client, "/messages?from=2020-01-01T00:00:00+00:00").json()["messages"]


def test_times_narrow_the_list(client: Client, phone: str) -> None:
    first, second = sent(client, phone), sent(client, phone)
    at = datetime.fromisoformat(get(client, f"/messages/{first}").json()["createdAt"])
    later = datetime.fromisoformat(get(client, f"/messages/{second}").json()["createdAt"])
    before, after = (at - timedelta(hours=1)).isoformat(), (later + timedelta(hours=1)).isoformat()
    assert listed(client, **{"from": before, "to": after}) == [second, first]
    assert listed(client, to=before) == []
    assert listed(client, **{"from": after}) == []


def test_anothers_message_is_no_cursor(client: Client, phone: str) -> None:
    invalid(get(client, f"/messages?after={sent(client.stack.client(), phone)}"), ["after"], "unknown_cursor")


@on_sqlite
def test_an_unknown_filter_is_told_the_known_ones(client: Client) -> None:
    answer = get(client, "/messages?phone=38089336").json()
    assert answer["errors"][0]["message"] == (
        "There is no such parameter; there are limit, after, direction, status, channel, kind, phoneNumber, email, "
        "from, to"
    )
    assert get(client, "/messages?colour=%00%FF").status_code == 400


def test_an_empty_filter_is_none(client: Client, phone: str) -> None:
    made = sent(client, phone)
    assert listed(client, limit="", after="", status="", channel="SMS", kind="", phoneNumber="") == [made]


@on_sqlite
@pytest.mark.parametrize("path", ["/messages", "/messages/x", "/me"])
def test_reading_needs_a_key_and_its_scope(client: Client, path: str) -> None:
    assert client.stack.call("GET", path).json() == {"success": False, "message": "API key is required"}
    assert client.stack.call("GET", path, key="x").json() == {"success": False, "message": "Invalid API key"}
    refused(get(client.stack.client(scopes=("send", "otp")), path), 403, "scope_missing")


def test_a_key_learns_about_itself(client: Client) -> None:
    body = get(client, "/me").json()
    assert body.pop("name").startswith("test ")
    assert body == {
        "success": True,
        "mode": "live",
        "scopes": ["send", "otp", "read"],
        "limits": {"minute": 3, "hour": 10, "day": 20},
        "dailyCaps": {"messages": None, "codes": None},
    }


@on_sqlite
def test_a_key_with_every_scope_learns_so(client: Client) -> None:
    assert get(client.stack.client(scopes=tuple(Scope)), "/me").json()["scopes"] == list(Scope)


def test_a_key_learns_what_holds_for_it_alone(client: Client) -> None:
    capped = client.stack.client("test", scopes=("read",), message_cap=5, otp_cap=6)
    with client.stack.sessions.begin() as session:
        key_id = authentication.authenticate(session, capped.key).id
        overrides.save(session, overrides.NewOverride(key_id, None, minute=7, day=-1))
        overrides.save(session, overrides.NewOverride(key_id, "+22238089336", hour=99))
    body = get(capped, "/me").json()
    assert (body["mode"], body["scopes"]) == ("test", ["read"])
    assert body["limits"] == {"minute": 7, "hour": 10, "day": None}
    assert body["dailyCaps"] == {"messages": 5, "codes": 6}
