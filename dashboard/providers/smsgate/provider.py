"""An Android phone as carrier, through the SMSGate app: straight to the phone, or by way of its cloud.

The app's API: https://docs.sms-gate.app/integration/api/ and https://docs.sms-gate.app/features/webhooks/

Our message id is the app's too, so a repeat is answered 409 and never leaves the phone twice.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import SecretStr, model_validator

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused, SendError
from dashboard.providers.base import Incoming, Outcome, Outgoing, Receipt
from dashboard.providers.codes import TEXT_REFUSED, TRY_LATER, Code, CodeBook, _l
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
)
from dashboard.providers.http_base import WebCarrier
from dashboard.providers.kind import CarrierKind
from dashboard.providers.settings import WebSettings, setting, wrong
from dashboard.sms import numbers
from dashboard.vocabulary import Blame, Channel, ReceiptState

CLOUD = "https://api.sms-gate.app/3rdparty/v1"
PARALLEL = 4  # the app answers at once and sends one text after the other
URGENT = 100  # from here on the app skips its own delays between texts
FRESH_SECONDS = 300
RECEIVED = "sms:received"
SUBSCRIBED = ("sms:sent", "sms:delivered", "sms:failed", RECEIVED)  # the app takes one registration an event
EVENTS = {
    "sms:sent": ReceiptState.SENT,
    "sms:delivered": ReceiptState.DELIVERED,
    "sms:failed": ReceiptState.FAILED,
    "sms:cancelled": ReceiptState.FAILED,
}
PENDING = "Pending"  # the app's server has it; the phone has not fetched it
STATES = {
    PENDING: ReceiptState.PENDING,
    "Processed": ReceiptState.SENT,  # the phone has it and has given it to Android
    "Sent": ReceiptState.SENT,
    "Delivered": ReceiptState.DELIVERED,
    "Failed": ReceiptState.FAILED,
    "Cancelled": ReceiptState.FAILED,
}


class SmsGateSettings(WebSettings):
    """Where the phone is, and the credentials that its app shows."""

    problems: ClassVar[Mapping[str, str]] = {"address_needed": _l("In local mode the phone's address is needed")}

    mode: Literal["local", "cloud"] = setting(
        _l("Mode"),
        names={
            "local": _l("The gateway calls the phone itself"),
            "cloud": _l("By way of SMSGate's server, or your own"),
        },
    )
    address: str = setting(
        _l("Address"),
        _l("Of the phone, such as http://192.168.1.20:8080. Of a server: leave empty for SMSGate's."),
        default="",
    )
    username: str = setting(_l("User name"), _l("As the app shows it."), max_length=200)
    password: SecretStr = setting(_l("Password"), max_length=200)
    signing_key: SecretStr = setting(
        _l("Signing key"),
        _l("From the app's Settings › Webhooks; without it delivery reports are refused."),
        default=SecretStr(""),
    )
    sim: int | None = setting(_l("SIM"), _l("Empty: as the app decides."), default=None, ge=1, le=3)
    device_id: str = setting(
        _l("Device ID"),
        _l("By way of a server, with several phones: this one alone."),
        default="",
        max_length=64,
        advanced=True,
    )

    @model_validator(mode="after")
    def _reachable(self) -> SmsGateSettings:
        if self.mode == "local" and not self.address:
            raise wrong("address", "address_needed")
        problem = client.url_problem(self.base_url, self.guard)
        if problem:
            raise wrong("address", problem)
        return self

    @property
    def base_url(self) -> str:
        return (self.address or CLOUD).rstrip("/")


class SmsGate(WebCarrier):
    """One phone, or the phones of one account."""

    def __init__(self, name: str, settings: SmsGateSettings, timeout: float = client.TIMEOUT) -> None:
        self.name = name
        super().__init__(settings, timeout, PARALLEL)
        self.settings = settings
        self.url = f"{settings.base_url}/messages"

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand a text to the phone; raise Refused, NotSent or OutcomeUnknown (which is repeatable)."""
        end = time.monotonic() + self.web.timeout
        with self.pause.watched():
            answer = self._post(outgoing)
            if answer.status == 409:
                return self._known(outgoing.id, end - time.monotonic())
            words = self.words_of(answer, outgoing)
            if not answer.ok:
                raise _error(answer, words)
        pending = dig(answer.json(), "state") == PENDING
        taken = reference(dig(answer.json(), "id")) or outgoing.id
        return Outcome(taken, answer=words, pending=pending, may_ask=True)

    def ask(self, taken: str, timeout: float | None = None) -> Receipt | None:
        """What became of a text, by GET /messages/{id}; PENDING: no phone has fetched it yet, None: nobody knows it."""
        call = HttpCall("GET", f"{self.url}/{quote(taken, safe='')}", self._headers())
        answer = self.web.send(call, timeout)
        state = STATES.get(str(dig(answer.json(), "state"))) if answer.ok else None
        if state is None:
            return None
        code = None
        if state is ReceiptState.FAILED:
            code = _failure(dig(answer.json(), "recipients.0.error"))
        elif state is ReceiptState.PENDING:
            code = "phone_not_fetched"
        return receipt(taken, state, code, message_id=taken)

    def subscribe(self, address: str) -> str | None:
        """Register the app's webhooks under ids that stay, so that a repeat replaces them.

        The app calls https alone, but for its own machine. Without a signing key its calls would be refused.
        """
        if not self.settings.signing_key.get_secret_value():
            return "phone_key_missing"
        if not address.startswith(("https://", "http://127.0.0.1")):
            return "phone_needs_https"
        for event in SUBSCRIBED:
            place = hashlib.sha256(f"{event} {address}".encode()).hexdigest()[:20]
            body = json.dumps({"id": place, "url": address, "event": event}).encode()
            url = f"{self.settings.base_url}/webhooks"
            if not self.web.send(HttpCall("POST", url, self._headers(), body)).ok:
                return "phone_webhooks_refused"
        return None

    def called_back(self, callback: Callback) -> Reply:
        """A signed webhook of the app."""
        key = self.settings.signing_key.get_secret_value()
        if not is_signed_by_app(callback.body, callback.headers, key):
            return FORGED
        if not is_fresh(callback.headers, time.time()):
            return Reply(403, "Forbidden", code="phone_clock")
        over, payload = (*GENUINE, "phone_clock"), client.parse_json(callback.body)
        return Reply(200, receipts=tuple(receipts(payload)), texts=tuple(texts(payload)), over=over)

    def _post(self, outgoing: Outgoing) -> HttpAnswer:
        body = json.dumps(request(self.settings, outgoing, datetime.now(UTC))).encode()
        try:
            return self.web.send(HttpCall("POST", self.url, self._headers(), body))
        except OutcomeUnknown as error:
            code = error.code
        raise OutcomeUnknown(code, repeatable=True)

    def _known(self, taken: str, timeout: float) -> Outcome:
        """An earlier try got through; unless it has failed since, the phone has the text."""
        try:
            known = self.ask(taken, timeout)
        except (NotSent, OutcomeUnknown):
            known = None  # that it is known is enough
        state = known.state if known else ReceiptState.SENT
        if known is not None and state == ReceiptState.FAILED:
            raise Refused(known.code or "phone_failed", blame=Blame.TEXT)
        is_delivered, is_pending = state == ReceiptState.DELIVERED, state == ReceiptState.PENDING
        return Outcome(taken, delivered=is_delivered, pending=is_pending, may_ask=True)

    def _headers(self) -> dict[str, str]:
        pair = f"{self.settings.username}:{self.settings.password.get_secret_value()}"
        return {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            "Content-Type": "application/json",
        }


