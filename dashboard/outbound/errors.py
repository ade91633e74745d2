"""What may become of a call to the outside that did not succeed, told so that the caller knows what to do next."""

from __future__ import annotations


class SendError(Exception):
    """`code` is snake_case, shown in the log and to API clients."""

    def __init__(
        self, code: str, retry_after: float | None = None, *, configuration: bool = False, repeatable: bool = False
    ) -> None:
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after  # seconds; the carrier's own word on when to come back
        self.configuration = configuration  # the fault is in how the carrier is set up: another one may take the text
        self.repeatable = repeatable  # the carrier knows our id, so that a repeat never reaches the phone twice


class Refused(SendError):
    """The carrier will never take this text."""


class NotSent(SendError):
    """Surely not taken: send it again later."""


class OutcomeUnknown(SendError):
    """Perhaps taken: wait for a receipt before sending it again."""
