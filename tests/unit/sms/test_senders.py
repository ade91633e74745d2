"""What may stand as the sender of a text, and whose sender it is."""

from __future__ import annotations

import pytest

from dashboard.sms import senders


@pytest.mark.parametrize("text", ["Chinqit", "A & B-1", "+22236000000", "36000000", "1234"])
def test_letters_digits_and_numbers_are_senders(text: str) -> None:
    assert senders.is_sender(text)


@pytest.mark.parametrize("text", ["", "Chinqit Shop", "Café", "+222 36", "1" * 16, "Shop\n", "+Shop"])
def test_what_no_phone_shows_is_no_sender(text: str) -> None:
    assert not senders.is_sender(text)


@pytest.mark.parametrize(
    ("wanted", "allowed", "chosen"),
    [
        ((), ("*",), "Own"),
        (("Shop",), (), "Own"),
        (("Shop",), ("Taxi",), "Own"),
        (("Shop",), ("Taxi", "Shop"), "Shop"),
        (("Shop",), ("*",), "Shop"),
        (("Shop", "Taxi"), ("Taxi", "Shop"), "Shop"),
        (("Bank", "Taxi"), ("Taxi", "Shop"), "Taxi"),
    ],
)
def test_the_first_sender_that_the_carrier_allows_is_used(
    wanted: tuple[str, ...], allowed: tuple[str, ...], chosen: str
) -> None:
    assert senders.choose(wanted, "Own", allowed) == chosen
