"""Words from outside, in a form that every database keeps."""

from __future__ import annotations

import re

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL keeps no NUL, and UTF-8 has no lone surrogates


def storable(text: str) -> str:
    """The text with U+FFFD for each NUL and each lone surrogate."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
