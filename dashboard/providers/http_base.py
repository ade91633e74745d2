"""What carriers behind HTTP have in common: a guarded client, a pause that all threads keep, several texts at once."""

from __future__ import annotations

from dashboard.outbound.client import HttpAnswer, HttpClient, Pause
from dashboard.providers.base import Outgoing
from dashboard.providers.parallel import LONGEST_WORDS, ParallelCarrier, without
from dashboard.providers.settings import WebSettings


class WebCarrier(ParallelCarrier):
    """One request a text; `parallel` of them at once."""

    def __init__(self, settings: WebSettings, timeout: float, parallel: int) -> None:
        super().__init__(parallel)
        self.web = HttpClient(settings.guard, timeout)
        self.pause = Pause()
        self._secrets = settings.secret_values()

    def words_of(self, answer: HttpAnswer, outgoing: Outgoing, *more: str) -> str:
        """The carrier's answer for people to read: status and first characters, without secrets, text and code.

        `more` is hidden, too.
        """
        hidden = (*self._secrets, outgoing.text, outgoing.code or "", *more)
        return f"{answer.status} {without(answer.text, hidden)[:LONGEST_WORDS]}".strip()

    def close(self) -> None:
        """Wait for the calls under way, then close the connections that are kept alive."""
        super().close()
        self.web.close()
