"""WhatsApp, over Meta's Cloud API: one-time codes as authentication templates.

Errors are told apart by `error.code` (see `error_codes`), never by the HTTP status alone: Graph answers 400 for
nearly everything. https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import SecretStr, field_validator, model_validator

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Outcome, Outgoing, Receipt
from dashboard.providers.codes import SETUP, TEXT_REFUSED, TRY_LATER, _l
from dashboard.providers.delivery_reports import (
    FORGED,
    GENUINE,
    Callback,
    Reply,
    dig,
    is_signed,
    moment,
    receipt,
    reference,
    same,
)
from dashboard.providers.http_base import WebCarrier
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import WebSettings, setting, wrong
from dashboard.providers.whatsapp import error_codes
from dashboard.vocabulary import Blame, Channel, Language, NextStep, ReceiptState

STATES = (ReceiptState.SENT, ReceiptState.DELIVERED, ReceiptState.READ, ReceiptState.FAILED)
TEMPLATE_FAULTS = {
    "PAUSED": "whatsapp_132015",
    "DISABLED": "whatsapp_132016",
    "REJECTED": "whatsapp_template_rejected",
    "PENDING_DELETION": "whatsapp_132001",
}
ACCOUNT_FAULTS = {
    "DISABLED_UPDATE": "whatsapp_131031",
    "ACCOUNT_VIOLATION": "whatsapp_368",
    "ACCOUNT_RESTRICTION": "whatsapp_131048",
    "ACCOUNT_DELETED": "whatsapp_131031",
}
PARALLEL = 16  # Meta takes 80 a second; one takes it a fifth of a second
LANGUAGES = tuple(Language)
TEMPLATES = _l("Templates")


class WhatsAppSettings(WebSettings):
    """An approved authentication template for each language, and the credentials of a phone number."""

    problems: ClassVar[Mapping[str, str]] = {
        "no_template": _l("Name at least one template"),
        "token_characters": _l("The token holds characters that no token has"),
    }

    phone_number_id: str = setting(
        _l("Phone number ID"), _l("From WhatsApp › API Setup; not the phone number itself."), pattern=r"^[0-9]{5,30}$"
    )
    access_token: SecretStr = setting(
        _l("Access token"), _l("A system user's permanent token, with whatsapp_business_messaging.")
    )
    app_secret: SecretStr = setting(
        _l("App secret"), _l("Meta signs its callbacks with it; without it they are refused."), default=SecretStr("")
    )
    verify_token: SecretStr = setting(
        _l("Verify token"),
        _l("Any long text; type the same into Meta's webhook form."),
        default=SecretStr(""),
        min_length=16,
    )
    template_fr: str = setting(_l("French template"), group=TEMPLATES, default="", pattern=r"^[a-z0-9_]{1,512}$")
    template_en: str = setting(_l("English template"), group=TEMPLATES, default="", pattern=r"^[a-z0-9_]{1,512}$")
    template_ar: str = setting(_l("Arabic template"), group=TEMPLATES, default="", pattern=r"^[a-z0-9_]{1,512}$")
    language_fr: str = setting(
        _l("Its language code"), group=TEMPLATES, default="fr", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$"
    )
    language_en: str = setting(
        _l("Its language code"), group=TEMPLATES, default="en", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$"
    )
    language_ar: str = setting(
        _l("Its language code"), group=TEMPLATES, default="ar", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$"
    )
    base_url: str = setting(_l("Address"), default="https://graph.facebook.com", advanced=True)
    version: str = setting(_l("API version"), default="v23.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$", advanced=True)

    @property
    def has_receipts(self) -> bool:
        return bool(self.app_secret.get_secret_value())

    @model_validator(mode="after")
    def _complete(self) -> WhatsAppSettings:
        problem = client.url_problem(self.base_url, self.guard)
        if problem:
            raise wrong("base_url", problem)
        if not any(self.template(language)[0] for language in LANGUAGES):
            raise wrong("template_fr", "no_template")
        return self

    @field_validator("access_token")
    @classmethod
    def _one_word(cls, token: SecretStr) -> SecretStr:
        """It travels in a header."""
        if not (token.get_secret_value().isascii() and token.get_secret_value().isprintable()):
            raise wrong("access_token", "token_characters")
        return token

    def template(self, language: str) -> tuple[str, str]:
        """Template and language code."""
        return getattr(self, f"template_{language}"), getattr(self, f"language_{language}")


class WhatsApp(WebCarrier):
    """A phone number of a WhatsApp Business account."""

    def __init__(self, name: str, settings: WhatsAppSettings, timeout: float = client.TIMEOUT) -> None:
        self.name = name
        super().__init__(settings, timeout, PARALLEL)
        self.settings = settings
        self.url = f"{settings.base_url.rstrip('/')}/{settings.version}/{settings.phone_number_id}/messages"

    def send(self, outgoing: Outgoing) -> Outcome:
        """Send a one-time code; raise Refused, NotSent or OutcomeUnknown."""
        if outgoing.code is None:
            raise Refused("whatsapp_takes_codes_only", blame=Blame.TEXT)
        with self.pause.watched():
            answer = self.web.send(self._call(outgoing))
            words = self.words_of(answer, outgoing)
            if not answer.ok or isinstance(dig(answer.json(), "error"), Mapping):
                # A caller waits for this code: what is refused at once lets an app offer SMS.
                raise _error(answer, words)
        taken = reference(dig(answer.json(), "messages.0.id"))
        if taken is None:
            raise OutcomeUnknown("whatsapp_bad_answer", answer=words)
        return Outcome(taken, answer=words)

    def called_back(self, callback: Callback) -> Reply:
        """Meta's subscription handshake (GET) and its signed status reports (POST)."""
        if callback.method == "GET":
            challenge = verify_subscription(callback.query, self.settings.verify_token.get_secret_value())
            return FORGED if challenge is None else Reply(200, challenge)
        signature = callback.headers.get("x-hub-signature-256", "")
        if not check_signature(callback.body, signature, self.settings.app_secret.get_secret_value()):
            return FORGED
        # 200 for garbage too: Meta repeats anything else for days, and then unsubscribes.
        payload = client.parse_json(callback.body)
        fault, over = account_change(self.settings, payload)
        return Reply(200, receipts=tuple(receipts(payload)), code=fault, over=(*GENUINE, *over))

    def _call(self, outgoing: Outgoing) -> HttpCall:
        headers = {
            "Authorization": f"Bearer {self.settings.access_token.get_secret_value()}",
            "Content-Type": "application/json",
        }
        return HttpCall("POST", self.url, headers, json.dumps(request(self.settings, outgoing)).encode())


