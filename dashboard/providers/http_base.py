"""What carriers behind HTTP have in common: a guarded client, a pause that all threads keep, several texts at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dashboard.outbound.client import Guard, HttpClient, Pause
from dashboard.providers.base import OnOutcome, Outgoing, Provider


class WebCarrier(Provider):
    """One request a text; `parallel` of them at once."""

    def __init__(self, guard: Guard, timeout: float, parallel: int) -> None:
        self.web = HttpClient(guard, timeout)
        self.pause = Pause()
        self.capacity = parallel
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix="carrier")

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        """Send texts side by side; returns at once."""
        for outgoing in outgoings:
            self._threads.submit(lambda item: on_outcome(item, self.result_of(item)), outgoing)

    def close(self) -> None:
        """Wait for the calls under way, then close the connections that are kept alive."""
        self._threads.shutdown(cancel_futures=True)
        self.web.close()
