"""Any carrier behind HTTP: the request as templates, the answer and the callback as rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Balance, Outcome, Outgoing
from dashboard.providers.codes import Code, CodeBook, _l
from dashboard.providers.delivery_reports import FORGED, GENUINE, Callback, Reply
from dashboard.providers.generic_http import amounts, oauth, reports, request_template, response_rules
from dashboard.providers.generic_http.settings import HttpSettings, body_template, fixed_values
from dashboard.providers.http_base import WebCarrier
from dashboard.providers.kind import CarrierKind
from dashboard.sms import senders
from dashboard.vocabulary import Blame, Channel

UNAUTHORIZED = 401
SHORTEST_EXCHANGE_SECONDS = 2.0


class Http(WebCarrier):
    """A carrier as its settings describe it."""

    def __init__(self, name: str, settings: HttpSettings, timeout: float = client.TIMEOUT) -> None:
        self.name = name
        super().__init__(settings, timeout, settings.parallel)
        self.settings = settings
        self.fixed = fixed_values(settings)
        self.url = request_template.url(settings.url)
        self.headers = request_template.headers(settings.headers)
        self.body, self.content_type = body_template(settings)
        self.verdicts = verdicts(settings)
        self.find_reference = response_rules.finder(settings.reference_from)
        self.tokens: oauth.TokenSource | None = None
        if settings.oauth_url:
            pair = (settings.username, settings.password.get_secret_value())
            self.tokens = oauth.TokenSource(
                self.web, settings.oauth_url, pair, settings.oauth_scope, settings.oauth_client
            )

    def send(self, outgoing: Outgoing) -> Outcome:
        """Make the request; raise Refused, NotSent or OutcomeUnknown."""
        with self.pause.watched():
            answer, token = self._exchange(lambda token: self.call(outgoing, token))
            words = self.words_of(answer, outgoing, token)
            fault = self._judge(answer, words)
            if fault is not None:
                raise fault
        doubt = "carrier_taken_with_error" if response_rules.speaks_of_error(answer) else None
        taken = self.find_reference(answer) or outgoing.id
        return Outcome(taken, sender=self._sender_of(outgoing), answer=words, doubt=doubt)

    def call(self, outgoing: Outgoing, token: str = "") -> HttpCall:
        """The request as it leaves; `token` is one of OAuth2, which stands instead of the settings' own."""
        values = self.fixed | _values(outgoing) | {"sender": self._sender_of(outgoing)}
        values |= {"token": token} if token else {}
        headers = self.headers(values)
        if self.content_type and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = self.content_type
        return HttpCall(self.settings.method, self.url(values), headers, self.body(values).encode())

    def balance(self) -> Balance | None:
        """What is left, by the rule of the settings; raise NotSent or OutcomeUnknown."""
        settings = self.settings
        if not settings.balance_url:
            return None
        answer, _ = self._exchange(self._balance_call)
        if not answer.ok:
            raise NotSent(f"http_{answer.status}")
        amount = amounts.parse(response_rules.finder(settings.balance_from, amounts.text_of)(answer))
        if amount is None:
            raise NotSent("balance_not_found")
        low = None if settings.balance_low is None else round(settings.balance_low * amounts.UNITS)
        return Balance(amount, settings.balance_unit, low)

    def called_back(self, callback: Callback) -> Reply:
        """Delivery reports and texts from phones, if they prove where they come from."""
        if not reports.is_genuine(self.settings, callback):
            return FORGED
        found = reports.receipts(self.settings, callback)
        texts = reports.texts(self.settings, callback)
        return Reply(200, self.settings.callback_answer, tuple(found), tuple(texts), over=GENUINE)

    def _sender_of(self, outgoing: Outgoing) -> str:
        return senders.choose(outgoing.senders, self.settings.sender, self.settings.other_senders)

    def _balance_call(self, token: str) -> HttpCall:
        values = self.fixed | ({"token": token} if token else {})
        return HttpCall("GET", request_template.url(self.settings.balance_url)(values), self.headers(values))

    def _exchange(self, call: Callable[[str], HttpCall]) -> tuple[HttpAnswer, str]:
        """The carrier's answer, and the token of OAuth2 that it was asked with, if any; `call` makes it with one."""
        if self.tokens is None:
            return self._answer(call(""), self.web.timeout), ""
        end = time.monotonic() + self.web.timeout
        token = self.tokens.get()
        answer = self._answer(call(token), end - time.monotonic())
        if answer.status != UNAUTHORIZED:
            return answer, token
        self.tokens.forget(token)  # it ended before its time, and nothing was taken
        token, left = self.tokens.get(), end - time.monotonic()
        if left < SHORTEST_EXCHANGE_SECONDS:
            raise NotSent("oauth_unavailable")
        return self._answer(call(token), left), token

    def _answer(self, call: HttpCall, timeout: float) -> HttpAnswer:
        try:
            return self.web.send(call, timeout)
        except OutcomeUnknown as error:
            code = error.code
        raise OutcomeUnknown(code, repeatable=self.settings.repeatable)

    def _judge(self, answer: HttpAnswer, words: str) -> SendError | None:
        """The first list with a rule that fits decides; an answer that fits none leaves the text in doubt."""
        verdict = next((name for name, rules in self.verdicts if response_rules.fits(rules, answer)), "unknown")
        code = f"carrier_{verdict}" if answer.ok else f"http_{answer.status}"
        return {
            "taken": None,
            "configuration": NotSent(code, configuration=True, answer=words),
            "again": NotSent(code, answer.retry_after, answer=words),
            "refused": Refused(code, blame=Blame.TEXT, answer=words),
            "unknown": OutcomeUnknown(code, repeatable=self.settings.repeatable, answer=words),
        }[verdict]


