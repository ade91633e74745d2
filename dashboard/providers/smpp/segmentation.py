"""A text as the segments that carry it. Neither an escape pair nor a surrogate pair is ever cut."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from dashboard.providers.smpp import pdu
from dashboard.sms import encoding

GSM_CODING, UCS2_CODING = 0, 8  # data_coding (SMPP 3.4, 5.2.19)
MOST_PARTS = 255
LONGEST_PAYLOAD = 0xFFFF  # octets of a message_payload


class TooLong(Exception):
    """The text needs more segments than there are numbers for."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What of a submit_sm depends on the text."""

    esm_class: int
    data_coding: int
    text: bytes = field(repr=False)
    tlvs: bytes = field(default=b"", repr=False)


def segments(
    text: str, message_id: str, alphabet: str = "gsm7", long_texts: str = "udh", reference_bits: int = 8
) -> list[Segment]:
    """Cut a text; the same id gives the same concatenation reference, so that a repeat replaces its parts.

    `alphabet` is what data_coding 0 means: gsm7, latin1, ascii, or ucs2 for never. `long_texts`: udh, sar, payload.
    `reference_bits`, 8 or 16, is the width of the reference in a header. Raises TooLong and, for a lone surrogate,
    UnicodeEncodeError.
    """
    coding, used = (GSM_CODING, alphabet) if encoding.is_default(text, alphabet) else (UCS2_CODING, "ucs2")
    units_of = "gsm7" if coding == GSM_CODING else "ucs2"
    whole = encoding.encode(text, used)
    if _units(text, whole, used) <= encoding.SINGLE[units_of]:
        return [Segment(0, coding, whole)]
    if long_texts == "payload":
        if len(whole) > LONGEST_PAYLOAD:
            raise TooLong
        return [Segment(0, coding, b"", pdu.tlv(pdu.MESSAGE_PAYLOAD, whole))]
    room = encoding.PART_16_BIT if long_texts == "udh" and reference_bits == 16 else encoding.PART
    parts = [encoding.encode(part, used) for part in encoding.cut(text, used, room[units_of])]
    if len(parts) > MOST_PARTS:
        raise TooLong
    number = zlib.crc32(message_id.encode())
    if long_texts == "sar":
        return [_sar(part, coding, number, len(parts), place) for place, part in enumerate(parts, 1)]
    return [_udh(part, coding, number, reference_bits, len(parts), place) for place, part in enumerate(parts, 1)]


def _units(text: str, whole: bytes, alphabet: str) -> int:
    if alphabet == "ucs2":
        return len(whole) // 2
    return len(whole) if alphabet == "gsm7" else len(encoding.encode(text, "gsm7"))


def _udh(part: bytes, coding: int, number: int, bits: int, total: int, place: int) -> Segment:
    """A user data header (3GPP TS 23.040): 9.2.3.24.1 with an 8-bit reference, 9.2.3.24.8 with one of 16 bits."""
    if bits == 16:
        header = bytes((6, 8, 4)) + (number & 0xFFFF).to_bytes(2, "big") + bytes((total, place))
    else:
        header = bytes((5, 0, 3, number & 0xFF, total, place))
    return Segment(pdu.UDHI, coding, header + part)


def _sar(part: bytes, coding: int, number: int, total: int, place: int) -> Segment:
    """The parameters of SMPP 3.4, 5.3.2.22–24; the SMSC writes the header."""
    tlvs = (
        pdu.tlv(pdu.SAR_MSG_REF_NUM, (number & 0xFFFF).to_bytes(2, "big"))
        + pdu.tlv(pdu.SAR_TOTAL_SEGMENTS, bytes((total,)))
        + pdu.tlv(pdu.SAR_SEGMENT_SEQNUM, bytes((place,)))
    )
    return Segment(0, coding, part, tlvs)
