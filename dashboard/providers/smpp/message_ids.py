"""An SMSC's message ids. One id may come as 0A3F, a3f and 2623: in its answer, in a receipt's text, in its TLV."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

LONGEST = 65  # SMPP 3.4, 5.2.23
DECIMAL = frozenset(string.digits)
HEXADECIMAL = frozenset(string.hexdigits.lower())
REMEMBERED = 5_000


def normal(reference: str) -> str:
    """One form for both sides: no blanks, no leading zeros, small letters. Two ids match when these are equal."""
    bare = reference.strip().strip("\0").lower()[:LONGEST]
    return bare.lstrip("0") or bare[:1]


def meanings(reference: str) -> tuple[str, ...]:
    """Normal forms of what a receipt may mean: the id as it is, from decimal to hexadecimal, and the other way."""
    bare = normal(reference)
    found = [bare]
    if bare and DECIMAL.issuperset(bare):
        found.append(f"{int(bare):x}")
    if bare and HEXADECIMAL.issuperset(bare):
        found.append(str(int(bare, 16)))
    return tuple(dict.fromkeys(found))


class RecentIds:
    """Which phone a reference was for, of the last ones; and from that, how this SMSC writes its ids."""

    def __init__(self) -> None:
        self._phones: dict[str, str] = {}
        self._votes: Counter[tuple[int, int]] = Counter()  # by number of candidates, and which of them it was

    def note(self, reference: str, phone: str) -> None:
        if len(self._phones) >= REMEMBERED:
            del self._phones[next(iter(self._phones))]
        self._phones[reference] = phone

    def likeliest(self, candidates: Sequence[str], phone: str) -> tuple[str, ...]:
        """Put first what was given for this very phone: 4096 and 1000 may both be ids of texts under way.

        A receipt may come before the answer that gives the id: then what it mostly was so far.
        """
        count = len(candidates)
        known = [bool(phone) and self._phones.get(reference) == phone for reference in candidates]
        if True in known:
            self._votes[count, known.index(True)] += 1
        order = sorted(range(count), key=lambda place: (not known[place], -self._votes[count, place]))
        return tuple(candidates[place] for place in order)
