"""A refusal is the same through the real server. Each rule has its test in integration/api/; no database is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.error_shape import invalid, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Client, Stack
from tests.support.webhook_endpoints import Shop

pytestmark = on_sqlite
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {  # by path: a body, the field that breaks a rule, the code
    "/messages/send": ({"phoneNumber": "38089336", "message": "a\x07b"}, "message", "invalid_characters"),
    "/otp/send": ({"phoneNumber": "38089336", "language": "de"}, "language", "invalid_choice"),
    "/otp/verify": ({"phoneNumber": "38089336", "otp": "12345"}, "otp", "otp_format"),
    "/messages/batch": ({"messages": []}, "messages", "batch_size"),
}


@pytest.mark.parametrize("path", BROKEN)
def test_a_body_that_breaks_a_rule_is_refused(client: Client, path: str) -> None:
    body, field, code = BROKEN[path]
    invalid(client.post(path, **body), [field], code)
    invalid(client.raw(path, b"{"), [], "invalid_json")
    invalid(client.post(path, **body | {field: 7}), [field])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("12345678", "phone_prefix"),
        ("+222 27 63 56 42", "phone_format"),
        ("+33612345678", "phone_country"),
        ("2763564", "phone_length"),
    ],
)
def test_a_number_that_breaks_a_rule_is_refused(client: Client, number: str, code: str) -> None:
    invalid(client.send(number), ["phoneNumber"], code)


def test_a_filter_that_breaks_a_rule_is_refused(client: Client) -> None:
    invalid(client.get("/messages?limit=0"), ["limit"], "out_of_range")
    invalid(client.get("/messages?from=yesterday"), ["from"], "time_format")


def test_a_webhook_that_breaks_a_rule_is_refused(shop: Shop) -> None:
    answer = shop.client.post("/webhooks", url="ftp://example.org")
    assert refused(answer, 400, "url_format")["path"] == ["url"]


def test_a_wrong_method_or_path_is_refused(stack: Stack) -> None:
    assert (stack.call("GET", "/otp/send").status_code, stack.call("GET", "/nope").status_code) == (405, 404)
