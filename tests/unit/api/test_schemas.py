"""What the fields of the API take: rules that hold before any database is asked."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.api import request_body
from dashboard.api.contract import parse
from dashboard.api.errors import Invalid
from dashboard.api.schemas.messages import ListMessages, SendMessage
from dashboard.api.schemas.otp import SendOtp, VerifyOtp
from dashboard.api.schemas.sandbox import ReadInbox
from dashboard.api.schemas.webhooks import NewWebhook, PageOfAttempts, ReplayRange, WebhookChange

PHONE = "38089336"
GOOD: dict[type[BaseModel], dict[str, Any]] = {
    SendMessage: {"phoneNumber": PHONE, "message": "Bonjour"},
    SendOtp: {"phoneNumber": PHONE},
    VerifyOtp: {"phoneNumber": PHONE, "otp": "123456"},
    NewWebhook: {"url": "https://shop.example.mr/hooks"},
    WebhookChange: {"enabled": True},
    ReplayRange: {"since": "2026-11-22T00:00:00Z"},
    ListMessages: {"limit": "10"},
    PageOfAttempts: {"limit": "10"},
    ReadInbox: {"phoneNumber": PHONE},
}
OPTIONAL = [
    (schema, field.alias or name)
    for schema, good in GOOD.items()
    for name, field in schema.model_fields.items()
    if not field.is_required() and (field.alias or name) not in good
]


def errors(schema: type[BaseModel], **values: object) -> list[dict[str, Any]]:
    with pytest.raises(Invalid) as refused:
        parse(schema, {**GOOD[schema], **values})
    return refused.value.errors


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(("schema", "name"), OPTIONAL, ids=lambda value: getattr(value, "__name__", value))
def test_null_and_empty_in_an_optional_field_are_as_absent(
    schema: type[BaseModel], name: str, nothing: str | None
) -> None:
    assert parse(schema, {**GOOD[schema], name: nothing}) == parse(schema, GOOD[schema])


@pytest.mark.parametrize(
    ("schema", "name", "code"),
    [(SendMessage, "phoneNumber", "blank"), (SendMessage, "message", "blank"), (VerifyOtp, "otp", "blank")],
)
def test_null_and_empty_in_a_required_field_are_refused(schema: type[BaseModel], name: str, code: str) -> None:
    assert errors(schema, **{name: None})[0]["code"] == "required"
    assert errors(schema, **{name: ""})[0]["code"] == code


@pytest.mark.parametrize("language", ["fr", "FR", "fr-FR", "fr_CA", "Fr-fr"])
def test_a_locale_is_taken_by_what_stands_in_front(language: str) -> None:
    assert parse(SendOtp, {"phoneNumber": PHONE, "language": language}).language == "fr"


def test_a_channel_is_taken_in_any_case_and_whatsapp_has_no_hash() -> None:
    assert parse(SendOtp, {"phoneNumber": PHONE, "channel": "SMS"}).channel == "sms"
    assert parse(SendOtp, {"phoneNumber": PHONE, "channel": "WhatsApp", "hash": "?"}).hash is None


@pytest.mark.parametrize("text", ["\u200b", "\u200f", "\ufeff", " \u2060\n", "\u00a0"])
def test_invisible_characters_alone_are_blank(text: str) -> None:
    assert errors(SendMessage, message=text)[0]["code"] == "blank"


def test_line_ends_become_one_kind() -> None:
    assert parse(SendMessage, {"phoneNumber": PHONE, "message": "a\r\nb\r\n\rc"}).draft.body == "a\nb\n\nc"


def test_a_hash_is_the_last_line_of_a_text_and_counts() -> None:
    draft = parse(SendMessage, {"phoneNumber": PHONE, "message": "Code 123456", "hash": "FA+9qCX9VSu"}).draft
    assert draft.body == "Code 123456\nFA+9qCX9VSu"
    assert draft.shape.units == len(draft.body)
    assert errors(SendMessage, message="a" * 1530, hash="FA+9qCX9VSu")[0]["code"] == "too_long"


@pytest.mark.parametrize(
    ("raw", "point"), [("\u202a+22238089336\u202c", "U+202A"), ("\u200e38089336", "U+200E"), ("38089336\n", "U+000A")]
)
def test_an_invisible_character_in_a_number_is_named(raw: str, point: str) -> None:
    (error,) = errors(SendMessage, phoneNumber=raw)
    assert error["code"] == "phone_format"
    assert point in error["message"]


@pytest.mark.parametrize(
    ("raw", "microsecond"),
    [
        ("2026-11-22T06:00:00.1234567Z", 123456),
        ("2026-11-22T06:00:00.123456789z", 123456),
        ("2026-11-22t06:00:00Z", 0),
        ("2026-11-22T07:00:00+01:00", 0),
        ("2026-11-22T07:00:00 01:00", 0),
        ("2026-11-22T06:00:00.5Z", 500000),
    ],
)
def test_times_of_rfc_3339_are_taken(raw: str, microsecond: int) -> None:
    expected = datetime(2026, 11, 22, 6, 0, 0, microsecond, UTC)
    assert parse(ListMessages, {"from": raw}).from_ == expected
    assert parse(ReplayRange, {"since": raw}).since == expected


def test_an_unknown_parameter_names_the_known_ones() -> None:
    (error,) = errors(PageOfAttempts, page="2")
    assert (error["path"], error["code"]) == (["page"], "unknown_parameter")
    assert error["message"] == "There is no such parameter; there are limit, after"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"a": 1,}', "The body is not JSON: line 1, column 9"),
        (b'{"a":\n "b\nc"}', "The body is not JSON: line 2, column 4"),
        (b"{'a': 1}", "The body is not JSON: line 1, column 2"),
        (b"", "The body is empty; send a JSON object"),
        (b'"{}"', "The body must be a JSON object"),
        (b'{"a": ' + b"1" * 5000 + b"}", "The body holds a number or a nesting that is too long"),
        (b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}", "The body holds a number or a nesting that is too long"),
        (
            b'{"a": ' + b'{"b":' * 980 + b"1" + b"}" * 980 + b"}",
            "The body holds a number or a nesting that is too long",
        ),
        (b'{"a": "\xff"}', "The body must be JSON in UTF-8"),
    ],
)
def test_a_body_that_is_not_json_is_told_what_and_where(raw: bytes, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        request_body.parse(raw)
    assert refused.value.errors == [{"path": [], "message": message, "code": "invalid_json"}]


def test_a_form_is_told_so_and_json_under_its_name_is_taken() -> None:
    with pytest.raises(Invalid) as refused:
        request_body.parse(b"phoneNumber=38089336", "application/x-www-form-urlencoded")
    assert refused.value.errors[0]["message"] == "The body is a form; send a JSON object"
    assert request_body.parse(b'{"a": 1}', "application/x-www-form-urlencoded") == {"a": 1}


def test_a_byte_order_mark_is_skipped() -> None:
    assert request_body.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def read(content: bytes, encoding: str = "gzip") -> dict[str, Any]:
    with Flask(__name__).test_request_context(method="POST", data=content, headers={"Content-Encoding": encoding}):
        return request_body.json_object()


def test_a_gzip_body_is_inflated_within_the_limit() -> None:
    assert read(gzip.compress(b'{"a": 1}')) == {"a": 1}
    bomb = gzip.compress(json.dumps({"a": "b" * 10_000_000}).encode())
    with pytest.raises(RequestEntityTooLarge):
        read(bomb)


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"{}", "gzip"), (gzip.compress(b"{}", mtime=0)[:-4], "gzip"), (b"{}", "br")]
)
def test_another_encoding_is_refused(content: bytes, encoding: str) -> None:
    with pytest.raises(Invalid):
        read(content, encoding)
