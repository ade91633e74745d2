"""A transmitter and a receiver, bound as a pair to an SMSC that nobody here wrote."""

from __future__ import annotations

from collections.abc import Callable

from dashboard.providers.base import Outcome, Outgoing
from tests.support.fixtures.smpp import both_smscs
from tests.support.smpp.host import Desk
from tests.support.smpp.smsc import Smsc
from tests.support.stack import until

OpenDesk = Callable[..., Desk]
MakeText = Callable[..., Outgoing]


@both_smscs
def test_a_pair_sends_by_one_session_and_hears_receipts_by_the_other(
    start_smsc: Callable[..., Smsc], open_desk: OpenDesk, text: MakeText
) -> None:
    smsc = start_smsc(receipt_delay="20")
    desk = open_desk(smsc.port, bind_as="transmitter_receiver")
    assert isinstance(desk.results(text())[0], Outcome)
    until(lambda: len(desk.journal.receipts) == 1, 10)
    assert sorted(event["mode"] for event in smsc.events("bind")) == ["receiver", "transmitter"]
    desk.provider.close()
    assert len(smsc.events("unbind")) == 2


@both_smscs
def test_a_pair_ends_together_and_comes_back_together(start_smsc: Callable[..., Smsc], open_desk: OpenDesk) -> None:
    smsc = start_smsc()
    desk = open_desk(smsc.port, bind_as="transmitter_receiver")
    until(lambda: desk.provider.state().is_ready, 10)
    smsc.ask("drop")
    until(lambda: len(smsc.events("bind")) == 4 and desk.provider.state().is_ready, 15)
