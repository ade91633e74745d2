"""A text as the segments that carry it. Neither an escape pair nor a surrogate pair is ever cut."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from dashboard.providers.smpp import alphabets, pdu

SINGLE = {0: 160, 8: 70}  # units by data_coding: septets, UTF-16 units
PART = {0: 153, 8: 67}  # six octets of each part go to the concatenation header, whoever writes it
MOST_PARTS = 255
PAYLOAD = 0xFFFF  # octets of a message_payload


class TooLong(Exception):
    """The text needs more segments than there are numbers for."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What of a submit_sm depends on the text."""

    esm_class: int
    data_coding: int
    text: bytes = field(repr=False)
    tlvs: bytes = field(default=b"", repr=False)


def segments(text: str, message_id: str, alphabet: str = "gsm7", long_texts: str = "udh") -> list[Segment]:
    """Cut a text; the same id gives the same concatenation reference, so that a repeat replaces its parts.

    `alphabet` is what data_coding 0 means: gsm7, latin1, ascii, or ucs2 for never. `long_texts`: udh, sar, payload.
    Raises TooLong and, for a lone surrogate, UnicodeEncodeError.
    """
    coding, used = (0, alphabet) if alphabets.is_default(text, alphabet) else (8, "ucs2")
    whole = alphabets.encode(text, used)
    if _units(text, whole, used) <= SINGLE[coding]:
        return [Segment(0, coding, whole)]
    if long_texts == "payload":
        if len(whole) > PAYLOAD:
            raise TooLong
        return [Segment(0, coding, b"", pdu.tlv(pdu.MESSAGE_PAYLOAD, whole))]
    parts = [alphabets.encode(part, used) for part in _cut(text, used, PART[coding])]
    if len(parts) > MOST_PARTS:
        raise TooLong
    number = zlib.crc32(message_id.encode())
    make = _sar if long_texts == "sar" else _udh
    return [make(part, coding, number, len(parts), place) for place, part in enumerate(parts, 1)]


def _units(text: str, whole: bytes, alphabet: str) -> int:
    if alphabet == "ucs2":
        return len(whole) // 2
    return len(whole) if alphabet == "gsm7" else len(alphabets.encode(text, "gsm7"))


def _cut(text: str, alphabet: str, room: int) -> Iterator[str]:
    start, used = 0, 0
    for place, character in enumerate(text):
        width = alphabets.width(character, alphabet)
        if used + width > room:
            yield text[start:place]
            start, used = place, 0
        used += width
    yield text[start:]


def _udh(part: bytes, coding: int, number: int, total: int, place: int) -> Segment:
    """A user data header with an 8-bit reference (3GPP TS 23.040, 9.2.3.24.1)."""
    return Segment(pdu.UDHI, coding, bytes((5, 0, 3, number & 0xFF, total, place)) + part)


def _sar(part: bytes, coding: int, number: int, total: int, place: int) -> Segment:
    tlvs = (
        pdu.tlv(pdu.SAR_MSG_REF_NUM, (number & 0xFFFF).to_bytes(2, "big"))
        + pdu.tlv(pdu.SAR_TOTAL_SEGMENTS, bytes((total,)))
        + pdu.tlv(pdu.SAR_SEGMENT_SEQNUM, bytes((place,)))
    )
    return Segment(0, coding, part, tlvs)
