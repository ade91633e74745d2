"""What the API answers where a budget has no room left: 402 with what is needed and what remains, or 429."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from werkzeug.test import TestResponse

from dashboard.db import utcnow
from dashboard.vocabulary import BudgetAction

PHONE = "38089336"
Post = Callable[..., TestResponse]
Limit = Callable[..., None]


def text(words: str = "Bonjour") -> dict[str, Any]:
    return {"phoneNumber": PHONE, "message": words}


def test_a_text_is_answered_with_what_it_needs_and_what_remains(post: Post, limit: Limit) -> None:
    limit(8_000)
    assert [post("/messages/send", text()).status_code for _ in range(3)] == [200, 200, 402]
    answer = post("/messages/send", text("a" * 300))
    following = (utcnow().date().replace(day=1) + timedelta(days=32)).replace(day=1)
    (item,) = answer.get_json()["errors"]
    assert answer.get_json()["success"] is False and "Retry-After" not in answer.headers
    assert item["message"].startswith("This would cost 0.64 MRU and the key's budget of the month has 0.16 MRU left")
    assert {name: value for name, value in item.items() if name != "message"} == {
        "path": [],
        "code": "budget_exhausted",
        "budget": "key",
        "period": "month",
        "requiredAmount": 0.64,
        "remaining": 0.16,
        "currency": "MRU",
        "startsAgainAt": f"{following}T00:00:00.000Z",
    }


def test_a_batch_tells_of_each_text_and_is_answered_alike_when_it_comes_again(post: Post, limit: Limit) -> None:
    limit(6_400)
    body = {"messages": [text(word) for word in "abcd"]}
    first, again = (post("/messages/batch", body, **{"Idempotency-Key": "order-7"}) for _ in range(2))
    assert first.json == again.json and again.headers["Idempotent-Replayed"] == "true"
    results = first.get_json()["results"]
    assert [result["success"] for result in results] == [True, True, False, False]
    refused = results[3]["errors"][0]
    assert (refused["code"], refused["requiredAmount"], refused["remaining"]) == ("budget_exhausted", 0.64, 0)


def test_codes_are_exempt_only_where_the_budget_says_so(post: Post, limit: Limit) -> None:
    limit(0, exempts_codes=False)
    answer = post("/otp/send", {"phoneNumber": PHONE})
    assert answer.status_code == 402 and answer.get_json()["errors"][0]["requiredAmount"] == 0.32
    assert post("/otp/verify", {"phoneNumber": PHONE, "otp": "123456"}).status_code == 404


def test_exempt_codes_go_and_a_slow_budget_says_when_to_come_again(post: Post, limit: Limit) -> None:
    limit(0, action=BudgetAction.SLOW, per_minute=1)
    assert post("/otp/send", {"phoneNumber": PHONE}).status_code == 200
    body = {"messages": [text(), text()]}
    codes = [
        result.get("errors", [{}])[0].get("code") for result in post("/messages/batch", body).get_json()["results"]
    ]
    assert codes == [None, "budget_slowed"]
