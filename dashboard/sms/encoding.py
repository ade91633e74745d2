"""SMS encodings and segments (3GPP TS 23.038 and 23.040): pure, shared by the API, the pages and SMPP."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

# 3GPP TS 23.038, 6.2.1: a character's place is its code. The escape is no character of a text.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPE = "\x1b"
EXTENSION = {  # 3GPP TS 23.038, 6.2.1.1: an escape and this code, so two septets
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
EXTENSION_BY_CODE = {code: character for character, code in EXTENSION.items()}
SEPTETS = {ord(c): chr(code) for code, c in enumerate(BASIC) if c != ESCAPE} | {
    ord(c): ESCAPE + chr(code) for c, code in EXTENSION.items()
}
GSM = frozenset(map(chr, SEPTETS))
ASCII = frozenset("\n\r" + "".join(map(chr, range(0x20, 0x7F)))) & GSM
LATIN1 = frozenset(map(chr, range(0x100))) & GSM
# What may go out with SMPP's data_coding 0, by what that means at an SMSC. The SMSC makes GSM 03.38 of it, so what that
# does not know goes as UCS-2.
DEFAULT_ALPHABETS = {"gsm7": GSM, "latin1": LATIN1, "ascii": ASCII, "ucs2": frozenset[str]()}

# Units of one segment: septets, or UTF-16 code units. 140 octets, less the concatenation header with its length octet:
# 6 octets with an 8-bit reference (3GPP TS 23.040, 9.2.3.24.1), 7 with a 16-bit one (9.2.3.24.8).
SINGLE = {"gsm7": 160, "ucs2": 70}
PART = {"gsm7": 153, "ucs2": 67}
PART_16_BIT = {"gsm7": 152, "ucs2": 66}
NEAREST = str.maketrans(  # what stands for a sign that GSM 03.38 lacks
    {**dict.fromkeys("‘’ʼ`´", "'"), **dict.fromkeys("“”«»„", '"'), **dict.fromkeys("‐‑‒–—−", "-")}
    | {**dict.fromkeys("\u00a0\u202f\u2009\t", " "), "…": "...", "•": "-", "œ": "oe", "Œ": "OE"}
)


@dataclass(frozen=True)
class Shape:
    """How a text travels: `units` are septets (gsm7) or UTF-16 code units (ucs2)."""

    encoding: str
    units: int
    segments: int


def shape(text: str) -> Shape:
    """Measure a text. An escape pair and a surrogate pair are never cut, so a part may stay short by one."""
    characters = set(text)  # most texts are long and have few: what can be, is asked of each only once
    encoding = "gsm7" if characters <= GSM else "ucs2"
    wide = characters & EXTENSION.keys() if encoding == "gsm7" else {c for c in characters if ord(c) > 0xFFFF}
    if not wide:
        return Shape(encoding, len(text), 1 if len(text) <= SINGLE[encoding] else -(-len(text) // PART[encoding]))
    widths = [2 if c in wide else 1 for c in text]
    units = sum(widths)
    return Shape(encoding, units, 1 if units <= SINGLE[encoding] else _count_parts(widths, PART[encoding]))


def avoidable_segments(text: str) -> int:
    """The segments that a text takes only for signs with a near one in GSM 03.38, such as “ê”; 0 in other scripts."""
    near = "".join(character if character in GSM else _near(character) for character in text.translate(NEAREST))
    return shape(text).segments - shape(near).segments if GSM.issuperset(near) else 0


def width(character: str, encoding: str) -> int:
    """The units that a character takes: 2 for an escape with its code, or for a surrogate pair."""
    if encoding == "ucs2":
        return 2 if ord(character) > 0xFFFF else 1
    return 2 if character in EXTENSION else 1


def is_default(text: str, alphabet: str) -> bool:
    """Whether a text can go out with data_coding 0 where that means `alphabet`."""
    return DEFAULT_ALPHABETS[alphabet].issuperset(text)


def encode(text: str, alphabet: str) -> bytes:
    """Octets of a text; gsm7 is one septet an octet. Raises UnicodeEncodeError for a lone surrogate."""
    if alphabet == "gsm7":
        return text.translate(SEPTETS).encode("latin-1")
    return text.encode("utf-16-be" if alphabet == "ucs2" else "latin-1")


def decode(octets: bytes, alphabet: str) -> str:
    """A text from its octets; gsm7 is one septet an octet. What stands for nothing becomes U+FFFD."""
    if alphabet != "gsm7":
        return octets.decode("utf-16-be" if alphabet == "ucs2" else "latin-1", "replace")
    characters, is_escaped = [], False
    for octet in octets:
        if is_escaped:  # 3GPP TS 23.038, 6.2.1.1: a code that the extension lacks is read in the basic table
            characters.append(EXTENSION_BY_CODE.get(octet) or _basic(octet))
        elif octet != ord(ESCAPE):
            characters.append(_basic(octet))
        is_escaped = octet == ord(ESCAPE) and not is_escaped
    return "".join(characters)


def _basic(code: int) -> str:
    return BASIC[code] if code < len(BASIC) and BASIC[code] != ESCAPE else "\N{REPLACEMENT CHARACTER}"


def cut(text: str, encoding: str, units: int) -> list[str]:
    """Parts of at most so many units each; neither an escape pair nor a surrogate pair is ever cut."""
    parts, start, used = [], 0, 0
    for place, character in enumerate(text):
        wide = width(character, encoding)
        if used + wide > units:
            parts.append(text[start:place])
            start, used = place, 0
        used += wide
    return [*parts, text[start:]]


def _count_parts(widths: list[int], units: int) -> int:
    parts, used = 1, 0
    for wide in widths:
        if used + wide > units:
            parts, used = parts + 1, 0
        used += wide
    return parts


def _near(character: str) -> str:
    """A letter without its marks."""
    return "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
