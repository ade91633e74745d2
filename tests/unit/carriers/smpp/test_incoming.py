"""Texts from phones, read from a deliver_sm."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboard.providers.base import Incoming
from dashboard.providers.smpp import incoming, pdu
from dashboard.providers.smpp.pdu import Delivery
from dashboard.sms import encoding

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def read(
    text: bytes, data_coding: int = 0, esm_class: int = 0, alphabet: str = "gsm7", tlvs: dict[int, bytes] | None = None
) -> Incoming:
    delivery = Delivery("22238089336", "3601", esm_class, data_coding, text, tlvs or {})
    return incoming.read(delivery, alphabet, NOW)


def test_who_wrote_to_whom_and_when() -> None:
    found = read(b"STOP")
    assert (found.sender, found.recipient, found.text, found.at) == ("+22238089336", "3601", "STOP", NOW)
    assert (found.part, found.parts) == (1, 1)


@pytest.mark.parametrize(
    ("octets", "data_coding", "alphabet", "text"),
    [
        (encoding.encode("Déjà vu @ 5 € [ok]", "gsm7"), 0, "gsm7", "Déjà vu @ 5 € [ok]"),
        ("Déjà".encode("latin-1"), 0, "latin1", "Déjà"),
        (b"STOP", 1, "gsm7", "STOP"),
        ("Déjà".encode("latin-1"), 3, "gsm7", "Déjà"),
        ("إيقاف".encode("utf-16-be"), 8, "gsm7", "إيقاف"),
        ("قف 😀".encode("utf-16-be"), 0x18, "gsm7", "قف 😀"),
        (b"\x00", 0xF0, "gsm7", "@"),  # a text for the screen alone
        ("Déjà".encode(), 4, "gsm7", "Déjà"),
        (b"\xff\x00\x01", 0xF4, "gsm7", "ff 00 01"),
        (b"A\x1b\x1b\xff", 0, "gsm7", "A\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_text_is_read_by_its_data_coding(octets: bytes, data_coding: int, alphabet: str, text: str) -> None:
    assert read(octets, data_coding, alphabet=alphabet).text == text


@pytest.mark.parametrize(
    "header",
    [
        bytes((5, 0, 3, 0x2A, 3, 2)),
        bytes((6, 8, 4, 0, 0x2A, 3, 2)),
        bytes((8, 0x24, 1, 0, 0, 3, 0x2A, 3, 2)),  # after an element of another kind
    ],
)
def test_a_part_says_where_it_belongs_in_its_header(header: bytes) -> None:
    found = read(header + b"part", esm_class=pdu.UDHI)
    assert (found.text, found.part, found.parts) == ("part", 2, 3)
    assert int(found.concat_ref, 16) == 0x2A


def test_a_part_says_where_it_belongs_in_parameters() -> None:
    tlvs = {pdu.SAR_MSG_REF_NUM: b"\0\x2a", pdu.SAR_TOTAL_SEGMENTS: b"\3", pdu.SAR_SEGMENT_SEQNUM: b"\2"}
    assert (read(b"part", tlvs=tlvs).part, read(b"part", tlvs=tlvs).parts) == (2, 3)


@pytest.mark.parametrize(
    "header", [bytes((200, 0, 3)), bytes((5, 0, 3, 1, 0, 0)), bytes((5, 0, 3, 1, 2, 3)), b"\x03\x00\x09\x01"]
)
def test_a_header_that_makes_no_sense_loses_no_text(header: bytes) -> None:
    found = read(header + b"STOP", esm_class=pdu.UDHI)
    assert found.text.endswith("STOP") and (found.part, found.parts) == (1, 1)


def test_a_header_alone_is_no_text() -> None:
    assert read(b"", esm_class=pdu.UDHI).text == ""
