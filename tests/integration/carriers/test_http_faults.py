"""Every HTTP carrier against one that fails in every way. What it took is the judge, not what we believe."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Alone, Outcome, Outgoing
from dashboard.providers.registry import KINDS
from tests.support.fake_carrier import Carrier, Wire
from tests.support.stack import until

TEXTS = 150
SETTINGS = {
    "whatsapp": {"phone_number_id": "106540352242922", "access_token": "EAAG", "template_fr": "code"},
    "smsgate": {"mode": "local", "username": "u", "password": "p"},
    "http": {"body": '{"id": "{id}", "text": "{text}"}', "taken_when": "200-299 json id != -"},
}
ADDRESS = {"whatsapp": "base_url", "smsgate": "address", "http": "url"}
IDS = {"whatsapp": "biz_opaque_callback_data", "smsgate": "id", "http": "id"}
REFUSED = 5  # every text whose number divides by it is answered 400


class Faulty:
    """Takes, refuses, and fails by a die; `taken` and `asked` count by id."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.dice = random.Random(kind)
        self.taken: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.lost_answers = 0

    def __call__(self, wire: Wire) -> None:
        assert wire.request
        if wire.request.method == "GET":
            return wire.answer(404)
        number = json.loads(wire.request.body)[IDS[self.kind]]
        self.asked[number] += 1
        if int(number) % REFUSED == 0:
            return wire.answer(400, b'{"error": {"code": 131047}}')
        if self.kind == "smsgate" and self.taken[number]:
            return wire.answer(409)
        return self.dice.choice([self.take, self.take, self.take, *self.faults()])(wire, number)

    def faults(self) -> list[Callable[[Wire, str], None]]:
        return [
            lambda wire, _: wire.answer(500),
            lambda wire, _: wire.answer(503, b"<html>down</html>"),
            lambda wire, _: wire.answer(429, b"{}", Retry_After="0"),
            lambda wire, _: wire.reset(),
            self.talk_nonsense,
            self.lose,
        ]

    def talk_nonsense(self, wire: Wire, _number: str) -> None:
        wire.raw(b"\x00garbage\r\n\r\n")
        wire.reset()

    def take(self, wire: Wire, number: str) -> None:
        self.taken[number] += 1
        wire.answer(202, json.dumps({"id": number, "messages": [{"id": f"wamid.{number}"}]}).encode())

    def lose(self, wire: Wire, number: str) -> None:
        self.taken[number] += 1
        self.lost_answers += 1
        wire.reset()


def as_many(some: list[Any], others: list[Any]) -> bool:
    return len(some) == len(others)


@pytest.mark.parametrize("kind", SETTINGS)
def test_nothing_is_lost_and_doubles_come_from_lost_answers_alone(
    kind: Any, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    faulty = Faulty(kind)
    carrier.plays(faulty)
    settings = SETTINGS[kind] | {ADDRESS[kind]: carrier.url + ("/send" if kind == "http" else "")}
    read = KINDS[kind].settings.read(settings | {"allow_http": "on", "allow_private": "on"})
    provider = KINDS[kind].make("c", read, Alone())
    waiting = [outgoing(id=str(number), channel=KINDS[kind].channels[0]) for number in range(TEXTS)]
    ended: Counter[type] = Counter()
    end = time.monotonic() + 60
    while waiting and time.monotonic() < end:
        told: list[Any] = []
        provider.hand_over(waiting, lambda *outcome, told=told: told.append(outcome))
        until(partial(as_many, told, waiting), 60)
        waiting = [item for item, result in told if isinstance(result, NotSent | OutcomeUnknown)]
        ended.update(type(result) for _, result in told if not isinstance(result, NotSent | OutcomeUnknown))
    provider.close()

    refused = {str(number) for number in range(0, TEXTS, REFUSED)}
    assert ended == {Outcome: TEXTS - len(refused), Refused: len(refused)}
    assert all(faulty.asked[number] == 1 for number in refused), "a 400 is one attempt"
    assert set(+faulty.taken) == {str(number) for number in range(TEXTS)} - refused, "lost"
    doubled = sum(count - 1 for count in (+faulty.taken).values())
    assert doubled <= (0 if kind == "smsgate" else faulty.lost_answers)
    assert faulty.lost_answers > 5