def request(settings: WhatsAppSettings, outgoing: Outgoing) -> dict[str, Any]:
    """The authentication template with the code in its body and on its copy button, as Meta wants both."""
    name, language = _template(settings, outgoing.language)
    code = [{"type": "text", "text": outgoing.code}]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": outgoing.phone,
        "type": "template",
        "template": {
            "name": name,
            "language": {"policy": "deterministic", "code": language},
            "components": [
                {"type": "body", "parameters": code},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
            ],
        },
        "biz_opaque_callback_data": outgoing.id,
    }


def verify_subscription(args: Mapping[str, str], verify_token: str) -> str | None:
    """Answer Meta's handshake: the challenge to send back as it is, or None when the token does not fit."""
    if args.get("hub.mode") != "subscribe" or not same(verify_token, args.get("hub.verify_token", "")):
        return None
    challenge = args.get("hub.challenge", "")
    return challenge if challenge.isascii() and challenge.isalnum() else None


def check_signature(raw: bytes, header: str, app_secret: str) -> bool:
    """Whether `X-Hub-Signature-256` (`sha256=…`) is that of the raw body."""
    return header.startswith("sha256=") and is_signed(app_secret, raw, header.removeprefix("sha256="))


def receipts(payload: Any) -> list[Receipt]:
    """The status reports in a callback; what is not one is passed over."""
    return [found for status in _statuses(payload) if (found := _receipt(status)) is not None]


