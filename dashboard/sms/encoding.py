"""SMS encodings and segments (3GPP TS 23.038 and 23.040)."""

from __future__ import annotations

from dataclasses import dataclass

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENSION = frozenset("\f^{}\\[~]|€")  # an escape and a character: two septets
GSM = GSM_BASIC | GSM_EXTENSION
SINGLE = {"gsm7": 160, "ucs2": 70}
PART = {"gsm7": 153, "ucs2": 67}  # six octets of each part go to the concatenation header


@dataclass(frozen=True)
class Shape:
    """How a text travels: `units` are septets (gsm7) or UTF-16 units (ucs2)."""

    encoding: str
    units: int
    segments: int


def shape(text: str) -> Shape:
    """Measure a text. An escape pair and a surrogate pair are never cut, so a part may stay short by one."""
    characters = set(text)  # most texts are long and have few: what can be, is asked of each only once
    encoding = "gsm7" if characters <= GSM else "ucs2"
    wide = {c for c in characters if _is_wide(c, encoding)}
    if not wide:
        return Shape(encoding, len(text), 1 if len(text) <= SINGLE[encoding] else -(-len(text) // PART[encoding]))
    widths = [2 if c in wide else 1 for c in text]
    units = sum(widths)
    return Shape(encoding, units, 1 if units <= SINGLE[encoding] else _parts(widths, PART[encoding]))


def _is_wide(character: str, encoding: str) -> bool:
    """Whether it takes two units: an escape and a character, or a surrogate pair."""
    return character in GSM_EXTENSION if encoding == "gsm7" else ord(character) > 0xFFFF


def _parts(widths: list[int], room: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > room:
            parts, used = parts + 1, 0
        used += width
    return parts
