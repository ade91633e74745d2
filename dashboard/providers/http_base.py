"""What carriers behind HTTP have in common: a guarded client, a pause that all threads keep, several texts at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, quote_plus

from dashboard.outbound.client import HttpAnswer, HttpClient, Pause
from dashboard.providers.base import OnOutcome, Outgoing, Provider
from dashboard.providers.settings import WebSettings

LONGEST_WORDS = 500  # characters of a carrier's answer that people see
SHORTEST_SECRET = 4  # characters; shorter ones would blank half of every answer
BLANK = "••••"


class WebCarrier(Provider):
    """One request a text; `parallel` of them at once."""

    def __init__(self, settings: WebSettings, timeout: float, parallel: int) -> None:
        self.web = HttpClient(settings.guard, timeout)
        self.pause = Pause()
        self.capacity = parallel
        self._secrets = settings.secret_values()
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="carrier")

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        """Send texts side by side; returns at once."""
        for outgoing in outgoings:
            self._threads.submit(lambda item: on_outcome(item, self.result_of(item)), outgoing)

    def words_of(self, answer: HttpAnswer, outgoing: Outgoing, *more: str) -> str:
        """The carrier's answer for people to read: status and first characters, without secrets, text and code.

        `more` is hidden, too.
        """
        hidden = (*self._secrets, outgoing.text, outgoing.code or "", *more)
        return f"{answer.status} {without(answer.text, hidden)[:LONGEST_WORDS]}".strip()

    def close(self) -> None:
        """Wait for the calls under way, then close the connections that are kept alive."""
        self._threads.shutdown(cancel_futures=True)
        self.web.close()


def without(words: str, hidden: Sequence[str]) -> str:
    """The words with everything hidden blanked, also where it is written for an address, a form or JSON."""
    for secret in hidden:
        if len(secret) >= SHORTEST_SECRET:
            in_json = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
            for form in {secret, quote(secret, safe=""), quote_plus(secret)} | in_json:
                words = words.replace(form, BLANK)
    return words
