"""For load balancers."""

from __future__ import annotations

from tests.support.stack import Stack


def test_healthz_needs_no_key(stack: Stack) -> None:
    answer = stack.call("GET", "/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_tells_the_parts_apart(stack: Stack) -> None:
    answer = stack.call("GET", "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "database": "ok",
        "valkey": "ok",
        "relay": "ok",
        "workers": {"sms": 2, "whatsapp": 1, "email": 0, "webhooks": 1},
    }
