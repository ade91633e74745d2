"""Every documented call of /api/v2, by a client of the hosted service that is given an address and a key alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboard.vocabulary import Scope
from tests.support.phones import new_phone
from tests.support.stack import Stack, other_than

# How a request is read is the same whatever the database.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
HEADERS = {"bearer": ("Authorization", "Bearer {}"), "key": ("X-API-Key", "{}")}


def client(stack: Stack, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{stack.port}/api/v2", headers=headers, verify=False)


@pytest.fixture(params=["bearer", "key"])
def hosted(request: pytest.FixtureRequest, stack: Stack) -> Iterator[httpx.Client]:
    """A client that knows the second generation alone; with a key for tests, as its developer has."""
    key = stack.key("test", scopes=tuple(Scope))
    name, value = HEADERS[request.param]
    with client(stack, {name: value.format(key)}) as found:
        yield found


def taken(answer: httpx.Response) -> dict[str, Any]:
    """As clients of the hosted service look at an answer: the status is exactly 200, and `success` is true."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["success"] is True
    return body


def test_notify(hosted: httpx.Client, stack: Stack) -> None:
    phone = new_phone()
    body = taken(hosted.post("/notify", json={"message": "Votre colis est arrivé", "phoneNumber": phone}))
    assert body == {
        "success": True,
        "messageId": body["messageId"],
        "queued": True,
        "parts": 1,
        "encoding": "gsm7",
        "length": 22,
        "pricePerMessage": 0,
        "cost": 0,
    }
    assert stack.arrived(phone, body["messageId"]).text == "Votre colis est arrivé"


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
def test_code_and_check(hosted: httpx.Client, stack: Stack, channel: str) -> None:
    phone = new_phone()
    sent = taken(hosted.post("/code", json={"phoneNumber": phone, "channel": channel, "language": "fr"}))
    assert (sent["expiresIn"], sent["cost"], sent["pricePerMessage"]) == (600, 0, 0)
    text = stack.arrived(phone, sent["messageId"]).text
    code = next(word for word in text.replace(".", " ").replace(":", " ").split() if word.isdigit() and len(word) == 6)
    order = {"phoneNumber": phone, "channel": channel}
    wrong = hosted.post("/check", json={**order, "otp": other_than(code)})
    assert (wrong.status_code, wrong.json()["retriesLeft"]) == (400, 2)
    assert "invalid otp" in wrong.json()["message"].lower()
    right = taken(hosted.post("/check", json={**order, "otp": code}))
    assert right == {"success": True, "message": "OTP verified successfully", "verified": True}
    used = hosted.post("/check", json={**order, "otp": code})
    assert used.status_code == 404 and "expire" in used.json()["message"]


def test_bulk_send_and_status(hosted: httpx.Client, stack: Stack) -> None:
    phones = [new_phone(), new_phone()]
    rows = [{"phone": phone, "message": f"Bonjour {phone}"} for phone in phones] + [{"phone": "0", "message": "a"}]
    sent = hosted.post("/bulk/send", json={"recipients": rows})
    assert sent.status_code == 202, sent.text
    batch = sent.json()
    names = ("success", "totalValid", "totalInvalid", "estimatedCost", "status")
    assert [batch[name] for name in names] == [True, 2, 1, 0, "processing"]
    assert batch["message"] and batch["batchId"]
    followed = taken(hosted.get(f"/bulk/status/{batch['batchId']}"))
    assert (followed["batchId"], followed["totalValid"], followed["totalInvalid"]) == (batch["batchId"], 2, 1)


def test_bulk_without_a_good_row(hosted: httpx.Client) -> None:
    empty = hosted.post("/bulk/send", json={"recipients": []})
    assert (empty.status_code, empty.json()["errors"][0]["path"]) == (400, ["recipients"])
    bad = hosted.post("/bulk/send", json={"recipients": [{"phone": "123", "message": "a"}]})
    assert bad.status_code == 400
    assert bad.json()["invalidRecipients"] == [{"phone": "123", "reason": "phone_length"}]


@pytest.mark.parametrize("path", ["/notify", "/code", "/check", "/bulk/send"])
def test_without_a_good_key(stack: Stack, path: str) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer wrong"}, 403), ({"X-API-Key": "wrong"}, 403)):
        with client(stack, headers) as stranger:
            assert stranger.post(path, json={}).status_code == status
