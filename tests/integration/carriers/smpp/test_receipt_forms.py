"""Receipts as SMSCs write them that keep to no standard, through a session: what reaches the gateway is the judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.providers.base import Outcome, Outgoing, Receipt
from dashboard.providers.smpp import pdu
from dashboard.vocabulary import ReceiptState
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, DELIVER, SUBMIT, Wire, deliver, packet
from tests.support.stack import until

PHONE = "+22238089336"
OpenDesk = Callable[..., Desk]
MakeText = Callable[..., Outgoing]


def heard(wire: Wire, desk: Desk, sent: bytes) -> Receipt:
    """The receipt that the gateway is given for a deliver_sm, which is acknowledged."""
    until(lambda: desk.provider.state().is_ready, 10)
    wire.send(sent)
    assert wire.heard(DELIVER | ANSWER)[1] == 0
    until(lambda: desk.journal.receipts, 5)
    receipt: Receipt = desk.journal.receipts[0]
    return receipt


@pytest.mark.parametrize(
    ("word", "state", "code"),
    [
        ("FAILED", "failed", "smpp_undelivered"),
        ("ACKED", "sent", None),
        ("BUFFRED", "sent", None),
        ("2", "delivered", None),
        ("5", "failed", "smpp_undelivered"),
        ("NOROUTE", "failed", "smpp_no_route"),
        ("ABSENT", "failed", "absent_subscriber"),
        ("ESME_ROK", "sent", None),
    ],
)
def test_a_word_of_its_own_is_understood(
    wire: Wire, open_desk: OpenDesk, word: str, state: str, code: str | None
) -> None:
    receipt = heard(wire, open_desk(wire.port), deliver(7, f"id:96157021 stat:{word}".encode()))
    assert (receipt.state, receipt.code, receipt.phone) == (state, code, PHONE)
    assert receipt.references[0] == "96157021"


def test_ascii_under_the_flag_of_ucs2_is_read_as_ascii(wire: Wire, open_desk: OpenDesk) -> None:
    sent = bytearray(deliver(7, b"id:96157021 stat:DELIVRD"))
    place = sent.index(b"id:") - 3  # data_coding, sm_default_msg_id, sm_length
    sent[place] = 8
    assert heard(wire, open_desk(wire.port), bytes(sent)).state == "delivered"


def test_a_message_state_in_words_is_understood(wire: Wire, open_desk: OpenDesk) -> None:
    tlvs = pdu.tlv(pdu.RECEIPTED_MESSAGE_ID, b"96157021\0") + pdu.tlv(pdu.MESSAGE_STATE, b"DELIVRD\0")
    assert heard(wire, open_desk(wire.port), deliver(7, b"", tlvs=tlvs)).state == "delivered"


@pytest.mark.parametrize(
    ("text", "references"),
    [(b"id:96157021 stat:WEIRD text:482913", ("96157021",)), (b"message 96157021 delivered, code 482913", ())],
)
def test_what_cannot_be_read_reaches_the_gateway_in_its_own_words_without_a_code(
    wire: Wire, open_desk: OpenDesk, text: bytes, references: tuple[str, ...]
) -> None:
    receipt = heard(wire, open_desk(wire.port), deliver(7, text))
    assert (receipt.state, receipt.code) == (ReceiptState.UNKNOWN, "smpp_unknown_word")
    assert receipt.references[:1] == references
    assert receipt.raw and "96157021" in receipt.raw and "482913" not in receipt.raw


def test_an_administrator_says_what_a_word_means(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port, receipt_words="WEIRD = failed\nHANDSET = delivered")
    receipt = heard(wire, desk, deliver(7, b"id:96157021 stat:weird"))
    assert (receipt.state, receipt.code, receipt.raw) == ("failed", "smpp_undelivered", None)


@pytest.mark.parametrize("esm_class", [0, 0x08])
def test_a_receipt_that_the_smsc_does_not_mark_is_handed_over_as_such(
    wire: Wire, open_desk: OpenDesk, esm_class: int
) -> None:
    receipt = heard(wire, open_desk(wire.port), deliver(7, b"id:96157021 stat:DELIVRD", esm_class=esm_class))
    assert (receipt.state, receipt.is_unmarked) == ("delivered", True)


def test_a_date_is_read_in_the_zone_of_the_smsc(wire: Wire, open_desk: OpenDesk) -> None:
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    stamp = (at - timedelta(hours=5)).strftime("%y%m%d%H%M").encode()
    desk = open_desk(wire.port, receipt_offset="-05:00")
    assert heard(wire, desk, deliver(7, b"id:1 done date:" + stamp + b" stat:DELIVRD")).at == at


def taken(wire: Wire, desk: Desk, outgoing: Outgoing, message_id: bytes) -> None:
    desk.hand_over(outgoing)
    wire.send(packet(SUBMIT | ANSWER, wire.heard(SUBMIT)[2], message_id + b"\0"))
    until(lambda: desk.told, 5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (b"MR-96157021", b"96157021"),
        (b"96157021", b"MR-96157021"),
        (b"96157021", b"MR96157021"),
        (b"550e8400-e29b-41d4-a716-446655440000", b"550E8400E29B41D4A716446655440000"),
        (b"550e8400e29b41d4a716446655440000", b"550e8400-e29b-41d4-a716-446655440000"),
        (b"0096157021", b"96157021"),
        (b"05BB3D5D", b"96157021"),
    ],
)
def test_an_id_that_is_written_in_another_way_still_names_its_text(
    wire: Wire, open_desk: OpenDesk, text: MakeText, given: bytes, told: bytes
) -> None:
    desk = open_desk(wire.port)
    taken(wire, desk, text(phone=PHONE), given)
    receipt = heard(wire, desk, deliver(7, b"id:" + told + b" stat:DELIVRD"))
    result = desk.told[0][1]
    assert isinstance(result, Outcome)
    assert result.reference in receipt.references


def test_a_text_that_was_given_no_id_is_found_by_its_phone(wire: Wire, open_desk: OpenDesk, text: MakeText) -> None:
    desk = open_desk(wire.port)
    outgoing = text(phone=PHONE)
    taken(wire, desk, outgoing, b"")
    receipt = heard(wire, desk, deliver(7, b"id:96157021 stat:DELIVRD"))
    result = desk.told[0][1]
    assert isinstance(result, Outcome)
    assert result.reference == outgoing.id == receipt.references[0]


def test_addresses_that_were_not_swapped_still_say_which_phone(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port, sender="+22236000000")
    sent = deliver(7, b"id:1 stat:DELIVRD", source=b"22236000000")
    sent = sent.replace(b"\5\0Chinqit\0", b"\1\1" + b"22238089336\0")
    sent = len(sent).to_bytes(4, "big") + sent[4:]
    assert heard(wire, desk, sent).phone == PHONE
