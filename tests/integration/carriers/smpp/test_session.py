"""A session against octets that no well-behaved SMSC sends."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown
from dashboard.providers.base import Outcome, Outgoing
from dashboard.providers.smpp import pdu, segmentation
from dashboard.providers.smpp.pdu import Pdu
from tests.support.present import present
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, DELIVER, ENQUIRE, NACK, SUBMIT, UNBIND, Wire, deliver, packet
from tests.support.stack import until


@pytest.fixture
def desk(wire: Wire, open_desk: Callable[..., Desk]) -> Desk:
    """A carrier that is bound to the wire."""
    desk = open_desk(wire.port, response_timeout=2)
    until(lambda: desk.provider.state().is_ready, 10)
    return desk


def still_lives(wire: Wire, desk: Desk, text: Callable[..., Outgoing]) -> bool:
    """Whether the same session takes a text."""
    wire.got.clear()
    desk.told.clear()
    desk.hand_over(text())
    _, _, sequence, _ = wire.heard(SUBMIT)
    wire.send(packet(SUBMIT | ANSWER, sequence, b"abc\0"))
    until(lambda: desk.told, 5)
    return isinstance(desk.told[0][1], Outcome) and wire.binds == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (packet(0x7777, 9), 0x03),
        (packet(DELIVER, 9, b"\0\1\1abc"), 0x02),
        (packet(DELIVER, 9), 0x02),
        (packet(0x00000103, 9, b"\0"), 0x02),
        (struct.pack(">IIII", 100_000, DELIVER, 0, 9) + bytes(100_000 - 16), 0x02),
        (struct.pack(">IIII", 100_000, 0x80000004, 0, 9) + bytes(100_000 - 16), 0x02),
    ],
    ids=["unknown command", "cut off", "empty", "data_sm cut off", "too long", "too long an answer"],
)
def test_what_cannot_be_read_is_nacked_and_the_session_lives_on(
    wire: Wire, desk: Desk, text: Callable[..., Outgoing], sent: Any, status: int
) -> None:
    wire.send(sent)
    assert wire.heard(NACK)[1:3] == (status, 9)
    assert still_lives(wire, desk, text)


@pytest.mark.parametrize("length", [0, 15, 0x00200000, 0xFFFFFFFF])
def test_a_stream_out_of_step_is_hung_up_on_and_bound_anew(wire: Wire, desk: Desk, length: int) -> None:
    wire.send(struct.pack(">IIII", length, DELIVER, 0, 9))
    assert wire.heard(NACK)[1] == 0x02
    until(lambda: wire.binds == 2, 10)


@pytest.mark.parametrize(
    "sent",
    [
        packet(ENQUIRE | ANSWER, 77),
        packet(SUBMIT | ANSWER, 0x7FFFFFFF, b"zz\0"),
        packet(NACK, 0, status=3),
        packet(0x00000102, 5, b"\0\0x\0\0\0y\0"),
        packet(0x0000000B, 5, b"x\0y\0"),
        packet(0x80007777, 5),
    ],
    ids=["enquire_link_resp", "submit_sm_resp", "generic_nack", "alert", "outbind", "unknown answer"],
)
def test_what_nobody_asked_for_is_passed_over(wire: Wire, desk: Desk, text: Callable[..., Outgoing], sent: Any) -> None:
    wire.got.clear()
    wire.send(sent)
    assert still_lives(wire, desk, text)
    assert {item[0] for item in wire.got} <= {SUBMIT, ENQUIRE}


def test_an_enquire_link_is_answered(wire: Wire, desk: Desk) -> None:
    wire.send(packet(ENQUIRE, 4242))
    assert wire.heard(ENQUIRE | ANSWER)[1:3] == (0, 4242)


def test_packets_may_come_one_octet_at_a_time_or_many_in_one(
    wire: Wire, desk: Desk, text: Callable[..., Outgoing]
) -> None:
    for octet in packet(ENQUIRE, 1):
        wire.send(bytes((octet,)))
    wire.heard(ENQUIRE | ANSWER)
    wire.send(b"".join(packet(ENQUIRE, number) for number in range(2, 500)))
    until(lambda: sum(item[0] == ENQUIRE | ANSWER for item in list(wire.got)) == 499, 10)
    assert still_lives(wire, desk, text)


def test_answers_are_told_apart_by_their_number_not_by_their_order(
    wire: Wire, desk: Desk, text: Callable[..., Outgoing]
) -> None:
    outgoings = [text(), text(), text()]
    desk.hand_over(*outgoings)
    until(lambda: sum(item[0] == SUBMIT for item in wire.got) == 3, 5)
    numbers = [item[2] for item in wire.got if item[0] == SUBMIT]
    for number, reference in [(numbers[2], b"C"), (numbers[0], b"A"), (numbers[1], b"B")]:
        wire.send(packet(SUBMIT | ANSWER, number, reference + b"\0"))
    until(lambda: len(desk.told) == 3, 5)
    assert {outgoing.id: getattr(result, "reference", None) for outgoing, result in desk.told} == {
        outgoing.id: reference for outgoing, reference in zip(outgoings, "abc", strict=True)
    }


def test_an_answer_without_a_closing_nul_or_without_an_id_still_says_taken(
    wire: Wire, desk: Desk, text: Callable[..., Outgoing]
) -> None:
    outgoings = [text(), text(), text()]
    desk.hand_over(*outgoings)
    until(lambda: sum(item[0] == SUBMIT for item in wire.got) == 3, 5)
    numbers = [item[2] for item in wire.got if item[0] == SUBMIT]
    for number, body in zip(numbers, [b"00A1", b"", b"\0"], strict=True):
        wire.send(packet(SUBMIT | ANSWER, number, body))
    until(lambda: len(desk.told) == 3, 5)
    assert [getattr(result, "reference", None) for _, result in desk.told] == ["a1", outgoings[1].id, outgoings[2].id]


def test_a_generic_nack_answers_a_submit(wire: Wire, desk: Desk, text: Callable[..., Outgoing]) -> None:
    desk.hand_over(text())
    _, _, sequence, _ = wire.heard(SUBMIT)
    wire.send(packet(NACK, sequence, status=0x58))
    until(lambda: desk.told, 5)
    assert isinstance(desk.told[0][1], NotSent) and desk.told[0][1].code == "smpp_throttled"


def test_a_text_whose_parts_were_not_all_written_is_surely_not_taken(
    wire: Wire, open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    desk = open_desk(wire.port, window=2, response_timeout=1)
    written, half, waiting = text(), text("a" * 400), text()
    desk.hand_over(written, half)
    until(lambda: sum(item[0] == SUBMIT for item in wire.got) == 2, 10)
    present(wire.connection).shutdown(2)
    until(lambda: len(desk.told) == 2, 10)
    told = {outgoing.id: result for outgoing, result in desk.told}
    assert isinstance(told[written.id], OutcomeUnknown) and isinstance(told[half.id], NotSent)
    until(lambda: wire.binds == 2, 10)
    wire.got.clear()
    desk.hand_over(waiting)
    assert wire.heard(SUBMIT)


def test_a_text_whose_first_part_is_never_answered_is_given_up_whole(
    wire: Wire, open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    desk = open_desk(wire.port, window=1, response_timeout=1, enquire_interval=60)
    desk.hand_over(text("a" * 400), text())
    until(lambda: desk.told, 5)
    assert isinstance(desk.told[0][1], NotSent) and desk.told[0][1].code == "smpp_no_answer"


def test_one_that_thinks_us_unbound_is_bound_anew(wire: Wire, desk: Desk, text: Callable[..., Outgoing]) -> None:
    desk.hand_over(text())
    wire.send(packet(SUBMIT | ANSWER, wire.heard(SUBMIT)[2], status=0x04))
    until(lambda: wire.binds == 2, 10)
    assert isinstance(desk.told[0][1], NotSent)


def test_texts_that_wait_for_room_outlive_a_lost_connection(
    wire: Wire, open_desk: Callable[..., Desk], text: Callable[..., Outgoing]
) -> None:
    desk = open_desk(wire.port, window=1, response_timeout=1)
    desk.hand_over(text("first"), text("second"))
    wire.heard(SUBMIT)
    wire.got.clear()
    present(wire.connection).shutdown(2)
    assert b"second" in wire.heard(SUBMIT)[3]
    assert [type(result) for _, result in desk.told] == [OutcomeUnknown]


def test_nothing_is_acknowledged_that_is_not_stored(wire: Wire, desk: Desk) -> None:
    desk.journal.failures = 1
    receipt = b"id:7f sub:001 dlvrd:001 submit date:2611251200 done date:2611251200 stat:DELIVRD err:000 text:code"
    wire.send(deliver(31, receipt))
    assert wire.heard(DELIVER | ANSWER)[1:3] == (0x64, 31)  # ESME_RX_T_APPN: it comes again
    assert not desk.journal.receipts
    wire.got.clear()
    wire.send(deliver(32, receipt))
    assert wire.heard(DELIVER | ANSWER)[1:3] == (0, 32)
    assert [found.references[0] for found in desk.journal.receipts] == ["7f"]


def test_receipts_that_wait_are_stored_together(wire: Wire, desk: Desk) -> None:
    desk.journal.store_seconds = 0.2
    wire.send(b"".join(deliver(number, b"id:%d stat:DELIVRD" % number) for number in range(1, 301)))
    until(lambda: sum(item[0] == DELIVER | ANSWER for item in list(wire.got)) == 300, 10)
    assert len(desk.journal.receipts) == 300 and len(desk.journal.batches) <= 4


def test_a_text_from_a_phone_is_acknowledged_and_stands_in_no_log(
    wire: Wire, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wire.send(deliver(5, b"stat:DELIVRD my secret", esm_class=0))
    assert wire.heard(DELIVER | ANSWER)[1] == 0
    assert [text.text for text in desk.journal.texts] == ["stat:DELIVRD my secret"]
    assert "secret" not in caplog.text and not desk.journal.receipts


def test_an_unbind_of_theirs_is_answered(wire: Wire, desk: Desk) -> None:
    wire.send(packet(UNBIND, 8))
    assert wire.heard(UNBIND | ANSWER)[2] == 8
    until(lambda: wire.binds == 2, 10)


def test_no_text_stands_in_what_python_prints(text: Callable[..., Outgoing]) -> None:
    segment = segmentation.segments("482913", "id")[0]
    delivery = pdu.delivery(Pdu(DELIVER, 0, 1, deliver(1, b"482913")[16:]))
    assert "482913" not in f"{segment!r} {delivery!r} {Pdu(DELIVER, 0, 1, b'482913')!r} {text('482913')!r}"