def account_change(settings: WhatsAppSettings, payload: Any) -> tuple[str | None, tuple[str, ...]]:
    """What a webhook says of a template of ours or of the account.

    Returns the code that a send would raise from now on, if any, and the codes of what is over.

    https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference (message_template_status_update,
    account_update)
    """
    ours = {settings.template(language)[0] for language in LANGUAGES} - {""}
    for change in _changes(payload):
        event = dig(change, "value.event")
        if not isinstance(event, str):
            continue
        field = dig(change, "field")
        if field == "message_template_status_update" and dig(change, "value.message_template_name") in ours:
            if event in TEMPLATE_FAULTS:
                return TEMPLATE_FAULTS[event], ()
            if event == "APPROVED":
                return None, tuple(TEMPLATE_FAULTS.values())
        elif field == "account_update" and dig(change, "value.ban_info.waba_ban_state") == "REINSTATE":
            return None, tuple(ACCOUNT_FAULTS.values())
        elif field == "account_update" and event in ACCOUNT_FAULTS:
            return ACCOUNT_FAULTS[event], ()
    return None, ()


def _changes(payload: Any) -> Iterator[Any]:
    for entry in _list(dig(payload, "entry")):
        yield from _list(dig(entry, "changes"))


def _statuses(payload: Any) -> Iterator[Any]:
    for change in _changes(payload):
        yield from _list(dig(change, "value.statuses"))


def _receipt(status: Any) -> Receipt | None:
    taken, state = reference(dig(status, "id")), dig(status, "status")
    if taken is None or state not in STATES:
        return None
    error = error_codes.name(dig(status, "errors.0.code")) if state == ReceiptState.FAILED else None
    ours = reference(dig(status, "biz_opaque_callback_data"))
    return receipt(taken, state, error, moment(dig(status, "timestamp")), message_id=ours)


def _error(answer: HttpAnswer, words: str) -> SendError:
    """What Graph's refusal means; `words` is its answer for people to read."""
    error = dig(answer.json(), "error")
    code = dig(error, "code")
    if not isinstance(code, int) or isinstance(code, bool):
        return _without_code(answer, words)
    rule = error_codes.RULES.get(code, TEXT_REFUSED)
    if rule.step is NextStep.FINAL and not rule.configuration and code not in error_codes.SURELY_FINAL:
        is_passing = answer.status == 429 or answer.status >= 500 or dig(error, "is_transient") is True
        rule = TRY_LATER if is_passing else rule
    return rule.error(error_codes.name(code), answer.retry_after, words)


def _without_code(answer: HttpAnswer, words: str) -> SendError:
    """Not Graph speaks, but something in front of it."""
    name = f"http_{answer.status}"
    if answer.status == 429 or (answer.status >= 500 and answer.status != 504):
        return TRY_LATER.error(name, answer.retry_after, words)
    if answer.status in (401, 403, 404) or 300 <= answer.status < 400:
        return SETUP.error(name, answer=words)
    if 400 <= answer.status < 500:
        return TEXT_REFUSED.error(name, answer=words)
    return OutcomeUnknown(name, answer=words)


def _template(settings: WhatsAppSettings, language: str | None) -> tuple[str, str]:
    """The language's own template, or another: a code in a foreign tongue beats none."""
    wanted = [language] if language in LANGUAGES else []
    return next(found for tongue in (*wanted, *LANGUAGES) if (found := settings.template(str(tongue)))[0])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


KIND = CarrierKind(
    "whatsapp",
    _l("WhatsApp"),
    _l("Meta's Cloud API, for one-time codes"),
    (Channel.WHATSAPP,),
    WhatsAppSettings,
    lambda name, settings, _host: WhatsApp(name, settings),
    error_codes.BOOK,
)
