"""Words that a password may not rest on: the product's, the organisation's and the person's (OWASP ASVS 5.0 6.2.11)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dashboard.gateway.accounts import passwords
from dashboard.gateway.accounts.passwords import WeakPassword

PRODUCT = "chinqit gateway passerelle mauritanie mauritania nouakchott"
SHORTEST_WORD = 4  # shorter ones stand in many words by chance
LEAST_LETTERS = 4  # what has to be left without such words, digits and signs


def new_hash(password: str, own: Iterable[str]) -> str:
    """The hash to keep; raise WeakPassword. `own`: the person's name and address, and the organisation's name."""
    if _is_personal(password.lower(), " ".join((PRODUCT, *own)).lower()):
        raise WeakPassword("too_personal")
    return passwords.hashed(password)


def _is_personal(password: str, own: str) -> bool:
    """Whether it is little more than such words, as `Chinqit2026!` is."""
    left = password
    for word in sorted({*own.split(), *re.findall(r"[^\W\d_]+", own)}, key=len, reverse=True):
        if len(word) >= SHORTEST_WORD:
            left = left.replace(word, " ")
    return left != password and sum(map(str.isalpha, left)) < LEAST_LETTERS
