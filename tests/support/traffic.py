"""Messages that flow while parts die, and what their callers were told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until


@dataclass
class Traffic:
    """What callers sent, one phone for each text, and what they were told."""

    client: Client
    accepted: dict[str, str] = field(default_factory=dict)  # phone → message id
    refused: list[httpx.Response] = field(default_factory=list)
    broken: int = 0  # connections that died under a call: the caller knows nothing
    turned_away: int = 0  # connections that were refused: the caller knows that nothing was done
    slowest: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def flow(self) -> None:
        while not self.over.is_set():
            self.send_one()
            self.over.wait(0.04)  # 80 texts a second in all: kills are what takes long here, not the texts

    def send_one(self) -> None:
        phone, start = new_phone(), time.monotonic()
        try:
            answer = self.client.send(phone, "Bonjour")
        except httpx.ConnectError:
            self.turned_away += 1
            self.over.wait(0.1)
            return
        except httpx.TransportError:
            self.broken += 1
            self.over.wait(0.1)
            return
        self.slowest = max(self.slowest, time.monotonic() - start)
        if answer.status_code == 200:
            self.accepted[phone] = answer.json()["messageId"]
        else:
            self.refused.append(answer)

    def more(self, count: int = 20) -> None:
        """Wait until so many more are accepted, however slow the machine."""
        wanted = len(self.accepted) + count
        until(lambda: len(self.accepted) >= wanted, 20, lambda: f"only {len(self.accepted)} of {wanted} were accepted")

    def copies(self) -> Counter[str]:
        """How often each accepted text is on its phone."""
        return self.client.stack.copies(self.accepted)

    def arrive(self, within: float) -> None:
        """Wait until nothing is missing."""
        until(lambda: not self.missing(), within, lambda: f"missing: {self.missing()}")

    def missing(self) -> list[str]:
        return [phone for phone, count in self.copies().items() if count == 0]

    def doubles(self) -> int:
        return sum(max(count - 1, 0) for count in self.copies().values())


@contextmanager
def traffic(stack: Stack, callers: int = 4) -> Iterator[Traffic]:
    """Messages flow for as long as the block runs; `ledger` has them for the last test."""
    flowing = Traffic(stack.client())
    threads = [threading.Thread(target=flowing.flow) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield flowing
    finally:
        flowing.over.set()
        for thread in threads:
            thread.join(30)
