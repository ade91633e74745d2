"""/webhooks over HTTP, with the whole gateway behind it."""

from __future__ import annotations

import time

import pytest

from dashboard.gateway.api_keys import keys
from tests.support.error_shape import refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Stack, other_than, until
from tests.support.webhook_endpoints import Shop, make_shop
from tests.support.webhook_receiver import Answer, Got, Receiver

SHOWN = {
    "success",
    "webhookId",
    "url",
    "description",
    "events",
    "envelope",
    "state",
    "disabledReason",
    "createdAt",
    "disabledAt",
    "failingSince",
    "lastAttemptAt",
    "lastStatus",
    "lastError",
}


def arrived(receiver: Receiver, path: str, count: int, within: float = 15) -> list[Got]:
    def whole() -> list[Got] | None:
        got = receiver.got(path)
        return got if len(got) >= count else None

    return until(whole, within, lambda: f"{receiver.got(path)}")


def test_the_life_of_a_webhook(shop: Shop, receiver: Receiver, path: str) -> None:
    made = shop.listen(receiver.url(path), events=["otp.verified", "message.sent"], description="Shop")
    assert set(made) == {*SHOWN, "secret"}
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["state"]) == (["message.sent", "otp.verified"], "active")
    one = f"/webhooks/{made['webhookId']}"
    shown = shop.call("GET", one)
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert shop.call("GET", "/webhooks") == {
        "success": True,
        "webhooks": [{name: value for name, value in shown.items() if name != "success"}],
    }
    changed = shop.call("PATCH", one, url=receiver.url(f"{path}-new"), description=" ", events=["message.failed"])
    assert (changed["url"], changed["description"]) == (receiver.url(f"{path}-new"), "")
    off = shop.call("PATCH", one, enabled=False)
    assert (off["state"], off["disabledReason"], off["events"]) == ("disabled", "asked", ["message.failed"])
    refused(shop.client.post(f"{one}/test"), 400, "webhook_disabled")
    assert shop.call("PATCH", one, enabled=True)["state"] == "active"
    assert shop.call("DELETE", one) == {"success": True}
    refused(shop.client.stack.call("GET", one, key=shop.client.key), 404, "webhook_not_found")
    assert shop.call("GET", "/webhooks")["webhooks"] == []


def test_a_message_is_heard_of_in_order_at_once(shop: Shop, receiver: Receiver, path: str, phone: str) -> None:
    secret = shop.listen(receiver.url(path))["secret"]
    sent_at = time.monotonic()
    sent = shop.client.send(phone).json()["messageId"]
    got = arrived(receiver, path, 2)
    assert [one.type for one in got] == ["message.sent", "message.delivered"]
    assert {one.verify(secret)["data"]["messageId"] for one in got} == {sent}
    assert got[1].at - sent_at < 5


def test_codes_are_heard_of(shop: Shop, receiver: Receiver, path: str, phone: str) -> None:
    shop.listen(receiver.url(path), events=["otp.verified", "otp.exhausted"])
    code = shop.client.code(phone)
    assert shop.client.verify(phone, code).status_code == 200
    code = shop.client.code(phone)
    for _ in range(3):
        shop.client.verify(phone, other_than(code))
    got = arrived(receiver, path, 2)
    assert [one.type for one in got] == ["otp.verified", "otp.exhausted"]
    assert [one.event["data"]["attempts"] for one in got] == [1, 3]
    assert got[0].event["data"]["phoneNumber"] == phone
    assert not any(code.encode() in one.body for one in got)


def test_a_test_event_and_its_attempt(shop: Shop, receiver: Receiver, path: str) -> None:
    made = shop.listen(receiver.url(path))
    receiver.answers[path] = Answer(500, body=b"<b>broken</b>")
    sent = shop.call("POST", f"/webhooks/{made['webhookId']}/test")
    got = arrived(receiver, path, 1)[0]
    assert (got.id, got.verify(made["secret"])["type"]) == (sent["eventId"], "webhook.test")
    attempts = f"/webhooks/{made['webhookId']}/attempts"
    until(lambda: shop.call("GET", attempts)["attempts"], 5)
    page = shop.call("GET", attempts)
    [attempt] = page["attempts"]
    assert page["next"] is None
    assert attempt == {
        "eventId": sent["eventId"],
        "type": "webhook.test",
        "attempt": 1,
        "at": attempt["at"],
        "status": 500,
        "error": "refused",
        "durationMs": attempt["durationMs"],
        "answer": "<b>broken</b>",
    }
    assert shop.call("GET", f"/webhooks/{made['webhookId']}")["state"] == "failing"


