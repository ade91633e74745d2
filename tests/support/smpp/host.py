"""The gateway's part around a carrier: keeps receipts, tells slots, and sends again what was not taken."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Host, Incoming, Outcome, Outgoing, Provider, Receipt, Result, Tokens
from tests.support.stack import until


class Journal(Host):
    """What a carrier asks of the gateway, in memory."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.texts: list[Incoming] = []
        self.batches: list[int] = []
        self.failures = 0  # so many stores fail
        self.store_seconds = self.slot_seconds = 0.0
        self.has_slot = True
        self.slots_asked = self.slots_freed = self.slowed = 0
        self.permit: Callable[[float, int], Tokens] = lambda rate, wanted: Tokens(wanted)

    def store(self, receipts: Sequence[Receipt]) -> None:
        time.sleep(self.store_seconds)
        if self.failures:
            self.failures -= 1
            raise OSError("database is locked")
        self.batches.append(len(receipts))
        self.receipts += receipts

    def store_incoming(self, texts: Sequence[Incoming]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("database is locked")
        self.texts += texts

    def acquire_bind(self, _most: int) -> bool:
        self.slots_asked += 1
        time.sleep(self.slot_seconds)
        return self.has_slot

    def release_bind(self) -> None:
        self.slots_freed += 1

    def acquire_tokens(self, rate: float, wanted: int) -> Tokens:
        return self.permit(rate, wanted)

    def slow_down(self) -> None:
        self.slowed += 1


class Desk:
    """Hands texts to a carrier and notes what it tells."""

    def __init__(self, provider: Provider, journal: Journal) -> None:
        self.provider, self.journal = provider, journal
        self.told: list[tuple[Outgoing, Result]] = []

    def hand_over(self, *outgoings: Outgoing) -> None:
        self.provider.hand_over(outgoings, lambda outgoing, result: self.told.append((outgoing, result)))

    def has_told(self, count: int) -> bool:
        return len(self.told) >= count

    def results(self, *outgoings: Outgoing, seconds: float = 15) -> list[Result]:
        """What became of texts, in their order."""
        self.hand_over(*outgoings)
        until(lambda: len(self.told) >= len(outgoings), seconds)
        assert len(self.told) == len(outgoings)
        found = {id(outgoing): result for outgoing, result in self.told}
        self.told.clear()
        return [found[id(outgoing)] for outgoing in outgoings]

    def outcomes(self, *outgoings: Outgoing) -> list[Outcome]:
        """What became of texts that are all taken."""
        results = self.results(*outgoings)
        taken = [result for result in results if isinstance(result, Outcome)]
        assert len(taken) == len(results), results
        return taken

    def refusal(self, outgoing: Outgoing) -> SendError:
        """What became of a text that is not taken."""
        (result,) = self.results(outgoing)
        assert isinstance(result, SendError)
        return result

    def deliver(self, outgoings: Sequence[Outgoing], seconds: float = 60, patience: float = 1.0) -> Counter[str]:
        """As the gateway does it, until every text is taken or refused; how often each outcome was told.

        Each text has a phone of its own, so that a receipt within `patience` says what became of an unknown one.
        """
        ended: Counter[str] = Counter()
        due = [(0.0, outgoing) for outgoing in outgoings]
        open_ = len(due)
        end = time.monotonic() + seconds
        while open_ and time.monotonic() < end:
            now, held = time.monotonic(), self._held(open_, len(due))
            ready = [outgoing for at, outgoing in due if at <= now][: max(0, self.provider.capacity - held)]
            picked = set(map(id, ready))
            due = [(at, outgoing) for at, outgoing in due if id(outgoing) not in picked]
            self.hand_over(*ready)
            time.sleep(0.01)
            told, self.told = self.told, self.told[len(self.told) :]
            for outgoing, result in told:
                ended[type(result).__name__] += 1
                if isinstance(result, Outcome | Refused):
                    open_ -= 1
                elif isinstance(result, NotSent):
                    due.append((time.monotonic() + (result.retry_after or 0.1), outgoing))
                else:
                    assert isinstance(result, OutcomeUnknown)
                    due.append((time.monotonic() + patience, outgoing))
            arrived = {receipt.phone for receipt in self.journal.receipts}
            known = [item for item in due if item[0] and item[1].phone in arrived]
            due = [item for item in due if item not in known]
            open_ -= len(known)
        assert open_ == 0, f"{open_} texts are not settled: {dict(ended)}, {self.provider.state()}"
        return ended

    def _held(self, open_: int, waiting: int) -> int:
        return open_ - waiting
