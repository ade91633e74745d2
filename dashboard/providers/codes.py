"""What the codes that carriers raise mean: to the gateway (a rule), and to a reader (a sentence, what to do).

A kind brings its own `CodeBook`; `registry.py` puts them together, and nobody else keeps a list of codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from dashboard.outbound.errors import NotSent, Refused, SendError
from dashboard.vocabulary import Blame, NextStep


def _l(text: str) -> str:
    """Marks a text for translation; the page translates it."""
    return text


@dataclass(frozen=True)
class Rule:
    """What a carrier's answer means for a text that it did not take."""

    step: NextStep
    blame: Blame
    wait_seconds: float | None = None  # at least, until the text comes again; None: as the gateway sees fit
    tries: int | None = None  # with this carrier, before the next one of the route is asked; None: no bound
    configuration: bool = False  # the carrier is set up wrongly: no text will get through until that is mended

    def error(self, code: str, retry_after: float | None = None, answer: str | None = None) -> SendError:
        """As what a provider raises. `retry_after`, in seconds, is what the carrier itself asked for."""
        if self.step is NextStep.FINAL:
            return Refused(code, blame=self.blame, configuration=self.configuration, answer=answer)
        tries = 1 if self.step is NextStep.NEXT_CARRIER else self.tries
        wait = self.wait_seconds if retry_after is None else retry_after
        return NotSent(code, wait, blame=self.blame, tries=tries, configuration=self.configuration, answer=answer)


SETUP = Rule(NextStep.FINAL, Blame.CARRIER, configuration=True)
TEXT_REFUSED = Rule(NextStep.FINAL, Blame.TEXT)
NUMBER_REFUSED = Rule(NextStep.FINAL, Blame.NUMBER)
TRY_LATER = Rule(NextStep.AGAIN, Blame.CARRIER)


@dataclass(frozen=True)
class Code:
    """A code for people. Both sentences are marked for translation."""

    sentence: str
    advice: str = ""  # what an administrator can do; empty where there is nothing to do
    is_credentials: bool = False  # the carrier refuses who we are
    is_of_carrier: bool = False  # as the reason of a receipt it says how the carrier stands, whatever the text


@dataclass(frozen=True)
class CodeBook:
    """The codes of one kind.

    A code that is not listed but has the kind's prefix carries a number or a word of the carrier's own, as
    `whatsapp_131999`: `unlisted` is its sentence, with `%(detail)s` for what follows the prefix.
    """

    codes: Mapping[str, Code]
    prefix: str = ""
    unlisted: str = ""
    credentials: re.Pattern[str] = field(default=re.compile(r"(?!)"))  # of unlisted codes, those that refuse who we are

    def sentence(self, code: str) -> tuple[str, str] | None:
        """The sentence of a code, to be translated, and the detail that stands in it; None: not of this kind."""
        listed = self.codes.get(code)
        if listed is not None:
            return listed.sentence, ""
        if self.prefix and code.startswith(self.prefix) and len(code) > len(self.prefix):
            return self.unlisted, code.removeprefix(self.prefix).replace("_", " ")
        return None

    def is_credentials(self, code: str) -> bool:
        listed = self.codes.get(code)
        return listed.is_credentials if listed is not None else self.credentials.fullmatch(code) is not None


# Raised by what every kind shares: the HTTP client, the gateway's own bounds, words that many carriers report.
COMMON = CodeBook(
    {
        "carrier_busy": Code(_l("The carrier is busy: too many messages were on their way to it.")),
        "carrier_failed": Code(_l("The carrier failed without saying why.")),
        "not_begun": Code(_l("It waited too long for its turn and is tried again.")),
        "unreachable": Code(_l("The carrier could not be reached.")),
        "no_answer": Code(_l("The carrier did not answer in time.")),
        "connection_lost": Code(_l("The connection broke before the carrier answered.")),
        "name_not_found": Code(_l("Host name of the carrier not found (DNS).")),
        "address_refused": Code(
            _l("The carrier’s address is private or not https, and its settings do not allow that.")
        ),
        "certificate_refused": Code(_l("The certificate of the carrier’s server is not valid.")),
        "request_malformed": Code(_l("The request that its settings make is not valid HTTP.")),
        "no_report": Code(_l("The carrier accepted it, and never said what became of it.")),
        "throttled": Code(_l("The carrier asked to slow down for a while.")),
        "absent_subscriber": Code(_l("The phone is switched off or out of reach.")),
        "barred": Code(_l("The number is barred: messages to it are forbidden.")),
        "invalid_number": Code(_l("The number is not in service.")),
        "failed": Code(_l("The carrier reported that the message was not delivered.")),
        "expired": Code(_l("The carrier gave up before the message was delivered.")),
        "callback_forged": Code(
            _l("A delivery report was refused: it does not prove that it comes from the carrier."),
            _l("Compare the secret or signing key in its settings with the one at the carrier."),
        ),
        "carrier_configuration": Code(_l("By the rules of its settings, its answer means that it is set up wrongly.")),
        "carrier_again": Code(_l("By the rules of its settings, its answer means: try again.")),
        "carrier_refused": Code(_l("By the rules of its settings, its answer means that it refuses the text.")),
        "carrier_unknown": Code(
            _l("No rule of its settings fits its answer."),
            _l("Look at its answer, and add a rule to its settings that says what such an answer means."),
        ),
    },
    prefix="carrier_",
    unlisted=_l("The carrier gave the reason “%(detail)s”."),
)
HTTP_STATUS = CodeBook(
    {
        "http_401": Code(_l("The carrier refuses the credentials (HTTP status 401)."), is_credentials=True),
        "http_403": Code(
            _l("The carrier denies access with these credentials (HTTP status 403)."), is_credentials=True
        ),
    },
    prefix="http_",
    unlisted=_l("The carrier answered with the HTTP status %(detail)s."),
)