def verdicts(settings: HttpSettings) -> list[tuple[str, list[response_rules.ResponseRule]]]:
    """The four lists in the order in which they are asked: narrow ones before broad ones."""
    return [
        ("configuration", response_rules.rules(settings.configuration_when)),
        ("again", response_rules.rules(settings.again_when)),
        ("refused", response_rules.rules(settings.refused_when)),
        ("taken", response_rules.rules(settings.taken_when)),
    ]


def _values(outgoing: Outgoing) -> dict[str, str]:
    wide = outgoing.encoding != "gsm7"
    return {
        "phone": outgoing.phone,
        "phone_digits": outgoing.phone.removeprefix("+"),
        "phone_local": outgoing.phone.removeprefix("+222"),
        "text": outgoing.text,
        "text_hex": outgoing.text.encode("utf-16-be", "replace").hex(),
        "code": outgoing.code or "",
        "id": outgoing.id,
        "language": outgoing.language or "",
        "unicode": "1" if wide else "0",
        "coding": "2" if wide else "0",
        "validity": str(max(1, int((outgoing.valid_until - datetime.now(UTC)).total_seconds()))),
    }


BOOK = CodeBook(
    {
        "carrier_taken_with_error": Code(
            _l("The answer counts as accepted, but speaks of an error."),
            _l("Look at the answer; if it is a refusal, write a rule for it into “Refused when”."),
        ),
        "balance_not_found": Code(
            _l("The answer holds no amount where its settings say that the balance stands."),
            _l("Compare the rule of the balance with the carrier’s documentation."),
        ),
        "oauth_refused": Code(
            _l("The token address refuses the user name or the password."),
            _l("Compare user name, password and scope with what the carrier gave."),
            is_credentials=True,
        ),
        "oauth_unavailable": Code(_l("The token address did not answer, or asked to come back later.")),
        "oauth_bad_answer": Code(
            _l("The token address answers without a token."), _l("Compare it with the carrier’s documentation.")
        ),
    }
)
KIND = CarrierKind(
    "http",
    _l("HTTP carrier"),
    _l("Any carrier with an HTTP interface"),
    (Channel.SMS,),
    HttpSettings,
    lambda name, settings, _host: Http(name, settings),
    BOOK,
    receipt_words="callback_states",
)
