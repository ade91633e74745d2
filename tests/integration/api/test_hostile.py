"""Bodies that no honest client sends: 400 in the shape, never 500, and the server goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.api_client import ApiClient
from tests.support.error_shape import failure, invalid

VALID: dict[str, dict[str, Any]] = {
    "/messages/send": {"phoneNumber": "+22238089336", "message": "Bonjour"},
    "/otp/send": {"phoneNumber": "+22238089336", "language": "fr", "channel": "sms", "hash": "ABC123XYZ45"},
    "/otp/verify": {"phoneNumber": "+22238089336", "otp": "123456", "channel": "sms"},
}
FIELDS = [(path, field) for path, fields in VALID.items() for field in fields]
REQUIRED = [(path, field) for path, field in FIELDS if field in ("phoneNumber", "message", "otp")]

NOT_OBJECTS = {
    "empty": b"",
    "blank": b"  \r\n\t ",
    "null": b"null",
    "array": b"[]",
    "array of objects": b'[{"phoneNumber":"38089336"}]',
    "number": b"1",
    "string": b'"phoneNumber"',
    "true": b"true",
    "NaN": b"NaN",
    "cut": b'{"phoneNumber":',
    "two": b"{}{}",
    "comma": b'{"phoneNumber":"38089336",}',
    "single quotes": b"{'phoneNumber':'38089336'}",
    "form": b"phoneNumber=38089336&message=Bonjour",
    "invalid UTF-8": b'{"phoneNumber":"\xff\xfe"}',
    "overlong UTF-8": b'{"phoneNumber":"\xc0\xaf"}',
    "surrogate in UTF-8": b'{"phoneNumber":"\xed\xa0\x80"}',
    "UTF-16": '{"phoneNumber":"38089336"}'.encode("utf-16"),
    "NUL": b"\x00",
    "NUL after": b"{}\x00",
    "deep arrays": b"[" * 30_000,
    "deep objects": b'{"a":' * 5_000,
    "deep and whole": b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    "deep arrays, whole": b'{"a":' + b"[" * 15_000 + b"]" * 15_000 + b"}",
    "raw control": b'{"phoneNumber":"3808\x019336"}',
    "raw newline": b'{"phoneNumber":"38089336\n"}',
}

# Put in the place of MARK in an otherwise valid body, as a value of a field of its own.
POISONS = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "nested NaN": b'{"a":[{"b":NaN}]}',
    "high surrogate": rb'"\ud800"',
    "low surrogate": rb'"\udfff"',
    "swapped pair": rb'"\ude00\ud83d"',
    "surrogate as key": rb'{"\ud800":1}',
    "duplicate inside": b'{"a":1,"a":2}',
    "duplicate, escaped": rb'{"a":1,"\u0061":2}',
    "huge integer": b"9" * 5_000,
    "deep": b"[" * 15_000 + b"]" * 15_000,
}


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("body", NOT_OBJECTS.values(), ids=NOT_OBJECTS)
def test_what_is_not_a_json_object_is_invalid(refused_client: ApiClient, path: str, body: bytes) -> None:
    invalid(refused_client.raw(path, body), [], "invalid_json")


@pytest.mark.parametrize("path", VALID)
@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_poison_is_refused_even_in_unknown_fields(refused_client: ApiClient, path: str, poison: bytes) -> None:
    body = json.dumps(VALID[path] | {"unknown": "MARK"}).encode().replace(b'"MARK"', poison)
    errors = failure(refused_client.raw(path, body), 400, "Validation failed")
    assert len(errors) == 1


@pytest.mark.parametrize(("path", "field"), FIELDS)
@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_poison_is_refused_in_every_field(refused_client: ApiClient, path: str, field: str, poison: bytes) -> None:
    body = json.dumps(VALID[path] | {field: "MARK"}).encode().replace(b'"MARK"', poison)
    failure(refused_client.raw(path, body), 400, "Validation failed")


@pytest.mark.parametrize(("path", "field"), FIELDS)
def test_a_key_given_twice_is_refused_and_named(refused_client: ApiClient, path: str, field: str) -> None:
    first = json.dumps({field: VALID[path][field]})[:-1]
    body = first + "," + json.dumps(VALID[path])[1:]
    invalid(refused_client.raw(path, body.encode()), [field], "duplicate_key")


@pytest.mark.parametrize(("path", "field"), FIELDS)
@pytest.mark.parametrize("value", [1, 38089336, 1.5, 1e308, True, False, [], [""], {}, {"a": 1}], ids=repr)
def test_a_wrong_type_is_refused_and_named(refused_client: ApiClient, path: str, field: str, value: object) -> None:
    invalid(refused_client.post(path, **(VALID[path] | {field: value})), [field])


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (path, field, value)
        for path, field in FIELDS
        for value in (" ", "\x00", "a\x00b", "\x1b[31m", "x" * 20_000, "'; DROP TABLE otps; --")
        if field != "message" or not value.startswith("'")  # that one is a text like any other
    ],
    ids=ascii,
)
def test_a_strange_string_is_refused_and_named(refused_client: ApiClient, path: str, field: str, value: str) -> None:
    invalid(refused_client.post(path, **(VALID[path] | {field: value})), [field])


@pytest.mark.parametrize(("path", "field"), REQUIRED)
def test_a_missing_field_is_required(refused_client: ApiClient, path: str, field: str) -> None:
    fields = {name: value for name, value in VALID[path].items() if name != field}
    invalid(refused_client.post(path, **fields), [field], "required")


def test_every_broken_field_is_named(client: ApiClient) -> None:
    errors = failure(client.post("/otp/send", phoneNumber="1", language="de", channel="fax", hash=7), 400)
    assert sorted(item["path"][0] for item in errors) == ["channel", "hash", "language", "phoneNumber"]


def test_an_empty_object_lacks_what_is_required(client: ApiClient) -> None:
    for path, required in (
        ("/messages/send", {"phoneNumber", "message"}),
        ("/otp/send", {"phoneNumber"}),
        ("/otp/verify", {"phoneNumber", "otp"}),
    ):
        errors = failure(client.post(path), 400, "Validation failed")
        assert {item["path"][0] for item in errors} == required
        assert {item["code"] for item in errors} == {"required"}


@pytest.mark.parametrize("path", ["/messages/send", "/otp/send"])
@pytest.mark.parametrize("more", [{"extra": 1}, {"from": "X", "PHONENUMBER": [], "": None}, {"a": {"b": [1, 2, {}]}}])
def test_unknown_fields_are_ignored(client: ApiClient, phone: str, path: str, more: dict[str, Any]) -> None:
    answer = client.post(path, **(VALID[path] | {"phoneNumber": phone} | more))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_the_content_type_does_not_matter(client: ApiClient, phone: str, kind: str) -> None:
    body = json.dumps({"phoneNumber": phone, "message": "Bonjour"}).encode()
    headers = {"Content-Type": kind} if kind else {}
    answer = client.api.call("POST", "/messages/send", key=client.key, data=body, headers=headers)
    assert answer.status_code == 200


def test_refusals_do_not_repeat_what_was_sent(client: ApiClient) -> None:
    secret = "hunter2-7391"
    answers = [client.post(path, **dict.fromkeys(VALID[path], secret)) for path in VALID]
    assert {answer.status_code for answer in answers} <= {200, 400}
    assert not [answer for answer in answers if secret in answer.text]
