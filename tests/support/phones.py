"""Numbers that no other test uses."""

from __future__ import annotations

import random

from dashboard.sms import numbers

_taken: set[int] = set()


def new_phone() -> str:
    """A mobile phone: to fixed lines nothing is answered, and campaigns leave them out."""
    while True:
        number = random.randrange(20_000_000, 50_000_000)
        phone = f"+222{number}"
        if number not in _taken and not str(number)[2:].startswith("9999") and not numbers.is_fixed(phone):
            _taken.add(number)
            return phone
