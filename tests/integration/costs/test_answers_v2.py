"""What the calls of /api/v2 say of money: what a text costs, and what a budget has no room for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.costs import estimates, prices
from dashboard.gateway.costs.prices import NewPrice
from dashboard.vocabulary import KeyMode

PHONE = "38089336"
NOTIFY, CODE, BULK = "/api/v2/notify", "/api/v2/code", "/api/v2/bulk/send"
Post = Callable[..., TestResponse]
Limit = Callable[..., None]


def forget_prices(services: Services) -> None:
    """A process looks at them once a second."""
    for cache in (estimates.REMEMBERED, prices.REMEMBERED):
        cache.forget(services.sessions.kw["bind"].pool)


def money(answer: TestResponse) -> dict[str, Any]:
    names = ("parts", "encoding", "length", "pricePerMessage", "cost")
    return {name: answer.get_json()[name] for name in names}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Bonjour", {"parts": 1, "encoding": "gsm7", "length": 7, "pricePerMessage": 0.32, "cost": 0.32}),
        ("€" * 100, {"parts": 2, "encoding": "gsm7", "length": 200, "pricePerMessage": 0.32, "cost": 0.64}),
        ("مرحبا" * 30, {"parts": 3, "encoding": "ucs2", "length": 150, "pricePerMessage": 0.32, "cost": 0.96}),
    ],
)
def test_a_text_says_its_shape_and_what_it_costs(post: Post, text: str, told: dict[str, Any]) -> None:
    answer = post(NOTIFY, {"phoneNumber": PHONE, "message": text})
    assert answer.status_code == 200
    assert list(answer.get_json())[:3] == ["success", "messageId", "queued"]
    assert money(answer) == told


def test_a_code_says_so_too_and_the_first_generation_says_nothing_of_it(post: Post) -> None:
    second, first = (post(path, {"phoneNumber": PHONE, "language": "ar"}) for path in (CODE, "/otp/send"))
    assert 0 < second.get_json()["length"] <= 70
    assert money(second) == {
        "parts": 1,
        "encoding": "ucs2",
        "length": second.get_json()["length"],
        "pricePerMessage": 0.32,
        "cost": 0.32,
    }
    assert list(first.get_json()) == ["success", "messageId", "expiresIn"]
    assert list(post("/messages/send", {"phoneNumber": PHONE, "message": "a"}).get_json()) == [
        "success",
        "messageId",
        "queued",
    ]


def test_no_price_is_null(services: Services, post: Post) -> None:
    with services.sessions.begin() as session:
        for row in prices.listed(session):
            prices.remove(session, row.id)
    forget_prices(services)
    for path, body in ((NOTIFY, {"message": "Bonjour"}), (CODE, {})):
        told = money(post(path, {"phoneNumber": PHONE, **body}))
        assert (told["parts"], told["pricePerMessage"], told["cost"]) == (1, None, None)


def test_what_goes_to_the_sandbox_phone_costs_nothing(app: Flask, services: Services) -> None:
    with services.sessions.begin() as session:
        _, secret = keys.create(session, NewKey("Tests", mode=KeyMode.TEST))
    body = {"phoneNumber": PHONE, "message": "a" * 200}
    answer = app.test_client().post(NOTIFY, json=body, headers={"Authorization": f"Bearer {secret}"})
    assert (answer.get_json()["parts"], answer.get_json()["cost"]) == (2, 0)


def test_the_same_call_is_told_the_same_price_though_another_holds_by_then(services: Services, post: Post) -> None:
    calls = [(NOTIFY, {"phoneNumber": PHONE, "message": "Bonjour"}), (CODE, {"phoneNumber": PHONE})]
    first = [post(path, body, **{"Idempotency-Key": "a"}) for path, body in calls]
    with services.sessions.begin() as session:
        prices.save(session, NewPrice("smsc", "sms", "3", date(2020, 1, 1), 5_001))
    forget_prices(services)
    assert post(NOTIFY, calls[0][1]).get_json()["cost"] == 0.5001
    again = [post(path, body, **{"Idempotency-Key": "a"}) for path, body in calls]
    assert [answer.get_json() for answer in again] == [answer.get_json() for answer in first]
    assert {answer.headers["Idempotent-Replayed"] for answer in again} == {"true"}


def test_a_budget_without_room_is_answered_as_a_balance_that_does_not_suffice(post: Post, limit: Limit) -> None:
    limit(3_100, exempts_codes=False)
    rows = [{"phone": PHONE, "message": "a" * 161}, {"phone": "36000001", "message": "b"}, {"phone": "1"}]
    answers = [
        post(NOTIFY, {"phoneNumber": PHONE, "message": "a" * 200}),
        post(CODE, {"phoneNumber": PHONE}),
        post(BULK, {"recipients": rows}),
    ]
    assert [(answer.status_code, answer.get_json()["message"]) for answer in answers] == [
        (402, "Insufficient balance")
    ] * 3
    assert [answer.get_json()["details"] for answer in answers] == [
        {"requiredAmount": 0.64, "validRecipients": 1, "invalidRecipients": 0},
        {"requiredAmount": 0.32, "validRecipients": 1, "invalidRecipients": 0},
        {"requiredAmount": 0.96, "validRecipients": 2, "invalidRecipients": 1},
    ]
    assert {answer.get_json()["errors"][0]["code"] for answer in answers} == {"budget_exhausted"}
