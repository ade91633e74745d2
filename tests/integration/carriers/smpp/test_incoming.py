"""Texts from phones through a session: acknowledged when they are kept, and not before."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.providers.smpp import command_status
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, DELIVER, Wire, deliver
from tests.support.stack import until

OpenDesk = Callable[..., Desk]


def test_a_text_is_acknowledged_when_it_is_kept(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port)
    until(lambda: desk.provider.state().is_ready, 10)
    wire.send(deliver(7, b"STOP", esm_class=0))
    assert wire.heard(DELIVER | ANSWER)[1:3] == (command_status.OK, 7)
    (text,) = desk.journal.texts
    assert (text.sender, text.recipient, text.text) == ("+22238089336", "Chinqit", "STOP")
    assert desk.journal.receipts == []


def test_a_text_that_cannot_be_kept_is_asked_for_again(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port)
    until(lambda: desk.provider.state().is_ready, 10)
    desk.journal.failures = 1
    wire.send(deliver(7, b"STOP", esm_class=0))
    assert wire.heard(DELIVER | ANSWER)[1:3] == (command_status.TRY_AGAIN, 7)
    wire.send(deliver(8, b"STOP", esm_class=0))
    until(lambda: desk.journal.texts, 5)
    assert len(desk.journal.texts) == 1


def test_texts_and_receipts_in_one_turn_are_both_kept(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port)
    until(lambda: desk.provider.state().is_ready, 10)
    wire.send(deliver(7, b"STOP", esm_class=0) + deliver(8, b"id:96157021 stat:DELIVRD"))
    until(lambda: desk.journal.texts and desk.journal.receipts, 5)
    assert [text.text for text in desk.journal.texts] == ["STOP"]
    assert [receipt.references[0] for receipt in desk.journal.receipts] == ["96157021"]
