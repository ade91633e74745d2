"""Everything is killed while answers come: what was answered is in the database afterwards, whatever was not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from tests.chaos.drill import POSTGRESQL, SQLITE, Drill, Outcome, at_least, gateway, together
from tests.chaos.races import postgres
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until

ROUNDS, CALLERS, ANSWERS = 100, 8, 8  # so many answers of a round, then everything is killed


@dataclass
class Answered:
    """What callers were told, until their connections broke."""

    messages: list[str] = field(default_factory=list)  # the ids, of texts and of codes
    verified: list[str] = field(default_factory=list)  # the phones
    others: list[str] = field(default_factory=list)  # answers that should not have come


def killed_at_the_answer(length: float) -> Outcome:
    rounds = at_least(length, ROUNDS, 3)
    with gateway() as stack:
        on_sqlite = _rounds(stack, rounds, lambda: None)
    with postgres() as server, gateway(server.create()) as stack:
        return together({SQLITE: on_sqlite, POSTGRESQL: _rounds(stack, rounds, server.crash)})


def _rounds(stack: Stack, rounds: int, crash: Callable[[], None]) -> Outcome:
    client, told, lost = stack.client(), 0, 0
    others: list[str] = []
    for _ in range(rounds):
        codes = [(phone, client.code(phone)) for phone in (new_phone(), new_phone())]
        with _calls(client, codes) as answered:
            until(lambda: len(answered.messages) >= ANSWERS, 20)
            stack.kill(*stack.names)
            crash()
        stack.start()
        stack.wait_ready()
        with stack.sessions() as session:
            lost += _missing(session, answered)
        told += len(answered.messages) + len(answered.verified)
        others += answered.others
    figure = f"{rounds} kills, {told} answers, {lost} of them lost, {len(others)} answered with an error"
    return Outcome(figure, lost == 0 and not others and told > rounds)


@contextmanager
def _calls(client: Client, codes: list[tuple[str, str]]) -> Iterator[Answered]:
    """Callers who send texts and codes and verify these codes, until their connections break."""
    answered, over = Answered(), threading.Event()

    def send(number: int) -> None:
        while not over.is_set():
            answer = client.otp(new_phone()) if number % 2 else client.send(new_phone())
            if answer.status_code == 200:
                answered.messages.append(answer.json()["messageId"])
            else:
                answered.others.append(answer.text)

    def verify(phone: str, code: str) -> None:
        until(lambda: len(answered.messages) >= ANSWERS - 3 or over.is_set(), 20)  # shortly before the end
        answer = client.verify(phone, code)
        if answer.status_code == 200:
            answered.verified.append(phone)
        else:
            answered.others.append(answer.text)

    def until_it_breaks(act: Callable[[], None]) -> None:
        with suppress(httpx.TransportError):
            act()

    with ThreadPoolExecutor(CALLERS + len(codes)) as pool:
        for number in range(CALLERS):
            pool.submit(until_it_breaks, lambda number=number: send(number))  # type: ignore[misc]
        for phone, code in codes:
            pool.submit(until_it_breaks, lambda phone=phone, code=code: verify(phone, code))  # type: ignore[misc]
        try:
            yield answered
        finally:
            over.set()


def _missing(session: Session, answered: Answered) -> int:
    """How many of the answers have no row that bears them out."""
    messages = session.scalar(select(func.count()).where(Message.uuid.in_(answered.messages)))
    verified = session.scalar(
        select(func.count()).where(Otp.phone.in_(answered.verified), Otp.verified_at.is_not(None))
    )
    return len(answered.messages) + len(answered.verified) - (messages or 0) - (verified or 0)


DRILLS = (
    Drill(
        "answer",
        f"everything killed at the answer, {ROUNDS} times",
        "nothing answered is lost, on both databases",
        killed_at_the_answer,
        30,
        600,
    ),
)