def request(settings: SmsGateSettings, outgoing: Outgoing, now: datetime) -> dict[str, Any]:
    """The app's message; `ttl` keeps a phone that was offline from sending a dead code."""
    body: dict[str, Any] = {
        "id": outgoing.id,
        "textMessage": {"text": outgoing.text},
        "phoneNumbers": [outgoing.phone],
        "withDeliveryReport": True,
        "ttl": max(1, int((outgoing.valid_until - now).total_seconds())),
        "priority": URGENT if outgoing.code else 0,
    }
    if settings.sim is not None:
        body["simNumber"] = settings.sim
    if settings.device_id:
        body["deviceId"] = settings.device_id
    return body


def is_signed_by_app(raw: bytes, headers: Mapping[str, str], key: str) -> bool:
    """Whether `X-Signature` is the HMAC-SHA256 of the body and `X-Timestamp` (SMSGate's guide to webhooks)."""
    stamp = headers.get("x-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()):
        return False
    return is_signed(key, raw + stamp.encode(), headers.get("x-signature", ""))


def is_fresh(headers: Mapping[str, str], now: float) -> bool:
    """Whether the phone's clock, in `X-Timestamp`, is near `now` (Unix seconds), so that nobody replays old calls."""
    return abs(int(headers["x-timestamp"][:12]) - now) <= FRESH_SECONDS


def receipts(payload: Any) -> list[Receipt]:
    """What a webhook says of a text; none for other events and for garbage.

    The app reports a long text as delivered once for each of its parts.
    """
    event = dig(payload, "event")
    state = EVENTS.get(event) if isinstance(event, str) else None
    taken = reference(dig(payload, "payload.messageId"))
    if state is None or taken is None:
        return []
    error = _failure(dig(payload, "payload.reason")) if state is ReceiptState.FAILED else None
    return [receipt(taken, state, error, _at(dig(payload, "payload")), message_id=taken)]


def texts(payload: Any) -> list[Incoming]:
    """The text that a phone received, as a webhook tells it; none for other events and for garbage.

    Its id is made from its words, so that the same words come again under the same one: the time tells them apart.
    """
    received, text = dig(payload, "payload"), dig(payload, "payload.message")
    sender = dig(received, "sender") or dig(received, "phoneNumber")  # as newer and older versions name it
    if dig(payload, "event") != RECEIVED or not isinstance(text, str) or not isinstance(sender, str):
        return []
    name, at = reference(dig(received, "messageId")), dig(received, "receivedAt")
    recipient = dig(received, "recipient")
    return [
        Incoming(
            numbers.of_carrier(sender) or sender,
            recipient if isinstance(recipient, str) else "",
            text,
            _at(received) or datetime.now(UTC),
            f"{name} {at}" if name and isinstance(at, str) else "",
        )
    ]


def _at(payload: Any) -> datetime | None:
    for name in ("sentAt", "deliveredAt", "failedAt", "cancelledAt", "receivedAt"):
        value = dig(payload, name)
        if isinstance(value, str):
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                return None
            return at.astimezone(UTC) if at.tzinfo else None
        if value is not None:
            return moment(value)
    return None


def _failure(reason: Any) -> str:
    """Android's RESULT_… as phone_…; its free words may hold a number, so they are left out."""
    found = re.search(r"RESULT_(?:ERROR_)?([A-Z_]{3,30})", reason) if isinstance(reason, str) else None
    return f"phone_{found[1].lower().strip('_')}" if found else "phone_failed"


def _error(answer: HttpAnswer, words: str) -> SendError:
    name = f"http_{answer.status}"
    if answer.status in (401, 403, 404, 405) or answer.status < 400:
        return NotSent(name, configuration=True, answer=words)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        return TRY_LATER.error(name, answer.retry_after, words)
    return TEXT_REFUSED.error(name, answer=words)


# Android's SmsManager.RESULT_ERROR_… in small letters, and what the app and its server say.
BOOK = CodeBook(
    {
        "phone_failed": Code(_l("The phone could not send it.")),
        "phone_generic_failure": Code(
            _l("The phone could not send it; its SIM may have no credit."),
            _l("Look at the SIM’s credit, and send a text by hand from the phone."),
            is_of_carrier=True,
        ),
        "phone_radio_off": Code(_l("The phone is in flight mode."), is_of_carrier=True),
        "phone_no_service": Code(_l("The phone has no network."), is_of_carrier=True),
        "phone_limit_exceeded": Code(
            _l("The phone has sent as many texts as Android allows for now."), is_of_carrier=True
        ),
        "phone_short_code_not_allowed": Code(_l("Android does not let the app send to this short code.")),
        "phone_not_fetched": Code(
            _l("The phone has not fetched it yet."),
            _l("See that the phone is on, has Internet, and that the app runs in the background."),
            is_of_carrier=True,
        ),
        "phone_key_missing": Code(
            _l("The app’s reports are not received: the signing key is missing."),
            _l("Enter the signing key of the app. Until then the phone is asked a few times a minute."),
        ),
        "phone_needs_https": Code(
            _l("The app’s reports are not received: the app calls https addresses alone."),
            _l("Set PUBLIC_URL to an https address. Until then the phone is asked a few times a minute."),
        ),
        "phone_webhooks_refused": Code(
            _l("The app did not accept the address of its reports."),
            _l("Update the app. Until then the phone is asked a few times a minute."),
        ),
        "phone_clock": Code(
            _l("A delivery report was refused: the phone’s clock is more than five minutes off."),
            _l("Let the phone set its clock by itself, in its settings."),
        ),
    },
    prefix="phone_",
    unlisted=_l("The phone reported “%(detail)s”."),
)
KIND = CarrierKind(
    "smsgate",
    _l("Android phone"),
    _l("A phone with the SMSGate app and a local SIM"),
    (Channel.SMS,),
    SmsGateSettings,
    lambda name, settings, _host: SmsGate(name, settings),
    BOOK,
)
