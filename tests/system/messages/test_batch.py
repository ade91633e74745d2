"""POST /messages/batch, and the current names of the hosted service."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.error_shape import failure, invalid, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.phones import new_phone
from tests.support.stack import Client, digits, other_than, until

MIB = 1024 * 1024


def batch(client: Client, *items: object) -> httpx.Response:
    return client.post("/messages/batch", messages=list(items))


def item(phone: str, message: str = "Bonjour") -> dict[str, str]:
    return {"phoneNumber": phone, "message": message}


def results(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body) == ["success", "results"]
    assert body["success"] is True
    results: list[dict[str, Any]] = body["results"]
    return results


def codes(result: dict[str, Any]) -> list[str]:
    assert list(result) == ["success", "errors"]
    assert result["success"] is False
    return [problem["code"] for problem in result["errors"]]


def test_each_message_of_a_batch_arrives(client: Client) -> None:
    phones = [new_phone() for _ in range(20)]
    taken = results(batch(client, *(item(phone, f"texte {phone}") for phone in phones)))
    for phone, result in zip(phones, taken, strict=True):
        assert list(result) == ["success", "messageId", "queued"]
        assert (result["success"], result["queued"]) == (True, True)
        assert client.stack.arrived(phone, result["messageId"]).text == f"texte {phone}"


@on_sqlite
def test_a_bad_message_holds_no_other_back_and_results_keep_their_order(client: Client) -> None:
    good = [new_phone() for _ in range(3)]
    bad = [item("12345678"), {"message": "x"}, 5, None, "text", [], {}, item(good[0], " "), item(good[0], "a" * 1531)]
    mixed = [item(good[0]), *bad[:4], item(good[1]), *bad[4:], item(good[2])]
    found = results(batch(client, *mixed))
    assert [result["success"] for result in found] == [candidate not in bad for candidate in mixed]
    refusals = [codes(result) for result in found if not result["success"]]
    assert refusals == [
        ["phone_prefix"],
        ["required"],
        ["invalid_type"],
        ["invalid_type"],
        ["invalid_type"],
        ["invalid_type"],
        ["required", "required"],
        ["blank"],
        ["too_long"],
    ]
    assert found[2]["errors"][0] == {"path": ["phoneNumber"], "message": "This field is required", "code": "required"}
    for phone in good:
        until(partial(client.stack.inbox, phone), 15)


@on_sqlite
def test_a_batch_of_bad_messages_is_answered_too(client: Client) -> None:
    assert [codes(result) for result in results(batch(client, {}, {}))] == [["required", "required"]] * 2


@on_sqlite
@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_holds_1_to_1000(client: Client, phone: str, count: int) -> None:
    invalid(batch(client, *[item(phone)] * count), ["messages"], "batch_size")


@on_sqlite
@pytest.mark.parametrize("wrong", ["x", 5, {"0": {}}])
def test_messages_must_be_a_list(client: Client, wrong: object) -> None:
    invalid(client.post("/messages/batch", messages=wrong), ["messages"], "invalid_type")


@on_sqlite
def test_messages_are_required(client: Client) -> None:
    invalid(client.post("/messages/batch"), ["messages"], "required")


def test_a_thousand_messages_of_ten_segments_are_taken(client: Client) -> None:
    phone = new_phone()
    found = results(batch(client, *(item(phone, f"{number:04d}" + "a" * 1526) for number in range(1_000))))
    assert [result["success"] for result in found] == [True] * 1_000
    assert len({result["messageId"] for result in found}) == 1_000
    until(lambda: len(client.stack.inbox(phone)) == 1_000, 60, lambda: str(len(client.stack.inbox(phone))))


@on_sqlite
def test_a_body_of_two_mib_is_taken_and_a_larger_one_is_not(client: Client, phone: str) -> None:
    body = json.dumps({"messages": [item(phone)]}).encode()
    assert client.raw("/messages/batch", body + b" " * (2 * MIB - len(body))).status_code == 200
    failure(client.raw("/messages/batch", body + b" " * (2 * MIB + 1 - len(body))), 413, "Request body too large")


def test_the_daily_cap_takes_the_first_ones(client: Client) -> None:
    capped = client.stack.client(message_cap=3)
    assert capped.send(new_phone()).status_code == 200
    phones = [new_phone() for _ in range(4)]
    found = results(batch(capped, item(phones[0]), {}, *(item(phone) for phone in phones[1:])))
    assert [result["success"] for result in found] == [True, False, True, False, False]
    assert codes(found[3]) == codes(found[4]) == ["daily_cap"]
    assert found[3]["errors"][0]["limit"] == 3
    assert 0 < found[3]["errors"][0]["retryAfter"] <= 86_400
    refused(capped.send(new_phone()), 429, "daily_cap")
    assert [codes(result) for result in results(batch(capped, item(phones[3])))] == [["daily_cap"]]


@on_sqlite
def test_a_batch_needs_the_scope_send(client: Client, phone: str) -> None:
    refused(batch(client.stack.client(scopes=("otp", "read")), item(phone)), 403, "scope_missing")


def test_notify_sends_a_text(client: Client, phone: str) -> None:
    answer = client.post("/api/v2/notify", phoneNumber=phone, message="Bonjour")
    assert list(answer.json())[:3] == ["success", "messageId", "queued"]
    assert client.stack.arrived(phone, answer.json()["messageId"]).text == "Bonjour"


def test_code_and_check_are_send_and_verify(client: Client, phone: str) -> None:
    answer = client.post("/api/v2/code", phoneNumber=phone, language="en")
    assert (answer.json()["success"], answer.json()["expiresIn"]) == (True, 600)
    code = digits(client.stack.arrived(phone, answer.json()["messageId"]).text)
    wrong = client.post("/api/v2/check", phoneNumber=phone, otp=other_than(code))
    assert (wrong.status_code, wrong.json()) == (
        400,
        {"success": False, "message": "Invalid OTP", "retriesLeft": 2},
    )
    assert client.verify(phone, other_than(code)).json()["retriesLeft"] == 1
    right = client.post("/api/v2/check", phoneNumber=phone, otp=code)
    assert right.json() == {"success": True, "message": "OTP verified successfully", "verified": True}


@on_sqlite
def test_both_names_share_the_limits(client: Client, phone: str) -> None:
    paths = ("/otp/send", "/api/v2/code")
    answers = [client.post(paths[number % 2], phoneNumber=phone) for number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]


@on_sqlite
@pytest.mark.parametrize("path", ["/api/v2/notify", "/api/v2/code", "/api/v2/check"])
def test_the_current_names_need_a_key_and_a_post(client: Client, path: str) -> None:
    assert client.stack.call("POST", path, json={}).status_code == 401
    answer = client.stack.call("GET", path, key=client.key)
    failure(answer, 405, "Method not allowed")
    assert answer.headers["Allow"] == "POST"
