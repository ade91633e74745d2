"""WhatsApp, over Meta's Cloud API: one-time codes as authentication templates.

Errors are told apart by `error.code`, never by the HTTP status alone: Graph answers 400 for nearly everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from pydantic import SecretStr, field_validator, model_validator

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Outcome, Outgoing, Receipt
from dashboard.providers.delivery_reports import (
    FORGED,
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
from dashboard.providers.settings import WebSettings, _l, setting, wrong

# Meta's error codes. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
AGAIN = frozenset({130429, 131056, 4, 80007, 2, 131000, 131016})
NOT_ON_WHATSAPP = frozenset({131026})
WITHHELD = frozenset({130472, 131049})  # an experiment of Meta's, or its cap on what a person is sent
CONFIGURATION = frozenset(range(200, 300)) | frozenset(
    {0, 10, 100, 190, 368, 131008, 131009, 131031, 131042, 132000, 132001, 132015, 132016, 133010}
)
OFFER_SMS = frozenset({"not_on_whatsapp", "whatsapp_withheld"})  # Refused with one of these: an SMS may still arrive
STATES = ("sent", "delivered", "read", "failed")
PARALLEL = 16  # Meta takes 80 a second; one takes it a fifth of a second
LANGUAGES = ("fr", "en", "ar")


class WhatsAppSettings(WebSettings):
    """An approved authentication template for each language, and the credentials of a phone number."""

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
    template_fr: str = setting(_l("French template"), default="", pattern=r"^[a-z0-9_]{1,512}$")
    template_en: str = setting(_l("English template"), default="", pattern=r"^[a-z0-9_]{1,512}$")
    template_ar: str = setting(_l("Arabic template"), default="", pattern=r"^[a-z0-9_]{1,512}$")
    language_fr: str = setting(_l("Its language code"), default="fr", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")
    language_en: str = setting(_l("Its language code"), default="en", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")
    language_ar: str = setting(_l("Its language code"), default="ar", pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$")
    base_url: str = setting(_l("Address"), default="https://graph.facebook.com", advanced=True)
    version: str = setting(_l("API version"), default="v23.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$", advanced=True)

    @model_validator(mode="after")
    def _complete(self) -> WhatsAppSettings:
        problem = client.url_problem(self.base_url, self.guard)
        if problem:
            raise wrong("base_url", problem)
        if not any(self.template(language)[0] for language in LANGUAGES):
            raise wrong("template_fr", _l("Name at least one template"))
        return self

    @field_validator("access_token")
    @classmethod
    def _one_word(cls, token: SecretStr) -> SecretStr:
        """It travels in a header."""
        if not (token.get_secret_value().isascii() and token.get_secret_value().isprintable()):
            raise ValueError(_l("The token holds characters that no token has"))
        return token

    def template(self, language: str) -> tuple[str, str]:
        """Template and language code."""
        return getattr(self, f"template_{language}"), getattr(self, f"language_{language}")


class WhatsApp(WebCarrier):
    """A phone number of a WhatsApp Business account."""

    def __init__(self, name: str, settings: WhatsAppSettings, timeout: float = client.TIMEOUT) -> None:
        self.name = name
        super().__init__(settings.guard, timeout, PARALLEL)
        self.settings = settings
        self.url = f"{settings.base_url.rstrip('/')}/{settings.version}/{settings.phone_number_id}/messages"

    def send(self, outgoing: Outgoing) -> Outcome:
        """Send a one-time code; raise Refused, NotSent or OutcomeUnknown."""
        if outgoing.code is None:
            raise Refused("whatsapp_takes_codes_only")
        with self.pause.watched():
            answer = self.web.send(self._call(outgoing))
            if not answer.ok or isinstance(dig(answer.json(), "error"), Mapping):
                _refuse(answer)
        taken = reference(dig(answer.json(), "messages.0.id"))
        if taken is None:
            raise OutcomeUnknown("whatsapp_bad_answer")
        return Outcome(taken)

    def called_back(self, callback: Callback) -> Reply:
        """Meta's subscription handshake (GET) and its signed status reports (POST)."""
        if callback.method == "GET":
            challenge = verify_subscription(callback.query, self.settings.verify_token.get_secret_value())
            return FORGED if challenge is None else Reply(200, challenge)
        signature = callback.headers.get("x-hub-signature-256", "")
        if not check_signature(callback.body, signature, self.settings.app_secret.get_secret_value()):
            return FORGED
        # 200 for garbage too: Meta repeats anything else for days, and then unsubscribes.
        return Reply(200, receipts=tuple(receipts(client.parse_json(callback.body))))

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


def _statuses(payload: Any) -> Iterator[Any]:
    for entry in _list(dig(payload, "entry")):
        for change in _list(dig(entry, "changes")):
            yield from _list(dig(change, "value.statuses"))


def _receipt(status: Any) -> Receipt | None:
    taken, state = reference(dig(status, "id")), dig(status, "status")
    if taken is None or state not in STATES:
        return None
    error = error_name(dig(status, "errors.0.code")) if state == "failed" else None
    ours = reference(dig(status, "biz_opaque_callback_data"))
    return receipt(taken, state, error, moment(dig(status, "timestamp")), message_id=ours)


def error_name(code: Any) -> str:
    """Meta's number as one of ours: not_on_whatsapp, whatsapp_withheld or whatsapp_<number>."""
    if not isinstance(code, int) or isinstance(code, bool) or not -1 <= code < 10**9:
        return "whatsapp_failed"
    if code in NOT_ON_WHATSAPP:
        return "not_on_whatsapp"
    return "whatsapp_withheld" if code in WITHHELD else f"whatsapp_{code}"


def _refuse(answer: HttpAnswer) -> NoReturn:
    error = dig(answer.json(), "error")
    code = dig(error, "code")
    if not isinstance(code, int) or isinstance(code, bool):
        raise _without_code(answer)
    if code in AGAIN:
        raise NotSent(error_name(code), answer.retry_after)
    # A caller waits for this code: told at once, an app can offer SMS.
    if code in CONFIGURATION:
        raise Refused(error_name(code), configuration=True)
    passing = answer.status == 429 or answer.status >= 500 or dig(error, "is_transient") is True
    if passing and code not in NOT_ON_WHATSAPP | WITHHELD:
        raise NotSent(error_name(code), answer.retry_after)
    raise Refused(error_name(code))


def _without_code(answer: HttpAnswer) -> SendError:
    """Not Graph speaks, but something in front of it."""
    name = f"http_{answer.status}"
    if answer.status == 429 or (answer.status >= 500 and answer.status != 504):
        return NotSent(name, answer.retry_after)
    if answer.status in (401, 403, 404) or 300 <= answer.status < 400:
        return Refused(name, configuration=True)
    if 400 <= answer.status < 500:
        return Refused(name)
    return OutcomeUnknown(name)


def _template(settings: WhatsAppSettings, language: str | None) -> tuple[str, str]:
    """The language's own template, or another: a code in a foreign tongue beats none."""
    wanted = [language] if language in LANGUAGES else []
    return next(found for tongue in (*wanted, *LANGUAGES) if (found := settings.template(str(tongue)))[0])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
