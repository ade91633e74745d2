"""What may become of a call to the outside that did not succeed, told so that the caller knows what to do next."""

from __future__ import annotations

from dashboard.outbound.words import storable
from dashboard.vocabulary import Blame


class SendError(Exception):
    """`code` is snake_case, shown in the log and to API clients."""

    def __init__(
        self,
        code: str,
        retry_after: float | None = None,
        *,
        blame: Blame = Blame.CARRIER,
        tries: int | None = None,
        configuration: bool = False,
        repeatable: bool = False,
        answer: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after  # seconds; the carrier's own word on when to come back
        self.blame = blame
        self.tries = tries  # at most so many with this carrier; None: as many as the text's validity allows
        self.configuration = configuration  # the fault is in how the carrier is set up: another one may take the text
        self.repeatable = repeatable  # the carrier knows our id, so that a repeat never reaches the phone twice
        # The carrier's own words for people to read, without secrets; never for a log.
        self.answer = answer and storable(answer)


class Refused(SendError):
    """Never to be sent again through this carrier."""


class NotSent(SendError):
    """Surely not taken: send it again later."""


class OutcomeUnknown(SendError):
    """Perhaps taken: wait for a receipt before sending it again."""
