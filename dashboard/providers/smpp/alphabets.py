"""Characters as octets: what data_coding 0 means at an SMSC, and UCS-2 for the rest."""

from __future__ import annotations

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)  # 3GPP TS 23.038; a character's place is its code
ESCAPE = "\x1b"
EXTENSION = {
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
SEPTETS = {ord(c): chr(code) for code, c in enumerate(BASIC) if c != ESCAPE} | {
    ord(c): ESCAPE + chr(code) for c, code in EXTENSION.items()
}
GSM = frozenset(map(chr, SEPTETS))
ASCII = frozenset("\n\r" + "".join(map(chr, range(0x20, 0x7F)))) & GSM
LATIN1 = frozenset(map(chr, range(0x100))) & GSM
# What may go out with data_coding 0. The SMSC makes GSM 03.38 of it, so what that does not know goes as UCS-2.
DEFAULT = {"gsm7": GSM, "latin1": LATIN1, "ascii": ASCII, "ucs2": frozenset[str]()}


def is_default(text: str, alphabet: str) -> bool:
    """Whether a text can go out with data_coding 0 where that means `alphabet`."""
    return DEFAULT[alphabet].issuperset(text)


def encode(text: str, alphabet: str) -> bytes:
    """Octets of a text; gsm7 is one septet an octet. Raises UnicodeEncodeError for a lone surrogate."""
    if alphabet == "gsm7":
        return text.translate(SEPTETS).encode("latin-1")
    return text.encode("utf-16-be" if alphabet == "ucs2" else "latin-1")


def width(character: str, alphabet: str) -> int:
    """Its septets, or its UTF-16 units in UCS-2."""
    if alphabet == "ucs2":
        return 2 if ord(character) > 0xFFFF else 1
    return 2 if character in EXTENSION else 1
