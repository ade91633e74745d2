"""How a carrier binds: hosts of one account, what is told at the bind, and why no bind comes about."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from dashboard.providers.base import Outgoing
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, BIND, NACK, SUBMIT, Wire, packet
from tests.support.stack import until

OpenDesk = Callable[..., Desk]
MakeText = Callable[..., Outgoing]
NEVER_ANSWERED = 1  # seconds: a carrier that is closed waits so long for answers, which `Wire` does not give


class BindOnly:
    """Answers each bind as `answer` says (a packet by command and sequence number), or never; takes nothing else."""

    def __init__(self, answer: Callable[[int, int], bytes] | None) -> None:
        self.answer = answer
        self.binds: list[int] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.close()
        self.thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            with suppress(OSError):
                head = connection.recv(4096)
                command, sequence = int.from_bytes(head[4:8], "big"), int.from_bytes(head[12:16], "big")
                self.binds.append(command)
                if self.answer is not None:
                    connection.sendall(self.answer(command, sequence))


@pytest.fixture
def bind_only() -> Iterator[Callable[..., BindOnly]]:
    opened: list[BindOnly] = []

    def start(answer: Callable[[int, int], bytes] | None) -> BindOnly:
        opened.append(BindOnly(answer))
        return opened[-1]

    yield start
    for smsc in opened:
        smsc.close()


def state_is(desk: Desk, code: str) -> Callable[[], bool]:
    return lambda: desk.provider.state().code == code


@pytest.mark.parametrize(
    "answer",
    [
        lambda command, sequence: packet(command | ANSWER, sequence, status=0x04),
        lambda _command, sequence: packet(NACK, sequence, status=0x03),
    ],
    ids=["wrong bind state", "generic_nack"],
)
def test_an_smsc_without_transceivers_is_named_as_such(
    bind_only: Callable[..., BindOnly], open_desk: OpenDesk, answer: Any
) -> None:
    smsc = bind_only(answer)
    desk = open_desk(smsc.port)
    desk.provider.state()
    until(state_is(desk, "smpp_transceiver_refused"), 10)


def test_an_smsc_that_does_not_answer_the_bind_is_told_from_one_that_cannot_be_reached(
    bind_only: Callable[..., BindOnly], open_desk: OpenDesk
) -> None:
    smsc = bind_only(None)
    desk = open_desk(smsc.port, bind_timeout=1)
    desk.provider.state()
    until(state_is(desk, "smpp_not_bound"), 10)
    assert smsc.binds


def test_why_a_bind_failed_is_still_told_when_others_hold_the_slot(open_desk: OpenDesk) -> None:
    desk = open_desk(1)
    desk.provider.state()
    until(state_is(desk, "smpp_unreachable"), 10)
    desk.journal.has_slot = False
    until(lambda: desk.journal.slots_asked > 3, 20)
    assert (desk.provider.state().name, desk.provider.state().code) == ("broken", "smpp_unreachable")


def test_the_next_host_of_the_account_is_tried_when_one_fails(wire: Wire, open_desk: OpenDesk, text: MakeText) -> None:
    desk = open_desk(1, other_hosts=f"127.0.0.1:{wire.port}", response_timeout=NEVER_ANSWERED)
    until(lambda: desk.provider.state().is_ready, 10)
    desk.hand_over(text())
    assert wire.heard(SUBMIT)


def test_what_the_operator_wants_is_told_at_the_bind_and_in_each_text(
    wire: Wire, open_desk: OpenDesk, text: MakeText
) -> None:
    desk = open_desk(
        wire.port,
        interface_version="5.0",
        bind_ton=3,
        bind_npi=9,
        address_range="^222",
        number_form="local",
        destination_ton=2,
        destination_npi=8,
        source_ton=6,
        source_npi=4,
        response_timeout=NEVER_ANSWERED,
    )
    outgoing = text()
    desk.hand_over(outgoing)
    assert wire.heard(BIND)[3].endswith(b"\0\x50\3\x09^222\0")
    body = wire.heard(SUBMIT)[3]
    assert body.startswith(b"\0\x06\x04Chinqit\0\x02\x08" + outgoing.phone.removeprefix("+222").encode() + b"\0")


def test_the_reference_of_a_long_text_may_have_sixteen_bits(wire: Wire, open_desk: OpenDesk, text: MakeText) -> None:
    desk = open_desk(wire.port, reference_bits="16", window=10, response_timeout=NEVER_ANSWERED)
    desk.hand_over(text("a" * 305))  # 152 + 152 + 1
    until(lambda: sum(item[0] == SUBMIT for item in list(wire.got)) == 3, 10)
    heads = [item[3].split(b"\x06\x08\x04", 1)[1][:4] for item in wire.got if item[0] == SUBMIT]
    assert {head[:2] for head in heads} == {heads[0][:2]}
    assert [tuple(head[2:]) for head in heads] == [(3, 1), (3, 2), (3, 3)]


def test_a_silent_session_is_left_alone_where_enquire_link_is_off(wire: Wire, open_desk: OpenDesk) -> None:
    desk = open_desk(wire.port, enquire_interval=0, response_timeout=1)
    until(lambda: desk.provider.state().is_ready, 10)
    threading.Event().wait(2.5)
    assert {item[0] for item in wire.got} == {BIND}
    assert desk.provider.state().is_ready
