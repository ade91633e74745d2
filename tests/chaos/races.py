"""Guesses of one code at once, while web processes die: at most three are judged, and one wins at most."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx

from tests.chaos.drill import POSTGRESQL, SQLITE, Drill, Outcome, Skipped, at_least, gateway, together
from tests.support.phones import new_phone
from tests.support.postgres import Postgres, PostgresMissing
from tests.support.stack import Client, Stack

ROUNDS, CALLERS = 100, 100
KILL_EACH = 5  # rounds


def guesses_at_once(length: float) -> Outcome:
    rounds = at_least(length, ROUNDS, 6)
    with gateway() as stack:
        on_sqlite = _race(stack, rounds)
    with postgres() as server, gateway(server.create()) as stack:
        return together({SQLITE: on_sqlite, POSTGRESQL: _race(stack, rounds)})


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server of its own, which keeps what it acknowledged."""
    try:
        server = Postgres(durable=True)
    except PostgresMissing:
        raise Skipped("there is no PostgreSQL server") from None
    try:
        yield server
    finally:
        server.stop()


def _race(stack: Stack, rounds: int) -> Outcome:
    client, most_judged, most_won, kills = stack.client(), 0, 0, 0
    with stack.for_a_crowd(), ThreadPoolExecutor(CALLERS) as pool:
        for number in range(rounds):
            phone = new_phone()
            code = client.code(phone)
            guesses = [f"{(int(code) + guess // 2) % 1_000_000:06d}" for guess in range(CALLERS)]  # two are right
            random.shuffle(guesses)
            calls = [pool.submit(_guess, client, phone, guess) for guess in guesses]
            if number % KILL_EACH == 0:
                with suppress(ProcessLookupError, IndexError):
                    os.kill(stack.web_workers()[0], signal.SIGKILL)
                    kills += 1
            answers = [answer for answer in (call.result() for call in calls) if answer is not None]
            won = sum(answer.status_code == 200 for answer in answers)
            judged = won + sum(answer.json()["message"] == "Invalid OTP" for answer in answers)
            most_judged, most_won = max(most_judged, judged), max(most_won, won)
    figure = f"{rounds} rounds of {CALLERS}, {kills} kills: at most {most_judged} judged, at most {most_won} won"
    return Outcome(figure, most_judged <= 3 and most_won <= 1 and kills > 0)


def _guess(client: Client, phone: str, code: str) -> httpx.Response | None:
    """What was answered; None when the connection broke, as the process was killed."""
    with suppress(httpx.TransportError):
        return client.verify(phone, code)
    return None


DRILLS = (
    Drill(
        "F10",
        f"{ROUNDS} rounds of {CALLERS} guesses, web killed",
        "never 4 judged, never 2 successes",
        guesses_at_once,
        40,
        300,
    ),
)
