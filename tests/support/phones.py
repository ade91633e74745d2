"""Numbers that no other test uses."""

from __future__ import annotations

import random

_taken: set[int] = set()


def new_phone() -> str:
    while True:
        number = random.randrange(20_000_000, 50_000_000)
        if number not in _taken and not str(number)[2:].startswith("9999"):
            _taken.add(number)
            return f"+222{number}"