def test_attempts_come_in_pages(shop: Shop, receiver: Receiver, path: str) -> None:
    one = f"/webhooks/{shop.listen(receiver.url(path))['webhookId']}"
    sent = [shop.call("POST", f"{one}/test")["eventId"] for _ in range(3)]
    until(lambda: len(shop.call("GET", f"{one}/attempts")["attempts"]) == 3, 10)
    first = shop.call("GET", f"{one}/attempts?limit=2")
    rest = shop.call("GET", f"{one}/attempts?limit=2&after={first['next']}")
    assert (len(first["attempts"]), len(rest["attempts"])) == (2, 1)
    assert {attempt["eventId"] for attempt in first["attempts"] + rest["attempts"]} == set(sent), "in any order"
    assert rest["next"] is None


def test_rotation_and_replay(shop: Shop, receiver: Receiver, path: str, phone: str) -> None:
    made = shop.listen(receiver.url(path), events=["message.sent"])
    one = f"/webhooks/{made['webhookId']}"
    shop.client.send(phone)
    first = arrived(receiver, path, 1)[0]
    rotated = shop.call("POST", f"{one}/rotate")
    assert set(rotated) == {"success", "secret", "previousUntil"}
    assert shop.call("POST", f"{one}/replay", eventId=first.id) == {"success": True, "replayed": 1}
    again = arrived(receiver, path, 2)[1]
    assert again.id == first.id
    assert again.verify(made["secret"]) == again.verify(rotated["secret"])
    until(lambda: len(shop.call("GET", f"{one}/attempts")["attempts"]) == 2, 5)
    period = {"since": "2026-01-01T00:00:00Z"}
    assert shop.call("POST", f"{one}/replay", **period)["replayed"] == 0
    assert shop.call("POST", f"{one}/replay", **period, only="all")["replayed"] == 1
    assert arrived(receiver, path, 3)[2].id == first.id


def test_a_key_sees_its_own_webhooks_alone(stack: Stack, shop: Shop, receiver: Receiver, path: str) -> None:
    one = f"/webhooks/{shop.listen(receiver.url(path))['webhookId']}"
    other = make_shop(stack)
    assert other.call("GET", "/webhooks")["webhooks"] == []
    for method, path_ in (("GET", one), ("DELETE", one), ("GET", f"{one}/attempts"), ("POST", f"{one}/rotate")):
        refused(stack.call(method, path_, key=other.client.key), 404, "webhook_not_found")
    refused(other.client.post(f"{one}/replay", eventId="evt_x"), 404, "webhook_not_found")


@pytest.mark.parametrize("unknown", ["x", "%00", "%F0%9F%98%80", "6f0c3c7e-0d9e-4d3b-8b42-5f1e3f1a9a77"])
def test_a_malformed_id_is_an_unknown_one(shop: Shop, receiver: Receiver, path: str, unknown: str) -> None:
    answer = shop.client.stack.call("GET", f"/webhooks/{unknown}", key=shop.client.key)
    refused(answer, 404, "webhook_not_found")
    one = f"/webhooks/{shop.listen(receiver.url(path))['webhookId']}"
    for event in ("x", "\0", "evt_" + "0" * 32):
        refused(shop.client.post(f"{one}/replay", eventId=event), 404, "event_not_found")


@on_sqlite
def test_scopes(stack: Stack, shop: Shop, receiver: Receiver, path: str) -> None:
    reader = stack.client(scopes=("read",))
    assert stack.call("GET", "/webhooks", key=reader.key).status_code == 200
    refused(reader.post("/webhooks", url=receiver.url(path)), 403, "scope_missing")
    assert "webhooks" not in keys.NewKey("usual").scopes
    refused(stack.call("GET", "/webhooks", key=stack.key(scopes=("send",))), 403, "scope_missing")


@on_sqlite
@pytest.mark.parametrize(
    "fields", [{}, {"eventId": "evt_x", "since": "2026-01-01T00:00:00Z"}, {"since": "yesterday"}, {"since": 5}]
)
def test_a_replay_names_one_event_or_a_period(
    shop: Shop, receiver: Receiver, path: str, fields: dict[str, str]
) -> None:
    one = f"/webhooks/{shop.listen(receiver.url(path))['webhookId']}"
    answer = shop.client.post(f"{one}/replay", **fields)
    assert answer.status_code == 400, answer.text
    refused(shop.client.post(f"{one}/replay", eventId="evt_x"), 404, "event_not_found")
