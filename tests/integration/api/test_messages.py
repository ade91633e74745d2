"""POST /messages/send and /messages/batch: what they refuse."""

from __future__ import annotations

import pytest

from dashboard.gateway.opt_outs import opt_outs
from tests.support.api_client import Api, ApiClient
from tests.support.error_shape import invalid, refused
from tests.support.phones import new_phone

TOO_LONG = {
    "GSM": "a" * 1531,
    "UCS-2": "ع" * 671,
    "one Arabic letter in GSM": "a" * 670 + "ع",
    "pairs": "😀" * 331,
    "escapes": "€" * 761,
    "32 KiB": "a" * 30_000,
}


@pytest.mark.parametrize("message", TOO_LONG.values(), ids=TOO_LONG)
def test_more_than_ten_segments_are_refused(client: ApiClient, message: str) -> None:
    invalid(client.send(new_phone(), message), ["message"], "too_long")


@pytest.mark.parametrize("message", ["", " ", "\n", "\t \r\n", "\u00a0", "\u2003"], ids=ascii)
def test_a_blank_text_is_refused(client: ApiClient, message: str) -> None:
    invalid(client.send(new_phone(), message), ["message"], "blank")


@pytest.mark.parametrize("number", [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20)])
def test_a_control_character_is_refused(client: ApiClient, number: int) -> None:
    invalid(client.send(new_phone(), f"a{chr(number)}b"), ["message"], "invalid_characters")


def test_a_number_that_wants_no_texts_gets_none_but_a_code(api: Api, client: ApiClient) -> None:
    phone, other = new_phone(), new_phone()
    with api.sessions.begin() as session:
        opt_outs.add(session, [phone])
    item = refused(client.post("/messages/send", phoneNumber=phone, message="Bonjour"), 400, "opted_out")
    assert item["path"] == ["phoneNumber"]
    texts = [{"phoneNumber": each, "message": "Bonjour"} for each in (phone, other, "1")]
    results = client.post("/messages/batch", messages=texts).json()["results"]
    assert [result["success"] for result in results] == [False, True, False]
    assert results[0]["errors"][0]["code"] == "opted_out"
    assert client.post("/otp/send", phoneNumber=phone, channel="sms").status_code == 200
