"""POST /api/v2/bulk/send and GET /api/v2/bulk/status: what is taken, what is refused, and what is told."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from dashboard.models.campaigns import Campaign, CampaignRecipient
from dashboard.request_arrival import BULK_BYTES
from tests.support.api_client import ApiClient
from tests.support.error_shape import failure, invalid, refused

SEND = "/api/v2/bulk/send"
GOOD = {"phone": "38089336", "message": "Bonjour"}


def send(client: ApiClient, *rows: object, **more: Any) -> httpx.Response:
    return client.post(SEND, recipients=list(rows), **more)


def named(client: ApiClient, name: str, *rows: object) -> httpx.Response:
    return client.api.call(
        "POST", SEND, key=client.key, json={"recipients": list(rows)}, headers={"Idempotency-Key": name}
    )


def recipients(client: ApiClient, batch_id: str) -> list[tuple[str, str | None]]:
    with client.api.sessions() as session:
        rows = select(CampaignRecipient.phone, CampaignRecipient.body).join(
            Campaign, Campaign.id == CampaignRecipient.campaign_id
        )
        found = session.execute(rows.where(Campaign.uuid == batch_id).order_by(CampaignRecipient.id))
        return [(row[0], row[1]) for row in found]


def status(client: ApiClient, batch_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/v2/bulk/status/{batch_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_good_rows_are_taken_and_the_others_told(client: ApiClient) -> None:
    bad = [{"phone": "12345678", "message": "x"}, {"phone": "38089336", "message": " "}, 5, {"message": "x"}]
    answer = send(client, GOOD, *bad, {"phone": "+22247000000", "message": "مرحبا\r\nبكم"}, name="Rentrée")
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert list(body)[:7] == [
        "success",
        "message",
        "batchId",
        "totalValid",
        "totalInvalid",
        "estimatedCost",
        "status",
    ]
    assert (body["success"], body["totalValid"], body["totalInvalid"]) == (True, 2, 4)
    assert (body["estimatedCost"], body["status"]) == (0, "processing")
    assert body["invalidRecipients"] == [
        {"phone": "12345678", "reason": "phone_prefix"},
        {"phone": "38089336", "reason": "blank"},
        {"phone": "", "reason": "invalid_type"},
        {"phone": "", "reason": "required"},
    ]
    assert recipients(client, body["batchId"]) == [("+22238089336", "Bonjour"), ("+22247000000", "مرحبا\nبكم")]
    told = status(client, body["batchId"])
    assert {
        name: told[name] for name in ("name", "status", "totalValid", "totalInvalid", "waiting", "completedAt")
    } == {
        "name": "Rentrée",
        "status": "processing",
        "totalValid": 2,
        "totalInvalid": 4,
        "waiting": 2,
        "completedAt": None,
    }


def test_no_good_row_at_all_is_refused(client: ApiClient) -> None:
    rows = [{"phone": "1", "message": "x"}, {"phone": "\ud800", "message": "x"}, {**GOOD, "message": "\ud800"}]
    reasons = [("1", "phone_length"), ("?", "phone_format"), (GOOD["phone"], "invalid_characters")]
    told = [{"phone": phone, "reason": reason} for phone, reason in reasons]
    errors = failure(send(client, *rows), 400, "No valid recipients", invalidRecipients=told)
    assert [error["code"] for error in errors] == ["invalid_recipients"]


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({}, ["recipients"], "required"),
        ({"recipients": []}, ["recipients"], "batch_size"),
        ({"recipients": "38089336"}, ["recipients"], "invalid_type"),
        ({"recipients": [GOOD] * 50_001}, ["recipients"], "batch_size"),
        ({"recipients": [GOOD], "pace": 0}, ["pace"], "out_of_range"),
        ({"recipients": [GOOD], "scheduledAt": "2100-01-01T00:00:00Z"}, ["scheduledAt"], "out_of_range"),
        ({"recipients": [GOOD], "urgent": "yes"}, ["urgent"], "invalid_type"),
        ({"recipients": [GOOD], "name": "a" * 81}, ["name"], "too_long"),
    ],
)
def test_what_breaks_a_rule_is_refused_whole(
    client: ApiClient, body: dict[str, Any], path: list[str], code: str
) -> None:
    invalid(client.post(SEND, **body), path, code)


ROW = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_json"),
        (b'{"recipients": [%b' % ROW, "invalid_json"),
        (b'{"recipients": [%b,]}' % ROW, "invalid_json"),
        (b'{"recipients": [%b]} x' % ROW, "invalid_json"),
        (b'{"recipients": [%b], 5: 6}' % ROW, "invalid_json"),
        (b'{"recipients": [NaN]}', "invalid_json"),
        (b'{"recipients": [%b]}' % (b"[" * 100_000), "invalid_json"),
        (b'{"recipients": ["%b]}' % (b"a" * 300_000), "invalid_json"),
        (b'{"recipients": [%b], "recipients": []}' % ROW, "duplicate_key"),
        (b'{"recipients": [{"phone": "1", "phone": "2"}]}', "duplicate_key"),
        (b'{"recipients": ["\xff"]}', "invalid_json"),
        (b'{"recipients": [%b], "name": "\\ud800"}' % ROW, "invalid_characters"),
    ],
)
def test_what_is_no_json_is_refused(client: ApiClient, raw: bytes, code: str) -> None:
    assert [error["code"] for error in failure(client.raw(SEND, raw), 400, "Validation failed")] == [code]


def test_a_body_is_read_whole_in_any_order_form_and_packing(client: ApiClient) -> None:
    rows = [
        {"message": f"Texte {place}: " + "é" * (place % 150), "phone": f"{30_000_000 + place}"} for place in range(900)
    ]
    body = json.dumps({"name": "Ordre", "recipients": rows, "pace": 900}, ensure_ascii=False, indent=3).encode()
    assert len(body) > 64 * 1024
    for raw in (b"\xef\xbb\xbf" + body, gzip.compress(body)):
        headers = {"Content-Encoding": "gzip"} if raw[:2] == b"\x1f\x8b" else {}
        answer = client.api.call("POST", SEND, key=client.key, data=raw, headers=headers)
        assert answer.status_code == 202, answer.text
        taken = recipients(client, answer.json()["batchId"])
        assert taken == [(f"+222{row['phone']}", row["message"]) for row in rows]


def test_a_body_past_the_limit_is_refused(client: ApiClient) -> None:
    long = b'{"recipients": [' + b" " * BULK_BYTES + ROW + b"]}"
    for raw, headers in ((long, {}), (gzip.compress(long), {"Content-Encoding": "gzip"})):
        answer = client.api.call("POST", SEND, key=client.key, data=raw, headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (413, "Request body too large")


def test_the_same_call_again_makes_nothing(client: ApiClient) -> None:
    first, again = named(client, "rentrée 1".encode().hex(), GOOD), named(client, "rentrée 1".encode().hex(), GOOD)
    assert (first.status_code, again.content) == (202, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    other = named(client, "rentrée 1".encode().hex(), {**GOOD, "message": "Bonsoir"})
    refused(other, 400, "idempotency_mismatch")
    with client.api.sessions() as session:
        key_id = session.scalar(select(Campaign.key_id).where(Campaign.uuid == first.json()["batchId"]))
        assert session.scalar(select(func.count()).where(Campaign.key_id == key_id)) == 1


def test_a_scheduled_batch_says_so(client: ApiClient) -> None:
    answer = send(client, GOOD, scheduledAt="2020-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled")
    told = status(client, answer.json()["batchId"])
    assert (told["status"], told["waitsUntil"]) == ("scheduled", "2020-01-01T00:00:00.000Z")


def test_a_batch_is_its_keys_alone(client: ApiClient) -> None:
    batch_id = send(client, GOOD).json()["batchId"]
    stranger = ApiClient(client.api, client.api.key())
    for path in (batch_id, "c1faed86-1216-4a88-9784-9e3ad774d0d7", "x"):
        refused(stranger.get(f"/api/v2/bulk/status/{path}"), 404, "batch_not_found")


def test_what_it_costs_is_told_by_the_prices_of_the_route(client: ApiClient) -> None:
    """Test keys cost nothing, and so does what goes to the sandbox: see tests/integration/campaigns."""
    test_key = ApiClient(client.api, client.api.key("test"))
    assert send(test_key, GOOD).json()["estimatedCost"] == 0
