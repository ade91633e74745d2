"""The sandbox: a carrier whose phones are a page of the dashboard. A number's ending chooses what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import TOO_LATE, OnOutcome, Outcome, Outgoing, Provider, Result
from dashboard.providers.codes import Code, CodeBook, _l
from dashboard.vocabulary import Blame, Channel

log = logging.getLogger(__name__)

# Six digits, so that a sequence or a handful of real numbers does not meet one by chance.
FAILED = "999901"
REFUSED = "999902"
LATE = "999903"
SILENT = "999904"
LIMITED = "999905"
NO_WHATSAPP = "999906"
SAMPLE = "22999900"  # a number like those below, on which messages arrive at once
ENDINGS = {
    FAILED: _l("the carrier takes the text, then a receipt says that it was not delivered"),
    REFUSED: _l("the carrier refuses the text"),
    LATE: _l("the carrier takes the text on the second try, five seconds later"),
    SILENT: _l("the carrier does not answer; the text arrives on the second try"),
    LIMITED: _l("with a test key, every code is refused at once with 429; other texts arrive"),
    NO_WHATSAPP: _l("by WhatsApp the carrier refuses the code; an SMS arrives"),
}


BOOK = CodeBook(
    {
        "sandbox_refused": Code(_l("The sandbox phone refused it, as its number asks for.")),
        "sandbox_busy": Code(_l("The sandbox phone was busy, as its number asks for.")),
        "sandbox_undelivered": Code(
            _l("The sandbox phone took it and then reported it undelivered, as its number asks for.")
        ),
        "sandbox_silent": Code(_l("The sandbox phone did not answer, as its number asks for.")),
    }
)


class Sandbox(Provider):
    """Puts texts on the sandbox phone, at once and for good; those that come together, in one step."""

    name = "sandbox"
    capacity = 100

    def __init__(self, receive: Callable[[Sequence[Outgoing]], None]) -> None:
        self.receive = receive

    def send(self, outgoing: Outgoing) -> Outcome:
        """Act as the number's ending says; with any other ending the phone has the text when this returns."""
        outcome = _outcome(outgoing)
        if outcome.delivered:
            self.receive([outgoing])
        return outcome

    def hand_over(self, outgoings: Sequence[Outgoing], on_outcome: OnOutcome) -> None:
        results = [_result(outgoing) for outgoing in outgoings]
        arriving = [o for o, result in zip(outgoings, results, strict=True) if _arrives(result)]
        try:
            if arriving:
                self.receive(arriving)
        except Exception as error:  # what it says may hold a text
            log.error("the sandbox phone failed: %s", type(error).__name__)
            results = [OutcomeUnknown("carrier_failed") if _arrives(result) else result for result in results]
        for outgoing, result in zip(outgoings, results, strict=True):
            on_outcome(outgoing, result)


def _arrives(result: Result) -> bool:
    return isinstance(result, Outcome) and result.delivered


def _result(outgoing: Outgoing) -> Result:
    if outgoing.is_late:
        return TOO_LATE
    try:
        return _outcome(outgoing)
    except SendError as error:
        return error


def _outcome(outgoing: Outgoing) -> Outcome:
    """What the number's ending asks for; raise Refused, NotSent or OutcomeUnknown."""
    first = outgoing.attempt == 1
    if outgoing.phone.endswith(FAILED):
        return Outcome(reference=outgoing.id, failed="sandbox_undelivered")
    if outgoing.phone.endswith(REFUSED):
        raise Refused("sandbox_refused", blame=Blame.NUMBER)
    if outgoing.phone.endswith(NO_WHATSAPP) and outgoing.channel == Channel.WHATSAPP:
        raise Refused("not_on_whatsapp", blame=Blame.NUMBER)
    if outgoing.phone.endswith(LATE) and first:
        raise NotSent("sandbox_busy", retry_after=5, blame=Blame.NUMBER)
    if outgoing.phone.endswith(SILENT) and first:
        raise OutcomeUnknown("sandbox_silent", blame=Blame.NUMBER)
    return Outcome(reference=outgoing.id, delivered=True)
