"""POST /messages/send: what it refuses."""

from __future__ import annotations

import pytest

from tests.support.api_client import ApiClient
from tests.support.error_shape import invalid
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
