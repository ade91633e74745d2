"""Texts from phones, read from deliver_sm and data_sm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from dashboard.providers.base import Incoming
from dashboard.providers.smpp import pdu
from dashboard.providers.smpp.pdu import Delivery
from dashboard.sms import encoding, numbers

CONCAT_8_BIT, CONCAT_16_BIT = 0x00, 0x08  # elements of a user data header: 3GPP TS 23.040, 9.2.3.24.1 and 9.2.3.24.8
CODECS = {1: "ascii", 3: "latin-1", 6: "iso8859-5", 7: "iso8859-8", 8: "utf-16-be"}  # data_coding: SMPP 3.4, 5.2.19
BINARY = (2, 4)
MESSAGE_CLASS, UCS2_CLASS, EIGHT_BIT_CLASS = 0xF0, 0x18, 0x04  # data_coding by 3GPP TS 23.038, 4


class PartPlace(NamedTuple):
    """Where a part belongs in a long text."""

    concat_ref: str = ""
    parts: int = 1
    part: int = 1


WHOLE = PartPlace()


def read(delivery: Delivery, alphabet: str, now: datetime | None = None) -> Incoming:
    """The text, or the part of one, that a phone sent; `alphabet` is what data_coding 0 means to the SMSC."""
    header, octets = _split(delivery)
    place = _place(header) or _sar(delivery) or WHOLE
    return Incoming(
        numbers.of_carrier(delivery.source) or delivery.source,
        delivery.destination,
        _text(octets, delivery.data_coding, alphabet),
        now or datetime.now(UTC),
        part=place.part,
        parts=place.parts,
        concat_ref=place.concat_ref,
    )


def _split(delivery: Delivery) -> tuple[bytes, bytes]:
    """The user data header, and the text after it; a header that claims more than there is is none."""
    octets = delivery.text
    if not delivery.esm_class & pdu.UDHI or not octets or octets[0] >= len(octets):
        return b"", octets
    end = 1 + octets[0]
    return octets[1:end], octets[end:]


def _place(header: bytes) -> PartPlace | None:
    """By the concatenation element of a header; None where it has none, or one that makes no sense."""
    position = 0
    while position + 2 <= len(header):
        name, length = header[position], header[position + 1]
        value = header[position + 2 : position + 2 + length]
        if (name, len(value)) in ((CONCAT_8_BIT, 3), (CONCAT_16_BIT, 4)):
            return _checked(value[:-2].hex(), value[-2], value[-1])
        position += 2 + length
    return None


def _sar(delivery: Delivery) -> PartPlace | None:
    """By the parameters of SMPP 3.4, 5.3.2.22-24."""
    names = (pdu.SAR_MSG_REF_NUM, pdu.SAR_TOTAL_SEGMENTS, pdu.SAR_SEGMENT_SEQNUM)
    number, total, part = (delivery.tlvs.get(name, b"") for name in names)
    return _checked(number[:2].hex(), total[-1], part[-1]) if number and total and part else None


def _checked(concat_ref: str, parts: int, part: int) -> PartPlace | None:
    return PartPlace(concat_ref, parts, part) if 1 <= part <= parts and parts > 1 else None


def _text(octets: bytes, coding: int, alphabet: str) -> str:
    if coding & MESSAGE_CLASS == MESSAGE_CLASS:
        coding = BINARY[1] if coding & EIGHT_BIT_CLASS else 0
    elif coding & ~0x03 == UCS2_CLASS:
        coding = 8
    if coding in BINARY:
        return _octets(octets)
    if coding in CODECS:
        return octets.decode(CODECS[coding], "replace")
    return encoding.decode(octets, alphabet)


def _octets(octets: bytes) -> str:
    """Some SMSCs call a text binary; what is none is written as its digits."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return octets.hex(" ")
    return text if all(character.isprintable() or character.isspace() for character in text) else octets.hex(" ")
