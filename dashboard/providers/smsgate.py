"""An Android phone as carrier, through the SMSGate app: straight to the phone, or by way of its cloud.

Our message id is the app's too, so a repeat is answered 409 and never leaves the phone twice.
"""

from __future__ import annotations

import base64
import json
import re
import time
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn
from urllib.parse import quote

from pydantic import SecretStr, model_validator

from dashboard.outbound import client
from dashboard.outbound.client import HttpAnswer, HttpCall
from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import Outcome, Outgoing, Receipt
from dashboard.providers.delivery_reports import FORGED, Callback, Reply, dig, is_signed, moment, receipt, reference
from dashboard.providers.http_base import WebCarrier
from dashboard.providers.settings import WebSettings, _l, setting, wrong

CLOUD = "https://api.sms-gate.app/3rdparty/v1"
PARALLEL = 4  # the app answers at once and sends one text after the other
URGENT = 100  # from here on the app skips its own delays between texts
FRESH_SECONDS = 300
EVENTS = {"sms:sent": "sent", "sms:delivered": "delivered", "sms:failed": "failed", "sms:cancelled": "failed"}
STATES = {"Sent": "sent", "Delivered": "delivered", "Failed": "failed", "Cancelled": "failed"}


class SmsGateSettings(WebSettings):
    """Where the phone is, and the credentials that its app shows."""

    mode: Literal["local", "cloud"] = setting(
        _l("Mode"), _l("local: the gateway calls the phone itself. cloud: by way of SMSGate's server, or your own.")
    )
    address: str = setting(
        _l("Address"), _l("local: such as http://192.168.1.20:8080. cloud: leave empty for SMSGate's."), default=""
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
        _l("Device ID"), _l("cloud, with several phones: this one alone."), default="", max_length=64, advanced=True
    )

    @model_validator(mode="after")
    def _reachable(self) -> SmsGateSettings:
        if self.mode == "local" and not self.address:
            raise wrong("address", _l("In local mode the phone's address is needed"))
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
        super().__init__(settings.guard, timeout, PARALLEL)
        self.settings = settings
        self.url = f"{settings.base_url}/messages"

    def send(self, outgoing: Outgoing) -> Outcome:
        """Hand a text to the phone; raise Refused, NotSent or OutcomeUnknown (which is repeatable)."""
        end = time.monotonic() + self.web.timeout
        with self.pause.watched():
            answer = self._post(outgoing)
            if answer.status == 409:
                return self._known(outgoing.id, end - time.monotonic())
            if not answer.ok:
                _refuse(answer)
        return Outcome(reference(dig(answer.json(), "id")) or outgoing.id)

    def ask(self, taken: str, timeout: float | None = None) -> Receipt | None:
        """Ask what became of a text; None while it is on its way, or when nobody knows it."""
        call = HttpCall("GET", f"{self.url}/{quote(taken, safe='')}", self._headers())
        answer = self.web.send(call, timeout)
        state = STATES.get(str(dig(answer.json(), "state"))) if answer.ok else None
        if state is None:
            return None
        error = _error(dig(answer.json(), "recipients.0.error")) if state == "failed" else None
        return receipt(taken, state, error, message_id=taken)

    def called_back(self, callback: Callback) -> Reply:
        """A signed webhook of the app."""
        key = self.settings.signing_key.get_secret_value()
        if not check_signature(callback.body, callback.headers, key, time.time()):
            return FORGED
        return Reply(200, receipts=tuple(receipts(client.parse_json(callback.body))))

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
            found = self.ask(taken, timeout)
        except (NotSent, OutcomeUnknown):
            found = None  # that it is known is enough
        if found is not None and found.state == "failed":
            raise Refused(found.code or "phone_failed")
        return Outcome(taken, delivered=found is not None and found.state == "delivered")

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


def check_signature(raw: bytes, headers: Any, key: str, now: float) -> bool:
    """Whether `X-Signature` signs the body and a fresh `X-Timestamp`; `now` in Unix seconds."""
    stamp = headers.get("x-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp[:12]) - now) > FRESH_SECONDS:
        return False
    return is_signed(key, raw + stamp.encode(), headers.get("x-signature", ""))


def receipts(payload: Any) -> list[Receipt]:
    """What a webhook says of a text; none for other events and for garbage.

    The app reports a long text as delivered once for each of its parts.
    """
    event = dig(payload, "event")
    state = EVENTS.get(event) if isinstance(event, str) else None
    taken = reference(dig(payload, "payload.messageId"))
    if state is None or taken is None:
        return []
    error = _error(dig(payload, "payload.reason")) if state == "failed" else None
    return [receipt(taken, state, error, _at(dig(payload, "payload")), message_id=taken)]


def _at(payload: Any) -> datetime | None:
    for name in ("sentAt", "deliveredAt", "failedAt", "cancelledAt"):
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


def _error(reason: Any) -> str:
    """Android's RESULT_… as phone_…; its free words may hold a number, so they are left out."""
    found = re.search(r"RESULT_(?:ERROR_)?([A-Z_]{3,30})", reason) if isinstance(reason, str) else None
    return f"phone_{found[1].lower().strip('_')}" if found else "phone_failed"


def _refuse(answer: HttpAnswer) -> NoReturn:
    name = f"http_{answer.status}"
    if answer.status in (401, 403, 404, 405) or answer.status < 400:
        raise NotSent(name, configuration=True)
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise NotSent(name, answer.retry_after)
    raise Refused(name)
