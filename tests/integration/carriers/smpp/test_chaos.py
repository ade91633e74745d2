"""One SMSC with every fault at once, by a die. Each text must be told exactly once, and truly."""

from __future__ import annotations

import asyncio
import random
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing
from tests.support.smpp.host import Desk
from tests.support.smpp.wire import ANSWER, BIND, ENQUIRE, SUBMIT, UNBIND, packet
from tests.support.stack import until

TEXTS = 120
AGAIN = (0x58, *[0x14, 0x08, 0x45, 0x400] * 3)
NEVER = (0x0B, 0x01)


class Die:
    """An SMSC that plays dice over every submit. `taken` counts segments (concatenation header and all) by phone."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.taken: dict[str, Counter[bytes]] = defaultdict(Counter)
        self.refused: set[str] = set()
        self.binds = self.last = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(self.loop.create_server(lambda: Line(self), "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.server.close()
        self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.close()


class Line(asyncio.Protocol):
    def __init__(self, die: Die) -> None:
        self.die, self.data = die, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data
        while len(self.data) >= 16:
            length, command, _, sequence = struct.unpack_from(">IIII", self.data)
            if len(self.data) < length:
                return
            body, self.data = self.data[16:length], self.data[length:]
            if command == SUBMIT:
                self.play(sequence, body)
            elif command in (BIND, ENQUIRE, UNBIND):
                self.die.binds += command == BIND
                self.say(packet(command | ANSWER, sequence, b"\0" if command == BIND else b""))

    def say(self, data: bytes, after: float = 0.0) -> None:
        self.die.loop.call_later(after, self._write, data)

    def _write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def play(self, sequence: int, body: bytes) -> None:
        phone = body.split(b"\0")[3].removeprefix(b"\1\1").decode() if body[1] == 5 else ""
        die, dice = self.die, self.die.dice
        roll = dice.random()
        if roll < 0.06:
            return self.say(packet(SUBMIT | ANSWER, sequence, status=dice.choice(AGAIN)))
        if roll < 0.07:
            die.refused.add(phone)
            return self.say(packet(SUBMIT | ANSWER, sequence, status=dice.choice(NEVER)))
        if roll < 0.075:
            return self.transport.abort()
        if roll < 0.08:
            return self.say(packet(UNBIND, 99))
        if roll < 0.085:
            self.say(dice.choice([dice.randbytes(dice.randint(1, 40)), struct.pack(">I", 3)]))
        die.taken[phone][body] += 1
        die.last += 1
        answer = packet(SUBMIT | ANSWER, sequence, b"%x\0" % die.last)
        if roll > 0.99:
            return None  # taken, and never answered
        if roll > 0.98:
            return self.transport.abort()
        if roll > 0.97:
            return self.say(answer, after=1.5)  # too late
        self.say(answer, after=dice.random() * 0.01)
        if roll > 0.9:
            self.say(answer * 2)
        return None


@pytest.mark.parametrize("seed", [1])
def test_every_text_is_told_exactly_once_and_truly(
    open_desk: Callable[..., Desk], text: Callable[..., Outgoing], seed: int
) -> None:
    die = Die(seed)
    try:
        desk = open_desk(die.port, response_timeout=1, enquire_interval=2, validity=False)
        desk.provider.state()
        dice = random.Random(seed)
        outgoings = [text("x" * dice.choice([20, 20, 20, 300, 1000])) for _ in range(TEXTS)]
        due = list(outgoings)
        told: Counter[Any] = Counter()
        end = time.monotonic() + 60
        while due and time.monotonic() < end:
            until(lambda: desk.provider.state().is_ready, 15)
            now, due = due[: desk.provider.capacity], due[desk.provider.capacity :]
            desk.told.clear()
            desk.hand_over(*now)
            until(partial(desk.has_told, len(now)), 30)
            time.sleep(0.05)
            assert Counter(outgoing.id for outgoing, _ in desk.told) == Counter(outgoing.id for outgoing in now)
            for outgoing, result in desk.told:
                told[type(result)] += 1
                phone = outgoing.phone.removeprefix("+")
                if isinstance(result, Outcome):
                    assert len(die.taken[phone]) == max(1, len(result.parts)), "told as taken, and is not whole"
                elif isinstance(result, Refused):
                    assert phone in die.refused
                else:
                    assert isinstance(result, NotSent | OutcomeUnknown)
                    due.append(outgoing)
        assert not due
        assert told[OutcomeUnknown] and told[NotSent] and told[Refused] and die.binds > 3
    finally:
        desk.provider.close()
        die.stop()
