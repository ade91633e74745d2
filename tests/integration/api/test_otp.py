"""POST /otp/send and /otp/verify: what they refuse."""

from __future__ import annotations

import pytest

from tests.support.api_client import ApiClient
from tests.support.error_shape import invalid
from tests.support.phones import new_phone

WRONG_FORMS = [
    "12345",
    "1234567",
    "12345a",
    " 123456",
    "123456 ",
    "123456\n",
    "١٢٣٤٥٦",
    "１２３４５６",
    "12 3456",
    "+12345",
]
WRONG_HASHES = [
    "FA+9qCX9VS",
    "FA+9qCX9VSuX",
    "FA-9qCX9VSu",
    "FA_9qCX9VSu",
    "FA+9qCX9VS=",
    "FA+9qCX9VSu\n",
    "é" * 11,
]


@pytest.mark.parametrize("app_hash", WRONG_HASHES, ids=ascii)
def test_another_hash_is_refused(client: ApiClient, app_hash: str) -> None:
    invalid(client.otp(new_phone(), hash=app_hash), ["hash"], "hash_format")


@pytest.mark.parametrize("field", ["language", "channel"])
@pytest.mark.parametrize("value", ["de", "sms\n", "voice", "\u0441ms"])
def test_another_language_or_channel_is_refused(client: ApiClient, field: str, value: str) -> None:
    invalid(client.otp(new_phone(), **{field: value}), [field], "invalid_choice")


@pytest.mark.parametrize("value", ["whatsapp ", "mail"])
def test_another_channel_is_refused_by_verify_too(client: ApiClient, value: str) -> None:
    invalid(client.verify(new_phone(), "123456", channel=value), ["channel"], "invalid_choice")


@pytest.mark.parametrize("guess", WRONG_FORMS, ids=ascii)
def test_a_code_is_six_digits(client: ApiClient, guess: str) -> None:
    invalid(client.verify(new_phone(), guess), ["otp"], "otp_format")
