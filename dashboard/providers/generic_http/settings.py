"""What an administrator says of a carrier behind HTTP: the request, what answers mean, and how reports come."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from pydantic import SecretStr, model_validator

from dashboard.outbound import client
from dashboard.providers.codes import _l
from dashboard.providers.generic_http import amounts, report_rules, request_template, response_rules
from dashboard.providers.settings import BadSetting, Senders, WebSettings, other_senders, setting, wrong

FORMATS: dict[str, tuple[Callable[[str], request_template.Render], str]] = {
    "form": (request_template.form, "application/x-www-form-urlencoded"),
    "json": (request_template.json_body, "application/json"),
    "xml": (request_template.xml, "text/xml; charset=utf-8"),
}
SHORTEST_JWT_SECRET = 32
ANSWERS = _l("What its answers mean")
REPORTS = _l("Delivery reports")
INCOMING = _l("Texts from phones")
OAUTH = _l("Token by OAuth2")
BALANCE = _l("Balance of the account")
IN_BALANCE = frozenset({"username", "password", "token", "basic"})
HIGHEST_BALANCE = 1_000_000_000
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
        "needed_for_texts": _l("This is needed for texts from phones"),
        "form_of_texts_needed": _l("Choose how the carrier’s callbacks come"),
        "secret_needed": _l("Without a secret anyone could report a delivery"),
        "no_body_to_sign": _l("A report in the address has no body to sign"),
        "short_jwt_secret": _l("A secret that signs JWTs has at least 32 characters"),
        "needed_for_oauth": _l("This is needed to get a token"),
        "needed_for_balance": _l("This is needed to read the balance"),
        "not_in_balance": _l("{%(name)s} is of a message; the balance is asked without one"),
    }

    method: Literal["POST", "GET", "PUT"] = setting(_l("Method"), default="POST")
    url: str = setting(
        _l("Address"), _l("With placeholders in path and query, as in ?to={phone_digits}."), max_length=2000
    )
    headers: str = setting(_l("Headers"), _l("One Name: value a line."), default="", rows=4, max_length=4000)
    body_format: Literal["json", "form", "xml", "none"] = setting(
        _l("Body"), names={"json": "JSON", "form": _l("Form"), "xml": "XML", "none": _l("No body")}, default="json"
    )
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
    oauth_url: str = setting(
        _l("OAuth2 address"),
        _l("OAuth2 client credentials: here user name and password get a token, for which {token} stands."),
        group=OAUTH,
        default="",
        max_length=2000,
        advanced=True,
    )
    oauth_scope: str = setting(_l("Scope"), group=OAUTH, default="", pattern=r"^[!#-\[\]-~ ]{0,1000}$", advanced=True)
    oauth_client: Literal["basic", "body"] = setting(
        _l("Client credentials stand in"),
        group=OAUTH,
        names={"basic": _l("The Authorization header"), "body": _l("The body: client_id and client_secret")},
        default="basic",
        advanced=True,
    )

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

    balance_url: str = setting(
        _l("Address of the balance"),
        _l("Asked every 15 minutes by GET with the headers above, as in ?user={username}&key={token}. Empty: never."),
        group=BALANCE,
        default="",
        max_length=2000,
    )
    balance_from: str = setting(
        _l("Where the amount stands"),
        _l("json PATH, header NAME, or body PATTERN with one group."),
        group=BALANCE,
        default="",
        max_length=300,
    )
    balance_unit: str = setting(
        _l("Unit"), _l("A currency, or what the carrier counts, such as SMS."), group=BALANCE, default="", max_length=12
    )
    balance_low: float | None = setting(
        _l("Tell people below"),
        _l("When less is left, it stands under Alerts, and their channels are told. Empty: never."),
        group=BALANCE,
        default=None,
        ge=0,
        le=HIGHEST_BALANCE,
    )

    parallel: int = setting(_l("Requests at once"), default=8, ge=1, le=32, advanced=True)

    callback_format: Literal["none", "json", "form", "query"] = setting(
        _l("Delivery reports"),
        _l("How they come: in a JSON body, a form body or the address."),
        group=REPORTS,
        names={
            "none": _l("There are none"),
            "json": _l("In a JSON body"),
            "form": _l("In a form body"),
            "query": _l("In the address"),
        },
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
        _l("It is"),
        group=REPORTS,
        names={"reference": _l("The carrier's own reference"), "id": _l("The {id} that we sent")},
        default="reference",
    )
    callback_state: str = setting(
        _l("State in the report"), _l("Path or field."), group=REPORTS, default="", max_length=200
    )
    callback_states: str = setting(
        _l("States"),
        _l("One a line: the carrier's word = sent, delivered, failed or expired. Reports with other words are kept."),
        group=REPORTS,
        default=report_rules.COMMON_STATES,
        rows=8,
        max_length=2000,
    )
    callback_error: str = setting(
        _l("Error in the report"), _l("Path or field."), group=REPORTS, default="", max_length=200
    )
    callback_check: Literal["header", "query", "hmac", "jwt"] = setting(
        _l("How a report proves itself"),
        group=REPORTS,
        names={
            "header": _l("The secret in a header"),
            "query": _l("The secret in the address"),
            "hmac": _l("A header signs the body (hexadecimal HMAC-SHA256)"),
            "jwt": _l("A header holds a JWT signed by the secret (HS256)"),
        },
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

    incoming_sender: str = setting(
        _l("Sender in the callback"),
        _l("Path or field. They come to the address of the reports, in the same form and with the same secret."),
        group=INCOMING,
        default="",
        max_length=200,
    )
    incoming_text: str = setting(
        _l("Text in the callback"), _l("Path or field."), group=INCOMING, default="", max_length=200
    )
    incoming_recipient: str = setting(
        _l("Our number in the callback"), _l("Path or field."), group=INCOMING, default="", max_length=200
    )
    incoming_reference: str = setting(
        _l("Id in the callback"),
        _l("Path or field. It tells a repeat from another text with the same words."),
        group=INCOMING,
        default="",
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
        self._check_oauth()
        self._check_balance()
        self._check_callback()
        return self

    @property
    def tells_balance(self) -> bool:
        return bool(self.balance_url)

    @property
    def has_receipts(self) -> bool:
        # Its callbacks may bring texts from phones alone.
        return self.callback_format != "none" and bool(self.callback_reference)

    def _readers(self) -> dict[str, Callable[[], object]]:
        rule_fields = ("configuration_when", "again_when", "refused_when", "taken_when")
        return {
            "url": lambda: request_template.url(self.url),
            "headers": lambda: request_template.headers(self.headers)(fixed_values(self)),
            "body": lambda: body_template(self),
            **{name: lambda name=name: response_rules.rules(getattr(self, name)) for name in rule_fields},  # type: ignore[misc]
            "reference_from": lambda: response_rules.finder(self.reference_from),
            "balance_url": lambda: _balance_url(self.balance_url),
            "balance_from": lambda: response_rules.finder(self.balance_from, amounts.text_of),
            "callback_states": lambda: report_rules.states(self.callback_states),
        }

    def _check_oauth(self) -> None:
        if not self.oauth_url:
            return
        problem = client.url_problem(self.oauth_url, self.guard)
        if problem:
            raise wrong("oauth_url", problem)
        for name in ("username", "password"):
            if not self.to_store().get(name):
                raise wrong(name, "needed_for_oauth")

    def _check_balance(self) -> None:
        if not self.balance_url:
            return
        problem = client.url_problem(self.balance_url.replace("{", "").replace("}", ""), self.guard)
        if problem:
            raise wrong("balance_url", problem)
        if not self.balance_from:
            raise wrong("balance_from", "needed_for_balance")

    def _check_callback(self) -> None:
        has_texts = bool(self.incoming_sender or self.incoming_text)
        if self.callback_format == "none":
            if has_texts:
                raise wrong("callback_format", "form_of_texts_needed")
            return
        for name in ("incoming_sender", "incoming_text") if has_texts else ():
            if not getattr(self, name):
                raise wrong(name, "needed_for_texts")
        for name in ("callback_reference", "callback_state"):
            if not getattr(self, name) and (not has_texts or self.callback_reference or self.callback_state):
                raise wrong(name, "needed_for_reports")
        if not self.callback_secret.get_secret_value():
            raise wrong("callback_secret", "secret_needed")
        if self.callback_format == "query" and self.callback_check == "hmac":
            raise wrong("callback_check", "no_body_to_sign")
        # RFC 7518, 3.2: as long as the hash at least.
        if self.callback_check == "jwt" and len(self.callback_secret.get_secret_value()) < SHORTEST_JWT_SECRET:
            raise wrong("callback_secret", "short_jwt_secret")


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


def _balance_url(text: str) -> None:
    """Raise BadTemplate where it cannot be asked."""
    if not text:
        return
    request_template.url(text)
    for name in request_template.parse(text).names:
        if name not in IN_BALANCE:
            raise request_template.BadTemplate("not_in_balance", name=name)


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
