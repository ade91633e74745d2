"""Senders: what phones show as the origin of a text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from dashboard.sms import numbers

FORM = r"[0-9A-Za-z .&_-]{1,11}|\+?[0-9]{1,15}"  # 3GPP TS 23.040, 9.1.2.5: 11 characters, or a number (E.164)
ANY = "*"  # in a carrier's list: it takes every sender
LONGEST = 16  # characters


def is_sender(text: str) -> bool:
    """Whether a phone could show it: up to 11 letters and digits, or a number."""
    return re.fullmatch(FORM, text) is not None


def choose(wanted: Iterable[str], own: str, allowed: Collection[str]) -> str:
    """The first of the wanted senders that the carrier allows, else the carrier's own."""
    return next((sender for sender in wanted if ANY in allowed or sender in allowed), own)


def is_same(one: str, other: str) -> bool:
    """Whether two senders are the same, also where one is a number of this country in another spelling."""
    return one == other or (bool(numbers.of_carrier(one)) and numbers.of_carrier(one) == numbers.of_carrier(other))
