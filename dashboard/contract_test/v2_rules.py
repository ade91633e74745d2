"""The rules of /api/v2, the second generation of the hosted service, each held against a server over HTTP."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from dashboard.contract_test import runner
from dashboard.contract_test.runner import (
    PATHS,
    PRICED,
    Answer,
    Broken,
    ContractRule,
    Server,
    Skipped,
    equal,
    exactly,
    expect,
    is_uuid4,
    keys_are,
    refusal,
    within,
)

SEND, STATUS = "/api/v2/bulk/send", "/api/v2/bulk/status"
COUNTS = ("totalValid", "totalInvalid")
SINGLE, PART = {"gsm7": 160, "ucs2": 70}, {"gsm7": 153, "ucs2": 67}  # 3GPP TS 23.040, 9.2.3.24.1

RULES: list[ContractRule] = []
rule = partial(runner.rule, RULES)


@rule("/api/v2 takes notify, code and check")
def _names(server: Server) -> None:
    _has_v2(server)
    text = expect(server.post("/api/v2/notify", {"phoneNumber": server.plan.phone, "message": "Test"}), 200)
    keys_are(text, "success", "messageId", "queued", more=PRICED)
    equal((text["success"], text["queued"]), (True, True), "success and queued")
    is_uuid4(text["messageId"])
    server.seen["notify"] = text
    if "limited" in server.seen:
        refusal(server.post("/api/v2/code", {"phoneNumber": server.plan.code_phone}), 429)
    else:
        refusal(server.post("/api/v2/code", {"phoneNumber": "1"}), 400)
    refusal(server.post("/api/v2/check", {"phoneNumber": server.plan.code_phone, "otp": "1"}), 400)


@rule("every call of /api/v2 takes the key as Authorization: Bearer")
def _bearer(server: Server) -> None:
    _has_v2(server)
    for path in (*PATHS.values(), SEND):
        with_key = server.post(path, {}, key=None, Authorization=f"Bearer {server.plan.key}")
        if with_key.status_code == 404 and path == SEND:
            continue
        refusal(with_key, 400)
        unknown = server.post(path, {}, key=None, Authorization="Bearer unknown")
        exactly(unknown, 403, {"success": False, "message": "Invalid API key"})
        exactly(server.post(path, {}, key=None), 401, {"success": False, "message": "API key is required"})


@rule("notify and code say the shape of a text and what it costs")
def _prices(server: Server) -> str:
    _has_v2(server)
    told = [_priced(server.seen["notify"], "gsm7", 4)]
    first: Answer | None = server.seen.get("first answer")
    if server.plan.current and first is not None:
        told.append(_priced(expect(first, 200)))
    return ", ".join(told)


@rule("a batch is taken with 202: batchId, counts, estimatedCost; a bad row holds no other back")
def _batch(server: Server) -> str:
    _has_bulk(server)
    rows = [{"phone": server.plan.phone, "message": "Test"}, {"phone": "12345678", "message": "Test"}]
    body = expect(server.post(SEND, {"recipients": rows}), 202)
    equal([body[name] for name in ("success", *COUNTS, "status")], [True, 1, 1, "processing"], "the batch")
    if not isinstance(body["estimatedCost"], int | float) or isinstance(body["estimatedCost"], bool):
        raise Broken(f"estimatedCost is {body['estimatedCost']!r}")
    server.seen["batch"] = body["batchId"]
    return f"estimated at {body['estimatedCost']}"


@rule("a batch is followed by its batchId")
def _follow(server: Server) -> str:
    _has_bulk(server)
    if "batch" not in server.seen:
        raise Skipped("no batch was taken")
    body = expect(server.get(f"{STATUS}/{server.seen['batch']}"), 200)
    equal([body[name] for name in ("success", "batchId", *COUNTS)], [True, server.seen["batch"], 1, 1], "the batch")
    for unknown in (str(uuid.uuid4()), "x"):
        refusal(server.get(f"{STATUS}/{unknown}"), 404)
    return str(body["status"])


@rule("a batch without a row, or without a good one, is 400 and says why")
def _bad_batches(server: Server) -> None:
    _has_bulk(server)
    bad: tuple[Any, ...] = ([], "38000000")
    for recipients in bad:
        equal(refusal(server.post(SEND, {"recipients": recipients}), 400)[0]["path"], ["recipients"], "path")
    body = expect(server.post(SEND, {"recipients": [{"phone": "12345678", "message": "Test"}]}), 400)
    equal(body["success"], False, "success")
    (row,) = body["invalidRecipients"]
    keys_are(row, "phone", "reason")
    equal(row["phone"], "12345678", "phone")


def _has_v2(server: Server) -> None:
    if not server.extended and not server.plan.current:
        raise Skipped("this server has no GET /me: it has the reference alone")


def _has_bulk(server: Server) -> None:
    _has_v2(server)
    if not server.extended and server.post(SEND, {}).status_code == 404:
        raise Skipped(f"this server has no {SEND}")


def _priced(body: dict[str, Any], encoding: str = "", length: int = 0) -> str:
    """Whether what an answer says of its text fits together."""
    if not set(PRICED) & set(body):
        raise Skipped("this server says nothing of what a text costs")
    missing = set(PRICED) - set(body)
    if missing:
        raise Broken(f"the answer lacks {sorted(missing)}")
    if body["encoding"] not in SINGLE:
        raise Broken(f"encoding: {body['encoding']!r}")
    within(body["length"], 1, 10 * PART[body["encoding"]], "length")
    if length:
        equal((body["encoding"], body["length"]), (encoding, length), "encoding and length")
    is_single = body["length"] <= SINGLE[body["encoding"]]
    equal(body["parts"], 1 if is_single else -(-body["length"] // PART[body["encoding"]]), "parts")
    price, cost = body["pricePerMessage"], body["cost"]
    if (price is None) != (cost is None):
        raise Broken(f"pricePerMessage is {price!r} and cost {cost!r}")
    if cost is None:
        return "no price"
    equal(round(float(cost), 4), round(float(price) * body["parts"], 4), "cost")
    return f"{cost} for {body['parts']}"
