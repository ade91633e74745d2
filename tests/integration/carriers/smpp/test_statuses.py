"""Whose fault a status is, and how often a text is tried; the SMSC's ledger counts the tries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dashboard.outbound.errors import NotSent, Refused, SendError
from dashboard.providers.base import Outgoing
from dashboard.vocabulary import Blame
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, NACK, SUBMIT, Wire, packet
from tests.support.stack import until

OpenDesk = Callable[..., Desk]
MakeText = Callable[..., Outgoing]
TEXTS_OWN = (0x02, 0x03, 0x43, 0x61, 0x62, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4)


def answer(wire: Wire, desk: Desk, outgoing: Outgoing, status: int, nack: bool = False) -> NotSent | Refused:
    desk.hand_over(outgoing)
    command = NACK if nack else SUBMIT | ANSWER
    wire.send(packet(command, wire.heard(SUBMIT)[2], b"" if nack else b"\0", status=status))
    until(lambda: desk.told, 5)
    error = desk.told[0][1]
    assert isinstance(error, NotSent | Refused)
    return error


@pytest.mark.parametrize("status", TEXTS_OWN)
def test_what_depends_on_the_text_is_not_the_carriers_fault(
    wire: Wire, open_desk: OpenDesk, text: MakeText, status: int
) -> None:
    error = answer(wire, open_desk(wire.port), text(), status)
    assert (type(error), error.blame, error.tries, error.configuration) == (NotSent, Blame.TEXT, 1, False)
    assert error.answer == f"command_status 0x{status:08X}"


def test_a_generic_nack_of_one_text_is_not_the_carriers_fault(wire: Wire, open_desk: OpenDesk, text: MakeText) -> None:
    error = answer(wire, open_desk(wire.port), text(), 0x03, nack=True)
    assert (error.blame, error.tries, error.configuration) == (Blame.TEXT, 1, False)


@pytest.mark.parametrize("status", [0x45, 0x64, 0xFE, 0xFF, 0x0400])
def test_what_is_said_of_barred_numbers_is_tried_thrice_and_no_more(
    wire: Wire, open_desk: OpenDesk, text: MakeText, status: int
) -> None:
    error = answer(wire, open_desk(wire.port), text(), status)
    assert (type(error), error.blame, error.tries) == (NotSent, Blame.NUMBER, 3)


@pytest.mark.parametrize(("status", "seconds"), [(0x58, 1), (0x14, 2)])
def test_throttling_is_the_carriers_and_has_its_wait(
    wire: Wire, open_desk: OpenDesk, text: MakeText, status: int, seconds: float
) -> None:
    error = answer(wire, open_desk(wire.port), text(), status)
    assert (error.blame, error.retry_after, error.tries) == (Blame.CARRIER, seconds, None)


@pytest.mark.parametrize(
    ("step", "kind", "tries"), [("final", Refused, None), ("next", NotSent, 1), ("again", NotSent, None)]
)
def test_an_administrator_says_what_a_status_means(
    wire: Wire, open_desk: OpenDesk, text: MakeText, step: str, kind: type, tries: int | None
) -> None:
    desk = open_desk(wire.port, statuses=f"0x400 = {step}")
    error = answer(wire, desk, text(), 0x400)
    assert (type(error), error.tries, error.blame) == (kind, tries, Blame.TEXT)


def test_a_part_that_is_to_go_elsewhere_is_not_tried_again_here(
    wire: Wire, open_desk: OpenDesk, text: MakeText
) -> None:
    desk = open_desk(wire.port)
    desk.hand_over(text("a" * 300))
    until(lambda: sum(item[0] == SUBMIT for item in list(wire.got)) == 2, 10)
    first, second = (item[2] for item in wire.got if item[0] == SUBMIT)
    wire.send(packet(SUBMIT | ANSWER, first, b"a\0"))
    wire.send(packet(SUBMIT | ANSWER, second, status=0xC2))
    until(lambda: desk.told, 5)
    result = desk.told[0][1]
    assert isinstance(result, SendError)
    assert result.code == "smpp_invalid_parameter_length"
    assert sum(item[0] == SUBMIT for item in wire.got) == 2
