"""Messages that flow while parts die, and what their callers were told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.api_client import ApiClient
from tests.support.phones import new_phone
from tests.support.stack import Stack, until

Ledger = Callable[[Iterable[str]], Counter[str]]  # how many texts each of these phones received


@dataclass
class Traffic:
    """What callers sent, one phone for each text, and what they were told; the ledger is the judge of what arrived."""

    client: ApiClient
    ledger: Ledger
    accepted: dict[str, str] = field(default_factory=dict)  # phone → message id
    refused: list[httpx.Response] = field(default_factory=list)
    broken: int = 0  # connections that died under a call: the caller knows nothing
    turned_away: int = 0  # connections that were refused: the caller knows that nothing was done
    took: list[float] = field(default_factory=list)  # seconds of each call that was answered
    last_failed: float = 0.0  # when a call failed last, by time.monotonic
    over: threading.Event = field(default_factory=threading.Event)

    pause: float = 0.04  # of each caller, after a call

    @property
    def slowest(self) -> float:
        return max(self.took, default=0.0)

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the calls was answered."""
        took = sorted(self.took)
        return took[min(int(share * len(took)), len(took) - 1)] if took else 0.0

    def flow(self) -> None:
        while not self.over.is_set():
            self.send_one()
            self.over.wait(self.pause)

    def send_one(self) -> None:
        phone, start = new_phone(), time.monotonic()
        try:
            answer = self.client.send(phone, "Bonjour")
        except httpx.ConnectError:
            self.turned_away += 1
            self.last_failed = time.monotonic()
            self.over.wait(0.1)
            return
        except httpx.TransportError:
            self.broken += 1
            self.last_failed = time.monotonic()
            self.over.wait(0.1)
            return
        self.took.append(time.monotonic() - start)
        if answer.status_code == 200:
            self.accepted[phone] = answer.json()["messageId"]
        else:
            self.refused.append(answer)
            self.last_failed = time.monotonic()

    def more(self, count: int = 20) -> None:
        """Wait until so many more are accepted, however slow the machine."""
        wanted = len(self.accepted) + count
        until(lambda: len(self.accepted) >= wanted, 20, lambda: f"only {len(self.accepted)} of {wanted} were accepted")

    def copies(self) -> Counter[str]:
        """How often each accepted text is on its phone."""
        return self.ledger(self.accepted)

    def arrive(self, within: float) -> None:
        """Wait until nothing is missing."""
        until(lambda: not self.missing(), within, lambda: f"missing: {self.missing()}")

    def missing(self) -> list[str]:
        return [phone for phone, count in self.copies().items() if count == 0]

    def doubles(self) -> int:
        return sum(max(count - 1, 0) for count in self.copies().values())


@contextmanager
def traffic(stack: Stack, callers: int = 4, pause: float = 0.04) -> Iterator[Traffic]:
    """Messages flow for as long as the block runs: at most 100 a second, as kills take long here, not the texts."""
    with flowing(Traffic(stack.client(), stack.copies, pause=pause), callers) as flowed:
        yield flowed


@contextmanager
def flowing(flow: Traffic, callers: int = 4) -> Iterator[Traffic]:
    """The same with a caller of one's own."""
    threads = [threading.Thread(target=flow.flow) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield flow
    finally:
        flow.over.set()
        for thread in threads:
            thread.join(30)
