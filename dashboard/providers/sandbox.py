"""The sandbox: a carrier whose phones are a page of the dashboard. A number's ending chooses what happens, or that of
what stands before the @ of an e-mail address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing, Provider
from dashboard.providers.codes import Code, CodeBook, _l
from dashboard.vocabulary import SANDBOX, Blame, Channel

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


def ends_with(recipient: str, ending: str) -> bool:
    """Whether a number, or what stands before the @ of an e-mail address, ends so."""
    return recipient.partition("@")[0].endswith(ending)


class Sandbox(Provider):
    """A phone has a text in the transaction that notes that it arrived: nothing is lost or doubled between the two."""

    name = SANDBOX
    capacity = 100

    def __init__(self, seal: Callable[[Outgoing], dict[str, Any]]) -> None:
        self.seal = seal

    def send(self, outgoing: Outgoing) -> Outcome:
        """Act as the number's ending says; with any other ending the text arrives."""
        outcome = _outcome(outgoing)
        return replace(outcome, arrival=self.seal(outgoing)) if outcome.delivered else outcome


def _outcome(outgoing: Outgoing) -> Outcome:
    """What the number's ending asks for; raise Refused, NotSent or OutcomeUnknown."""
    first = outgoing.attempt == 1
    if ends_with(outgoing.phone, FAILED):
        return Outcome(reference=outgoing.id, failed="sandbox_undelivered")
    if ends_with(outgoing.phone, REFUSED):
        raise Refused("sandbox_refused", blame=Blame.NUMBER)
    if ends_with(outgoing.phone, NO_WHATSAPP) and outgoing.channel == Channel.WHATSAPP:
        raise Refused("not_on_whatsapp", blame=Blame.NUMBER)
    if ends_with(outgoing.phone, LATE) and first:
        raise NotSent("sandbox_busy", retry_after=5, blame=Blame.NUMBER)
    if ends_with(outgoing.phone, SILENT) and first:
        raise OutcomeUnknown("sandbox_silent", blame=Blame.NUMBER)
    return Outcome(reference=outgoing.id, delivered=True)
