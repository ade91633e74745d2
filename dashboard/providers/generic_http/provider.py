"""Any carrier behind HTTP: the request as templates, the answer and the callback as rules."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl

from pydantic import SecretStr, model_validator

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Outcome, Outgoing, Receipt
from dashboard.providers.codes import Code, CodeBook, _l
from dashboard.providers.delivery_reports import (
    FORGED,
    GENUINE,
    Callback,
    Reply,
    dig,
    is_signed,
    receipt,
    reference,
    same,
)
from dashboard.providers.generic_http import report_rules, request_template, response_rules
from dashboard.providers.http_base import WebCarrier
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import BadSetting, Senders, WebSettings, other_senders, setting, wrong
from dashboard.sms import senders
from dashboard.vocabulary import Blame, Channel, ReceiptState

FORMATS: dict[str, tuple[Callable[[str], request_template.Render], str]] = {
    "form": (request_template.form, "application/x-www-form-urlencoded"),
    "json": (request_template.json_body, "application/json"),
    "xml": (request_template.xml, "text/xml; charset=utf-8"),
}
MOST_FIELDS = 200
MOST_ITEMS = 1000
ANSWERS = _l("What its answers mean")
REPORTS = _l("Delivery reports")
RULES = _l(
    "One a line: statuses (200-299, 429), json PATH = VALUE, body PATTERN, or statuses and one of these. A pattern sees"
    " the first 8,192 characters; 1,024 with two of * + ? { |, 256 with three."
)


class HttpSettings(WebSettings):
    """The request, what its answers mean, and how the carrier reports delivery."""

    problems: ClassVar[Mapping[str, str]] = {
        **request_template.PROBLEMS,
        **response_rules.PROBLEMS,
        **report_rules.PROBLEMS,
        "needed_for_reports": _l("This is needed for delivery reports"),
        "secret_needed": _l("Without a secret anyone could report a delivery"),
        "no_body_to_sign": _l("A report in the address has no body to sign"),
    }

    method: Literal["POST", "GET", "PUT"] = setting(_l("Method"), default="POST")
    url: str = setting(
        _l("Address"), _l("With placeholders in path and query, as in ?to={phone_digits}."), max_length=2000
    )
    headers: str = setting(_l("Headers"), _l("One Name: value a line."), default="", rows=4, max_length=4000)
    body_format: Literal["json", "form", "xml", "none"] = setting(_l("Body"), default="json")
    body: str = setting(
        _l("Template of the body"),
        _l('form: one name = value a line. JSON: placeholders in quotes, as in {"to": "{phone}", "text": "{text}"}.'),
        default="",
        rows=8,
        max_length=8000,
    )
    sender: str = setting(_l("Sender"), default="", max_length=20)
    other_senders: Senders = other_senders()
    username: str = setting(_l("User name"), default="", max_length=200)
    password: SecretStr = setting(_l("Password"), default=SecretStr(""), max_length=500)
    token: SecretStr = setting(_l("Token"), default=SecretStr(""), max_length=4000)

    configuration_when: str = setting(
        _l("Wrongly set up when"),
        RULES,
        group=ANSWERS,
        default="300-399, 401, 403, 404, 405",
        rows=3,
        max_length=2000,
        advanced=True,
    )
    again_when: str = setting(
        _l("Try again when"), RULES, group=ANSWERS, default="408, 425, 429, 500-503, 505-599", rows=3, max_length=2000
    )
    refused_when: str = setting(_l("Refused when"), RULES, group=ANSWERS, default="400-499", rows=3, max_length=2000)
    taken_when: str = setting(_l("Accepted when"), RULES, group=ANSWERS, default="200-299", rows=3, max_length=2000)
    reference_from: str = setting(
        _l("Where the reference stands"),
        _l("json PATH, header NAME, or body PATTERN with one group. Empty: the message's own id."),
        group=ANSWERS,
        default="",
        max_length=300,
    )
    repeatable: bool = setting(
        _l("The carrier knows {id}"),
        _l("It sends a text whose id it has seen no second time, so a doubtful one may be repeated."),
        default=False,
        advanced=True,
    )

    parallel: int = setting(_l("Requests at once"), default=8, ge=1, le=32, advanced=True)

    callback_format: Literal["none", "json", "form", "query"] = setting(
        _l("Delivery reports"),
        _l("How they come: in a JSON body, a form body or the address."),
        group=REPORTS,
        default="none",
    )
    callback_list: str = setting(
        _l("Path to the list"),
        _l("When one JSON body holds several reports."),
        group=REPORTS,
        default="",
        max_length=200,
    )
    callback_reference: str = setting(
        _l("Reference in the report"), _l("Path or field."), group=REPORTS, default="", max_length=200
    )
    callback_names: Literal["reference", "id"] = setting(
        _l("It is"), _l("reference: the carrier's own. id: the {id} that we sent."), group=REPORTS, default="reference"
    )
    callback_state: str = setting(
        _l("State in the report"), _l("Path or field."), group=REPORTS, default="", max_length=200
    )
    callback_states: str = setting(
        _l("States"),
        _l("One a line: the carrier's word = sent, delivered, failed or expired. Other words are passed over."),
        group=REPORTS,
        default=report_rules.COMMON_STATES,
        rows=8,
        max_length=2000,
    )
    callback_error: str = setting(
        _l("Error in the report"), _l("Path or field."), group=REPORTS, default="", max_length=200
    )
    callback_check: Literal["header", "query", "hmac"] = setting(
        _l("How a report proves itself"),
        _l("header, query: the secret stands there. hmac: the header signs the body (hexadecimal HMAC-SHA256)."),
        group=REPORTS,
        default="header",
    )
    callback_field: str = setting(_l("Its header or argument"), group=REPORTS, default="X-Secret", max_length=100)
    callback_secret: SecretStr = setting(
        _l("Callback secret"), group=REPORTS, default=SecretStr(""), min_length=16, max_length=500
    )

    callback_answer: str = setting(
        _l("Answer to a report"),
        _l("Some carriers repeat a report until they read a certain text, such as ACK/Jasmin."),
        group=REPORTS,
        default="OK",
        max_length=200,
    )

    @model_validator(mode="after")
    def _compiles(self) -> HttpSettings:
        """Whatever is wrong is told now, not with the first text."""
        for name, read in self._readers().items():
            try:
                read()
            except BadSetting as error:
                raise wrong(name, error.code, **error.params) from None
        problem = client.url_problem(self.url.replace("{", "").replace("}", ""), self.guard)
        if problem:
            raise wrong("url", problem)
        self._check_callback()
        return self

    def _readers(self) -> dict[str, Callable[[], object]]:
        rule_fields = ("configuration_when", "again_when", "refused_when", "taken_when")
        return {
            "url": lambda: request_template.url(self.url),
            "headers": lambda: request_template.headers(self.headers)(fixed_values(self)),
            "body": lambda: body_template(self),
            **{name: lambda name=name: response_rules.rules(getattr(self, name)) for name in rule_fields},  # type: ignore[misc]
            "reference_from": lambda: response_rules.finder(self.reference_from),
            "callback_states": lambda: report_rules.states(self.callback_states),
        }

    def _check_callback(self) -> None:
        if self.callback_format == "none":
            return
        for name in ("callback_reference", "callback_state"):
            if not getattr(self, name):
                raise wrong(name, "needed_for_reports")
        if not self.callback_secret.get_secret_value():
            raise wrong("callback_secret", "secret_needed")
        if self.callback_format == "query" and self.callback_check == "hmac":
            raise wrong("callback_check", "no_body_to_sign")


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

    def send(self, outgoing: Outgoing) -> Outcome:
        """Make the request; raise Refused, NotSent or OutcomeUnknown."""
        with self.pause.watched():
            answer = self._answer(self.call(outgoing))
            words = self.words_of(answer, outgoing)
            fault = self._judge(answer, words)
            if fault is not None:
                raise fault
        doubt = "carrier_taken_with_error" if response_rules.speaks_of_error(answer) else None
        taken = self.find_reference(answer) or outgoing.id
        return Outcome(taken, sender=self._sender_of(outgoing), answer=words, doubt=doubt)

    def call(self, outgoing: Outgoing) -> HttpCall:
        """The request as it leaves."""
        values = self.fixed | _values(outgoing) | {"sender": self._sender_of(outgoing)}
        headers = self.headers(values)
        if self.content_type and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = self.content_type
        return HttpCall(self.settings.method, self.url(values), headers, self.body(values).encode())

    def called_back(self, callback: Callback) -> Reply:
        """Delivery reports, if they prove where they come from."""
        if not is_genuine(self.settings, callback):
            return FORGED
        found = receipts(self.settings, _reports(self.settings, callback))
        return Reply(200, self.settings.callback_answer, tuple(found), over=GENUINE)

    def _sender_of(self, outgoing: Outgoing) -> str:
        return senders.choose(outgoing.sender, self.settings.sender, self.settings.other_senders)

    def _answer(self, call: HttpCall) -> HttpAnswer:
        try:
            return self.web.send(call)
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


def body_template(settings: HttpSettings) -> tuple[request_template.Render, str]:
    """The compiled body and its content type; raise BadTemplate."""
    if settings.body_format == "none":
        if settings.body:
            raise request_template.BadTemplate("format_missing")
        return (lambda values: ""), ""
    if settings.method == "GET":
        raise request_template.BadTemplate("get_body")
    read, content_type = FORMATS[settings.body_format]
    return read(settings.body), content_type


def fixed_values(settings: HttpSettings) -> dict[str, str]:
    """The placeholders that settings fill; those of a text are filled with samples."""
    password = settings.password.get_secret_value()
    pair = f"{settings.username}:{password}".encode()
    return dict.fromkeys(request_template.PLACEHOLDERS, "0") | {
        "sender": settings.sender,
        "username": settings.username,
        "password": password,
        "token": settings.token.get_secret_value(),
        "basic": base64.b64encode(pair).decode(),
    }


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


def is_genuine(settings: HttpSettings, callback: Callback) -> bool:
    """Whether a report bears the secret, or its signature, where the settings say."""
    secret, name = settings.callback_secret.get_secret_value(), settings.callback_field
    if settings.callback_format == "none" or not secret:
        return False
    if settings.callback_check == "query":
        return same(secret, callback.query.get(name, ""))
    given = callback.headers.get(name.lower(), "")
    if settings.callback_check == "header":
        return same(secret, given)
    return is_signed(secret, callback.body, given.removeprefix("sha256="))


def receipts(settings: HttpSettings, reports: list[Any]) -> list[Receipt]:
    """The reports that name a text and a state of the table; the rest is passed over."""
    table = report_rules.states(settings.callback_states)
    found = (_receipt(settings, table, report) for report in reports[:MOST_ITEMS])
    return [item for item in found if item is not None]


def _reports(settings: HttpSettings, callback: Callback) -> list[Any]:
    if settings.callback_format == "query":
        return [callback.query]
    if settings.callback_format == "form":
        return [_form(callback.body)]
    body = client.parse_json(callback.body)
    found = dig(body, settings.callback_list) if settings.callback_list else body
    return found if isinstance(found, list) else [found]


def _form(body: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MOST_FIELDS))
    except ValueError:
        return {}


def _receipt(settings: HttpSettings, table: Mapping[str, ReceiptState], report: Any) -> Receipt | None:
    def look(path: str) -> str | None:
        return reference(report.get(path, dig(report, path)) if isinstance(report, Mapping) else dig(report, path))

    taken, word = look(settings.callback_reference), look(settings.callback_state)
    state = table.get(word.lower()) if word else None
    if taken is None or state is None:
        return None
    error = None
    if state is ReceiptState.FAILED:
        error = report_rules.error_code(look(settings.callback_error) if settings.callback_error else None)
    return receipt(taken, state, error, message_id=taken if settings.callback_names == "id" else None)


BOOK = CodeBook(
    {
        "carrier_taken_with_error": Code(
            _l("The answer counts as accepted, but speaks of an error."),
            _l("Look at the answer; if it is a refusal, write a rule for it into “Refused when”."),
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
)
