"""An SMSC's message ids. One id may come as 0A3F, a3f and 2623: in its answer, in a receipt's text, in its TLV."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

LONGEST = 65  # SMPP 3.4, 5.2.23
DECIMAL = frozenset(string.digits)
HEXADECIMAL = frozenset(string.hexdigits.lower())
SEPARATORS = re.compile(r"[-_./{}]")
PREFIXED = re.compile(r"(?:[a-z]{1,8}|[a-z0-9]{1,8}[-_./])([0-9]{6,})")  # MR96157021, MR-96157021
UUID_DIGITS = 32
LONGEST_UUID = 36  # with its dashes
REMEMBERED = 5_000


def normal(reference: str) -> str:
    """One form for both sides: no blanks, no leading zeros, small letters. Two ids match when these are equal."""
    bare = reference.strip().strip("\0").lower()[:LONGEST]
    return bare.lstrip("0") or bare[:1]


def meanings(reference: str) -> tuple[str, ...]:
    """Normal forms of what a receipt may mean, likeliest first.

    The id as it is; from decimal to hexadecimal, and the other way; without separators, with those of a UUID; without a
    prefix of letters.
    """
    bare = normal(reference)
    forms = [bare]
    if bare and DECIMAL.issuperset(bare):
        forms.append(f"{int(bare):x}")
    if bare and HEXADECIMAL.issuperset(bare):
        forms.append(str(int(bare, 16)))
    return tuple(dict.fromkeys((*forms, *_spellings(bare))))


def _spellings(bare: str) -> list[str]:
    """Other spellings of the same id."""
    plain = SEPARATORS.sub("", bare)
    forms = [normal(plain)] if plain and plain != bare else []
    whole = plain.rjust(UUID_DIGITS, "0")
    if UUID_DIGITS - 2 <= len(plain) <= UUID_DIGITS and HEXADECIMAL.issuperset(plain) and plain == bare:
        forms.append(normal("-".join((whole[:8], whole[8:12], whole[12:16], whole[16:20], whole[20:]))))
    prefixed = PREFIXED.fullmatch(bare)
    if prefixed:
        forms.append(normal(prefixed[1]))
    return forms


class RecentIds:
    """Which phone a reference was for, of the last ones; and from that, how this SMSC writes its ids."""

    def __init__(self) -> None:
        self._phones: dict[str, str] = {}
        self._spelled: dict[str, str] = {}  # another spelling → the reference, of those that have several
        self._unnamed: dict[str, list[str]] = {}  # by phone, our own ids of texts that the SMSC did not name
        self._votes: Counter[tuple[int, int]] = Counter()  # by number of candidates, and which of them it was

    def note(self, reference: str, phone: str) -> None:
        """Remember what the SMSC calls a text to this phone."""
        if len(self._phones) >= REMEMBERED:
            del self._phones[next(iter(self._phones))]
        self._phones[reference] = phone
        is_spelled_otherwise = not reference.isalnum() and len(reference) != LONGEST_UUID  # a UUID says it all
        if is_spelled_otherwise or PREFIXED.fullmatch(reference):
            self._note_spellings(reference)

    def note_unnamed(self, message_id: str, phone: str) -> None:
        """Remember a text that the SMSC took and gave no id; `message_id` is our own."""
        if len(self._unnamed) >= REMEMBERED:
            del self._unnamed[next(iter(self._unnamed))]
        ids = self._unnamed.setdefault(phone, [])
        if message_id not in ids:
            ids.append(message_id)

    def likeliest(self, candidates: Sequence[str], phone: str) -> tuple[str, ...]:
        """What a receipt for this phone may mean, likeliest first.

        What was given for this very phone comes first: 4096 and 1000 may both be ids of texts under way. A receipt may
        come before the answer that gives the id: then what it mostly was so far. An id that nobody knows, for a phone
        with one text that has none, means that text.
        """
        count = len(candidates)
        known = [bool(phone) and self._phones.get(reference) == phone for reference in candidates]
        if True in known:
            self._votes[count, known.index(True)] += 1
        order = sorted(range(count), key=lambda place: (not known[place], -self._votes[count, place]))
        likely = tuple(candidates[place] for place in order)
        return likely if True in known else (*self._otherwise(candidates, phone), *likely)

    def _note_spellings(self, reference: str) -> None:
        for form in _spellings(reference):
            if len(self._spelled) >= REMEMBERED:
                del self._spelled[next(iter(self._spelled))]
            self._spelled[form] = reference

    def _otherwise(self, candidates: Sequence[str], phone: str) -> tuple[str, ...]:
        """References that none of the candidates spells out."""
        spelled = [self._spelled[form] for form in candidates if form in self._spelled]
        mine = [reference for reference in spelled if self._phones.get(reference) == phone]
        if mine:
            return tuple(mine)
        unnamed = self._unnamed.get(phone, [])
        return (unnamed[0],) if len(unnamed) == 1 else ()
