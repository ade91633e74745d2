"""Phone numbers that are refused, with the same code by every endpoint."""

from __future__ import annotations

import pytest

from tests.support.api_client import ApiClient
from tests.support.error_shape import invalid

PATHS = {"/messages/send": {"message": "Bonjour"}, "/otp/send": {}, "/otp/verify": {"otp": "123456"}}
REFUSED = {
    "12345678": "phone_prefix",
    "+22212345678": "phone_prefix",
    "22258089336": "phone_prefix",
    "08089336": "phone_prefix",
    "+222 27 63 56 42": "phone_format",
    "27-63-56-42": "phone_format",
    "27.63.56.42": "phone_format",
    "(222)27635642": "phone_format",
    " 27635642": "phone_format",
    "27635642 ": "phone_format",
    "27635642\n": "phone_format",
    "\n+22227635642": "phone_format",
    "27635642\r\n": "phone_format",
    "27635642\u00a0": "phone_format",
    "٢٧٦٣٥٦٤٢": "phone_format",
    "２７６３５６４２": "phone_format",
    "2763564٢": "phone_format",
    "²7635642": "phone_format",
    "27635642x": "phone_format",
    "tel:27635642": "phone_format",
    "++22227635642": "phone_format",
    "+": "phone_format",
    "27635642+": "phone_format",
    "\u200e27635642": "phone_format",
    "+1234567890": "phone_country",
    "+33612345678": "phone_country",
    "+27635642": "phone_country",
    "": "blank",
    "2763564": "phone_length",
    "276356421": "phone_length",
    "+2222763564": "phone_length",
    "+222276356421": "phone_length",
    "222": "phone_length",
    "+222": "phone_length",
    "0022227635642": "phone_length",
    "222222763564": "phone_length",
    "2" * 1_000: "phone_length",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("number", "code"), REFUSED.items(), ids=[ascii(number)[:24] for number in REFUSED])
def test_each_refusal_says_which_rule_broke(refused_client: ApiClient, path: str, number: str, code: str) -> None:
    invalid(refused_client.post(path, phoneNumber=number, **PATHS[path]), ["phoneNumber"], code)
