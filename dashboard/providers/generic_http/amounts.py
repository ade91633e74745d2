"""Amounts of money or credits in a carrier's answer."""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Decimal
from typing import Any

UNITS = 10_000  # an amount is counted in 1/10,000
# With a comma, three digits after it may be thousands: such an amount says nothing.
AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{0,30}|,[0-9]{1,2})?")


def text_of(value: Any) -> str | None:
    """Text or a number of a carrier's JSON as text; else None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # Python writes small and large floats with an exponent.
    return f"{Decimal(repr(value)):f}" if isinstance(value, float) else str(value).strip() or None


def parse(text: str | None) -> int | None:
    """`120.5`, `-3` or `120,50` in 1/10,000, rounded down; None for what is no such amount."""
    if text is None or not AMOUNT.fullmatch(text):
        return None
    return int((Decimal(text.replace(",", ".")) * UNITS).to_integral_value(ROUND_FLOOR))
