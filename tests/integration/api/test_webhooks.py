"""POST /webhooks: what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_client import ApiClient
from tests.support.error_shape import refused


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({}, ["url"], "required"),
        ({"url": 5}, ["url"], "invalid_type"),
        ({"url": "ftp://example.org"}, ["url"], "url_format"),
        ({"url": "https://me:secret@example.org/"}, ["url"], "url_format"),
        ({"url": "https://"}, ["url"], "url_format"),
        ({"url": "https://example.org/" + "a" * 2_000}, ["url"], "url_format"),
        ({"url": "https://xn--/"}, ["url"], "url_format"),
        ({"url": "https://ex..ample.org/"}, ["url"], "url_format"),
        ({"url": f"https://{'a' * 64}.org/"}, ["url"], "url_format"),
        ({"url": "https://example.org:99999/"}, ["url"], "url_format"),
        ({"url": "https://example.org:0/"}, ["url"], "url_format"),
        ({"url": "https://example.org", "events": []}, ["events"], "blank"),
        ({"url": "https://example.org", "events": ["otp.sent"]}, ["events", "0"], "invalid_choice"),
        ({"url": "https://example.org", "description": "a" * 81}, ["description"], "too_long"),
    ],
)
def test_what_breaks_a_rule_is_refused(client: ApiClient, fields: dict[str, Any], path: list[str], code: str) -> None:
    answer = client.post("/webhooks", **fields)
    refused(answer, 400, code)
    assert answer.json()["errors"][0]["path"] == path
    assert client.get("/webhooks").json()["webhooks"] == []
