"""POST /otp/send and /otp/verify by SMS."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from dashboard.db import utcnow
from dashboard.gateway.otp import review_numbers
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.review_numbers import NewReviewNumber
from dashboard.models.api_keys import ApiKey
from dashboard.providers import sandbox
from dashboard.sms import encoding
from tests.support.error_shape import failure, invalid, refused
from tests.support.fixtures.databases import on_sqlite
from tests.support.stack import Client, digits, other_than, until

HASH = "FA+9qCX9VSu"
EXHAUSTED = "Maximum verification attempts exceeded"


def wrong(client: Client, phone: str, code: str, **more: str) -> dict[str, Any]:
    """The whole answer to a wrong code."""
    answer = client.verify(phone, other_than(code), **more)
    assert answer.status_code == 400
    told: dict[str, Any] = answer.json()
    return told


def received(client: Client, phone: str, **order: str) -> str:
    """The text that an order puts on the phone."""
    sent = client.otp(phone, **order)
    assert sent.status_code == 200, sent.text
    return client.stack.arrived(phone, sent.json()["messageId"]).text


@on_sqlite
def test_the_answer_to_send_is_exactly_that_of_the_reference(client: Client, phone: str) -> None:
    answer = client.otp(phone)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["success", "messageId", "expiresIn"]
    assert (body["success"], body["expiresIn"]) == (True, 600)
    assert str(uuid.UUID(body["messageId"], version=4)) == body["messageId"]


@on_sqlite
def test_the_answer_to_a_right_code_is_exactly_that_of_the_reference(client: Client, phone: str) -> None:
    answer = client.verify(phone, client.code(phone))
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "OTP verified successfully", "verified": True}


@on_sqlite
def test_the_answer_to_a_wrong_code_is_exactly_that_of_the_reference(client: Client, phone: str) -> None:
    assert wrong(client, phone, client.code(phone)) == {"success": False, "message": "Invalid OTP", "retriesLeft": 2}


@pytest.mark.parametrize(
    ("language", "word"), [("fr", "code de vérification"), ("en", "verification code"), ("ar", "رمز التحقق")]
)
@pytest.mark.parametrize("app_hash", [None, HASH])
def test_a_code_comes_in_the_language_asked_for(
    client: Client, phone: str, language: str, word: str, app_hash: str | None
) -> None:
    order = {"language": language} | ({"hash": app_hash} if app_hash else {})
    found = received(client, phone, **order)
    assert word in found
    assert encoding.shape(found).segments == 1
    assert encoding.shape(found).encoding == ("ucs2" if language == "ar" else "gsm7")
    if app_hash:
        assert found.split("\n")[-1] == app_hash
        assert len(found.encode()) <= 140
    else:
        assert "\n" not in found
    assert client.verify(phone, digits(found)).status_code == 200


@on_sqlite
def test_french_is_the_default(client: Client, phone: str) -> None:
    assert "code de vérification" in received(client, phone)


@on_sqlite
@pytest.mark.parametrize("app_hash", ["ABC123XYZ45", "+++++++++++", "///////////", "12345678901"])
def test_every_base64_hash_is_taken(client: Client, phone: str, app_hash: str) -> None:
    assert received(client, phone, hash=app_hash).split("\n")[-1] == app_hash


def test_wrong_codes_count_down_and_the_third_kills(client: Client, phone: str) -> None:
    code = client.code(phone)
    assert [wrong(client, phone, code)["retriesLeft"] for _ in range(3)] == [2, 1, 0]
    for guess in (code, other_than(code)):
        errors = failure(client.verify(phone, guess), 400, EXHAUSTED, retriesLeft=0)
        assert [item["code"] for item in errors] == ["otp_exhausted"]


@on_sqlite
def test_the_right_code_on_the_third_try_is_right(client: Client, phone: str) -> None:
    code = client.code(phone)
    assert [wrong(client, phone, code)["retriesLeft"] for _ in range(2)] == [2, 1]
    assert client.verify(phone, code).status_code == 200


def test_a_code_is_good_once(client: Client, phone: str) -> None:
    code = client.code(phone)
    assert client.verify(phone, code).status_code == 200
    for guess in (code, other_than(code)):
        refused(client.verify(phone, guess), 404, "otp_used")


def test_where_nothing_was_sent_nothing_is_found(client: Client, phone: str) -> None:
    errors = failure(client.verify(phone, "123456"), 404, "OTP not found or expired")
    assert [item["code"] for item in errors] == ["otp_not_found"]


def test_an_expired_code_says_so(client: Client, phone: str) -> None:
    code = client.code(phone)
    client.expire(phone)
    failure(client.verify(phone, code), 404, "OTP not found or expired")
    refused(client.verify(phone, code), 404, "otp_expired")


def test_an_exhausted_code_expires_like_any_other(client: Client, phone: str) -> None:
    code = client.code(phone)
    for _ in range(3):
        wrong(client, phone, code)
    client.expire(phone)
    refused(client.verify(phone, code), 404, "otp_expired")


def test_a_new_code_kills_the_old_one_and_starts_afresh(client: Client, phone: str) -> None:
    old = client.code(phone)
    wrong(client, phone, old)
    wrong(client, phone, old)
    new = client.code(phone)
    assert new != old
    assert client.verify(phone, old).json() == {"success": False, "message": "Invalid OTP", "retriesLeft": 2}
    assert client.verify(phone, new).status_code == 200


def test_a_new_code_after_an_exhausted_one_works(client: Client, phone: str) -> None:
    code = client.code(phone)
    for _ in range(4):
        client.verify(phone, other_than(code))
    assert client.verify(phone, client.code(phone)).status_code == 200


def test_a_new_code_after_a_used_one_works(client: Client, phone: str) -> None:
    assert client.verify(phone, client.code(phone)).status_code == 200
    assert client.verify(phone, client.code(phone)).status_code == 200


def test_codes_of_the_two_channels_live_side_by_side(client: Client, phone: str) -> None:
    by_sms = client.code(phone)
    by_whatsapp = client.code(phone, channel="whatsapp")
    assert client.verify(phone, by_sms).status_code == 200
    assert client.verify(phone, by_whatsapp, channel="whatsapp").status_code == 200


def test_a_code_is_bound_to_its_channel(client: Client, phone: str) -> None:
    code = client.code(phone)
    refused(client.verify(phone, code, channel="whatsapp"), 404, "otp_not_found")
    assert client.verify(phone, code, channel="sms").status_code == 200


def test_a_code_is_bound_to_its_key(client: Client, phone: str) -> None:
    other, code = client.stack.client(), client.code(phone)
    refused(other.verify(phone, code), 404, "otp_not_found")
    theirs = other.code(phone)
    assert client.verify(phone, code).status_code == 200
    assert other.verify(phone, theirs).status_code == 200


def test_a_code_is_bound_to_its_phone(client: Client, phone: str) -> None:
    code = client.code(phone)
    neighbour = phone[:-1] + str((int(phone[-1]) + 1) % 10)
    refused(client.verify(neighbour, code), 404, "otp_not_found")


@on_sqlite
def test_what_is_not_six_digits_costs_no_try(client: Client, phone: str) -> None:
    code = client.code(phone)
    for guess in ("12345", "12345a", "123456 ", "١٢٣٤٥٦"):
        invalid(client.verify(phone, guess), ["otp"], "otp_format")
    assert wrong(client, phone, code)["retriesLeft"] == 2


@on_sqlite
def test_a_number_instead_of_a_string_costs_no_try(client: Client, phone: str) -> None:
    code = client.code(phone)
    for _ in range(4):
        invalid(client.post("/otp/verify", phoneNumber=phone, otp=int(code)), ["otp"], "invalid_type")
    assert client.verify(phone, code).status_code == 200


def test_a_code_that_the_carrier_refused_by_sms_is_not_counted(client: Client) -> None:
    phone = "+22242" + sandbox.REFUSED
    for _ in range(4):
        sent = client.otp(phone)
        assert sent.status_code == 200
        path = f"/messages/{sent.json()['messageId']}"
        until(lambda path=path: client.get(path).json()["status"] == "failed", 15)  # type: ignore[misc]
    assert refused(client.verify(phone, "123456"), 404, "otp_not_sent")["path"] == ["otp"]


def test_a_review_number_has_its_fixed_code_each_time_and_gets_no_text(client: Client, phone: str) -> None:
    review = NewReviewNumber(phone, "204816", utcnow() + timedelta(days=1))
    with client.stack.sessions.begin() as session:
        key = session.get_one(ApiKey, client.key_id)
        review_numbers.add(session, Keyring.of(client.stack.settings), key, review)
    for _ in range(2):
        sent = client.otp(phone)
        assert sent.status_code == 200
        assert client.verify(phone, "204816").status_code == 200
        refused(client.verify(phone, "204816"), 404, "otp_used")
        assert client.get(f"/messages/{sent.json()['messageId']}").json()["status"] == "delivered"
    assert [text.text for text in client.stack.inbox(phone) if "204816" in text.text] == []
