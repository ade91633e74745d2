"""Carriers that are asked once a text, several texts side by side, and their answers without what is secret."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus

from dashboard.providers.base import OnOutcome, Outgoing, Provider

LONGEST_WORDS = 500  # characters of a carrier's answer that people see
SHORTEST_SECRET = 4  # characters; shorter ones would blank half of every answer
BLANK = "••••"


class ParallelCarrier(Provider):
    """Sends `parallel` texts at once, each from a thread of its own."""

    def __init__(self, parallel: int) -> None:
        self.capacity = parallel
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="carrier")

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        """Send texts side by side; returns at once."""
        for outgoing in outgoings:
            self._threads.submit(lambda item: on_outcome(item, self.result_of(item)), outgoing)

    def close(self) -> None:
        """Wait for the calls under way."""
        self._threads.shutdown(cancel_futures=True)


def without(words: str, hidden: Sequence[str]) -> str:
    """The words with everything hidden blanked, also where it is written for an address, a form or JSON."""
    for secret in hidden:
        if len(secret) >= SHORTEST_SECRET:
            in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
            for form in {secret, quote(secret, safe=""), quote_plus(secret)} | in_json:
                words = words.replace(form, BLANK)
    return words
