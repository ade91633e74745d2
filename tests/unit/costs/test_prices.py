"""Amounts as people write them, which price holds, and what other letters would save."""

from __future__ import annotations

from datetime import date

import pytest

from dashboard.gateway.costs import prices
from dashboard.gateway.costs.prices import PriceTable, Rate
from dashboard.sms import encoding


@pytest.mark.parametrize(
    ("typed", "amount", "written"),
    [
        ("0,32", 3_200, "0.32"),
        ("0.3255", 3_255, "0.3255"),
        ("12", 120_000, "12.00"),
        (" 0.0001 ", 1, "0.0001"),
        ("0", 0, "0.00"),
        ("1000", 10_000_000, "1000.00"),
        ("1.", 10_000, "1.00"),
    ],
)
def test_amounts_are_exact(typed: str, amount: int, written: str) -> None:
    assert prices.parse(typed) == amount
    assert prices.plain(amount) == written
    assert prices.parse(written) == amount


@pytest.mark.parametrize(
    "typed", ["", "x", "-1", "1e3", "0.00001", "1000.0001", "99999999999", "1 000", "٣", ".5", "1.٣"]
)
def test_what_is_no_amount_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        prices.parse(typed)


def test_the_newest_price_of_the_day_holds_and_the_operator_s_own_before_that_for_all() -> None:
    first, second, later = date(2026, 1, 1), date(2026, 6, 1), date(2027, 1, 1)
    general = ((later, Rate(9, False)), (second, Rate(5, False)), (first, Rate(4, False)))
    table = PriceTable({("smsc", "sms", ""): general, ("smsc", "sms", "3"): ((second, Rate(7, True)),)})

    def amount(day: date, operator: str = "4", carrier: str = "smsc", channel: str = "sms") -> int | None:
        rate = table.find(carrier, channel, operator, day)
        return rate.amount if rate else None

    assert [amount(date(2025, 12, 31)), amount(first), amount(date(2026, 5, 31)), amount(second)] == [None, 4, 4, 5]
    assert [amount(first, "3"), amount(second, "3"), amount(later, "3")] == [4, 7, 7]
    assert [amount(second, carrier="other"), amount(second, channel="whatsapp")] == [None, None]


@pytest.mark.parametrize(
    ("text", "saved"),
    [
        ("Bonjour", 0),
        ("ê" + "a" * 69, 0),  # 70 characters fit one segment either way
        ("ê" + "a" * 70, 1),
        ("ê" + "a" * 159, 2),
        ("“Bonjour” – ça ira…" + "a" * 60, 1),
        ("مرحبا " * 20, 0),
        ("ê" + "a" * 70 + "م", 0),
        ("😀" + "a" * 70, 0),
    ],
)
def test_segments_that_other_letters_would_save(text: str, saved: int) -> None:
    assert encoding.avoidable_segments(text) == saved
