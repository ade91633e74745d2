"""Client of Chinqit Gateway 0.1.0, for Python 3.10 and newer. It needs nothing but Python.

    from chinqit import Chinqit, ChinqitError

    gateway = Chinqit("https://sms.example.mr", "cq_live_...")
    gateway.send_message("+22238089336", "Votre colis est arrivé.")

The gateway makes this file from the description of its API. Change nothing here: take the file of the newer gateway.
"""

from __future__ import annotations

import base64
import hmac
import json
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode, urlsplit

VERSION = "0.1.0"
CODES = {
    400: "invalid_otp",
    401: "api_key_is_required",
    403: "invalid_api_key",
    413: "request_body_too_large",
    500: "internal_server_error",
}

T = TypeVar("T")


class ChinqitError(Exception):
    """A call that did not do what it was asked to, or a webhook that is not genuine.

    `code` is what to branch on: the code of the gateway's answer, or one of `connection_failed`, `timeout`,
    `unexpected_answer`, `webhook_signature` and `webhook_time`. `status` is that of HTTP, 0 without an answer.
    `errors` has one item for each rule that was broken, `retry_after` are seconds, `body` is the whole answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 0,
        request_id: str | None = None,
        retry_after: int | None = None,
        errors: Sequence[Problem] = (),
        body: Mapping[str, Any] | None = None,
    ) -> None:
        details = [f"{'.'.join(one.path)}: {one.message}" if one.path else one.message for one in errors]
        super().__init__(f"{'; '.join([message, *details])} ({code})")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.errors = list(errors)
        self.body = dict(body or {})

    @property
    def retries_left(self) -> int | None:
        """Tries that are left for a code, where the answer says so."""
        left = self.body.get("retriesLeft")
        return left if isinstance(left, int) else None


@dataclass(frozen=True)
class Alarm:
    """What is wrong, by code."""

    ok: bool
    """Whether nothing is wrong."""
    causes: list[str]
    """What is wrong, such as no_worker, backlog, carrier_down, disk or database."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Alarm:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            ok=data["ok"],
            causes=data["causes"],
        )


@dataclass(frozen=True)
class Alive:
    """The web server answers."""

    status: str
    """It answers."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Alive:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            status=data["status"],
        )


@dataclass(frozen=True)
class Attempt:
    """A call to the endpoint."""

    event_id: str
    """The `webhook-id`."""
    type: str
    """What happened."""
    attempt: int
    """1 for the first."""
    at: str
    """A time in UTC."""
    status: int | None
    """Of HTTP; null without an answer."""
    error: str | None
    """Why it failed; null when it did not."""
    duration_ms: int
    """Milliseconds until the answer."""
    answer: str
    """Its first 1,000 characters."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Attempt:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            event_id=data["eventId"],
            type=data["type"],
            attempt=data["attempt"],
            at=data["at"],
            status=data["status"],
            error=data["error"],
            duration_ms=data["durationMs"],
            answer=data["answer"],
        )


@dataclass(frozen=True)
class Attempts:
    """Calls to the endpoint, the newest first."""

    success: bool
    """The call did what it was asked to."""
    attempts: list[Attempt]
    """At most `limit` of them."""
    next: int | None
    """Give it as `after`; null on the last page."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Attempts:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            attempts=[Attempt.of(one) for one in data["attempts"]],
            next=data["next"],
        )


@dataclass(frozen=True)
class BatchTaken:
    """What became of each message of the batch, in the order sent."""

    success: bool
    """The call did what it was asked to."""
    results: list[Queued | NotQueued]
    """One for each message, in the same order."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> BatchTaken:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            results=[Queued.of(one) if "messageId" in one else NotQueued.of(one) for one in data["results"]],
        )


@dataclass(frozen=True)
class BulkRecipient:
    """A text to one phone."""

    phone: str
    """A Mauritanian number, in the forms that `phoneNumber` has elsewhere."""
    message: str
    """The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
    the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
    ends."""

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return _given(
            {
                "phone": self.phone,
                "message": self.message,
            }
        )


@dataclass(frozen=True)
class BulkStatus:
    """How far a batch has come."""

    success: bool
    """The call did what it was asked to."""
    batch_id: str
    """Names the batch."""
    name: str
    """As it was given."""
    status: Literal["scheduled", "processing", "paused", "completed", "cancelled"]
    """`completed`: every text has left, or never will; receipts may still follow. The gateway's team pauses and
    cancels batches. One of `scheduled`, `processing`, `paused`, `completed`, `cancelled`."""
    total_valid: int
    """Rows that were taken."""
    total_invalid: int
    """Rows that were left out."""
    waiting: int
    """Rows whose turn has not come."""
    queued: int
    """Messages that wait for their carrier or are under way."""
    sent: int
    """Messages that a carrier took, and no more is known."""
    delivered: int
    """Messages that arrived."""
    failed: int
    """Messages that failed or expired."""
    skipped: int
    """Rows that no message was made of: opted out, or the batch was cancelled."""
    estimated_cost: float
    """As it was answered when it was sent."""
    created_at: str
    """A time in UTC."""
    completed_at: str | None
    """When it ended, in UTC; null: it has not."""
    waits_until: str | None = None
    """When it begins, or goes on after quiet hours."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> BulkStatus:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            batch_id=data["batchId"],
            name=data["name"],
            status=data["status"],
            total_valid=data["totalValid"],
            total_invalid=data["totalInvalid"],
            waiting=data["waiting"],
            queued=data["queued"],
            sent=data["sent"],
            delivered=data["delivered"],
            failed=data["failed"],
            skipped=data["skipped"],
            estimated_cost=data["estimatedCost"],
            waits_until=data.get("waitsUntil"),
            created_at=data["createdAt"],
            completed_at=data["completedAt"],
        )


@dataclass(frozen=True)
class BulkTaken:
    """Written down durably; the texts follow."""

    success: bool
    """The call did what it was asked to."""
    batch_id: str
    """Names the batch."""
    total_valid: int
    """Rows that were taken."""
    total_invalid: int
    """Rows that broke a rule and were left out."""
    estimated_cost: float
    """What all of it costs at the most, in MRU, by the prices of now; 0 where a price is missing."""
    status: Literal["processing", "scheduled"]
    """What it does. One of `processing`, `scheduled`."""
    invalid_recipients: list[InvalidRecipient]
    """The first 1,000 rows that were left out, in the order given."""
    message: str | None = None
    """For people; it may change."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> BulkTaken:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message=data.get("message"),
            batch_id=data["batchId"],
            total_valid=data["totalValid"],
            total_invalid=data["totalInvalid"],
            estimated_cost=data["estimatedCost"],
            status=data["status"],
            invalid_recipients=[InvalidRecipient.of(one) for one in data["invalidRecipients"]],
        )


@dataclass(frozen=True)
class Caps:
    """How much this key may send in a day (UTC), to all numbers together."""

    messages: int | None
    """Texts; null: no cap."""
    codes: int | None
    """Codes; null: no cap."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Caps:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            messages=data["messages"],
            codes=data["codes"],
        )


@dataclass(frozen=True)
class Described:
    """A message, but for its text."""

    message_id: str
    """Names the message for as long as it is kept."""
    kind: Literal["otp", "message"]
    """A text or a code. One of `otp`, `message`."""
    channel: Literal["sms", "whatsapp", "email"]
    """How it travels. One of `sms`, `whatsapp`, `email`."""
    phone_number: str | None
    """The number in full; null of a code by e-mail."""
    status: Literal["queued", "sending", "sent", "delivered", "failed", "expired"]
    """`queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time passed
    before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`, `failed`,
    `expired`."""
    encoding: Literal["gsm7", "ucs2"]
    """Of the SMS. One of `gsm7`, `ucs2`."""
    segments: int
    """How many SMS it takes."""
    sender: str | None
    """What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own. null
    where neither has one."""
    created_at: str
    """A time in UTC."""
    sent_at: str | None
    """The carrier took it at this time, in UTC; null: it did not."""
    delivered_at: str | None
    """It arrived at this time, in UTC; null: it did not."""
    failed_at: str | None
    """It was given up at this time, in UTC; null: it did not."""
    expired_at: str | None
    """Its time had passed at this time, in UTC; null: it did not."""
    sent_by: Literal["sms", "whatsapp", "email"] | None
    """The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code by
    `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`."""
    error_code: str | None
    """Why the last try to send it failed."""
    confirmed_by: str | None
    """What proved delivery: the carrier's `receipt`, or the verified `otp`."""
    status_history: list[Moved]
    """The states it went through, in order."""
    email: str | None = None
    """Of a code by e-mail: the address in full."""
    steps: list[InTurn] | None = None
    """Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Described:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            message_id=data["messageId"],
            kind=data["kind"],
            channel=data["channel"],
            phone_number=data["phoneNumber"],
            email=data.get("email"),
            status=data["status"],
            encoding=data["encoding"],
            segments=data["segments"],
            sender=data["sender"],
            created_at=data["createdAt"],
            sent_at=data["sentAt"],
            delivered_at=data["deliveredAt"],
            failed_at=data["failedAt"],
            expired_at=data["expiredAt"],
            sent_by=data["sentBy"],
            error_code=data["errorCode"],
            confirmed_by=data["confirmedBy"],
            status_history=[Moved.of(one) for one in data["statusHistory"]],
            steps=None if data.get("steps") is None else [InTurn.of(one) for one in data["steps"]],
        )


@dataclass(frozen=True)
class Done:
    """It is done."""

    success: bool
    """The call did what it was asked to."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Done:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
        )


@dataclass(frozen=True)
class Followed:
    """What became of a message. Never its text."""

    message_id: str
    """Names the message for as long as it is kept."""
    kind: Literal["otp", "message"]
    """A text or a code. One of `otp`, `message`."""
    channel: Literal["sms", "whatsapp", "email"]
    """How it travels. One of `sms`, `whatsapp`, `email`."""
    phone_number: str | None
    """The number in full; null of a code by e-mail."""
    status: Literal["queued", "sending", "sent", "delivered", "failed", "expired"]
    """`queued`, `sending`, `sent`, `delivered`; or it ended as `failed`, or as `expired` because its time passed
    before it could be sent. It never goes back. One of `queued`, `sending`, `sent`, `delivered`, `failed`,
    `expired`."""
    encoding: Literal["gsm7", "ucs2"]
    """Of the SMS. One of `gsm7`, `ucs2`."""
    segments: int
    """How many SMS it takes."""
    sender: str | None
    """What phones show as its sender: that of the key, where the carrier allows it, else the carrier's own. null
    where neither has one."""
    created_at: str
    """A time in UTC."""
    sent_at: str | None
    """The carrier took it at this time, in UTC; null: it did not."""
    delivered_at: str | None
    """It arrived at this time, in UTC; null: it did not."""
    failed_at: str | None
    """It was given up at this time, in UTC; null: it did not."""
    expired_at: str | None
    """Its time had passed at this time, in UTC; null: it did not."""
    sent_by: Literal["sms", "whatsapp", "email"] | None
    """The channel that the carrier took it on; `sms` also for a code by WhatsApp that went by SMS. Of a code by
    `auto`: the last channel that carried it. One of `sms`, `whatsapp`, `email`."""
    error_code: str | None
    """Why the last try to send it failed."""
    confirmed_by: str | None
    """What proved delivery: the carrier's `receipt`, or the verified `otp`."""
    status_history: list[Moved]
    """The states it went through, in order."""
    success: bool
    """The call did what it was asked to."""
    email: str | None = None
    """Of a code by e-mail: the address in full."""
    steps: list[InTurn] | None = None
    """Of a code by `auto`: the messages that carry it, in the order of its key; this message is one of them."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Followed:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            message_id=data["messageId"],
            kind=data["kind"],
            channel=data["channel"],
            phone_number=data["phoneNumber"],
            email=data.get("email"),
            status=data["status"],
            encoding=data["encoding"],
            segments=data["segments"],
            sender=data["sender"],
            created_at=data["createdAt"],
            sent_at=data["sentAt"],
            delivered_at=data["deliveredAt"],
            failed_at=data["failedAt"],
            expired_at=data["expiredAt"],
            sent_by=data["sentBy"],
            error_code=data["errorCode"],
            confirmed_by=data["confirmedBy"],
            status_history=[Moved.of(one) for one in data["statusHistory"]],
            steps=None if data.get("steps") is None else [InTurn.of(one) for one in data["steps"]],
            success=data["success"],
        )


@dataclass(frozen=True)
class InTurn:
    """One of the messages that carry a code in turn."""

    message_id: str
    """Names the message for as long as it is kept."""
    channel: Literal["sms", "whatsapp", "email"]
    """How it travels. One of `sms`, `whatsapp`, `email`."""
    status: Literal["queued", "sending", "sent", "delivered", "failed", "expired"]
    """Its state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`."""
    due_at: str | None
    """While it waits: when its turn comes, in UTC."""
    sent_at: str | None
    """The carrier took it at this time, in UTC; null: it did not."""
    error_code: str | None
    """Why it was not sent: what the carrier said, `code_verified`, `code_locked` or `superseded` where it was
    not needed any more, `budget_exhausted` where a budget had no room for it."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> InTurn:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            message_id=data["messageId"],
            channel=data["channel"],
            status=data["status"],
            due_at=data["dueAt"],
            sent_at=data["sentAt"],
            error_code=data["errorCode"],
        )


@dataclass(frozen=True)
class IncomingText:
    """A text that a phone sent."""

    message_id: str
    """Names the message for as long as it is kept."""
    phone_number: str
    """Who wrote; a foreign number as its carrier gives it."""
    to: str | None
    """Your number; null where the carrier does not say."""
    text: str | None
    """Its words, as long as texts are kept; then null."""
    segments: int
    """How many SMS it came in."""
    keyword: Literal["stop", "start", "help", "reply"] | None
    """What it was understood as, where it was a known word alone: see opt-outs. One of `stop`, `start`, `help`,
    `reply`."""
    received_at: str
    """A time in UTC."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> IncomingText:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            message_id=data["messageId"],
            phone_number=data["phoneNumber"],
            to=data["to"],
            text=data["text"],
            segments=data["segments"],
            keyword=data["keyword"],
            received_at=data["receivedAt"],
        )


@dataclass(frozen=True)
class InvalidRecipient:
    """A row that was not taken."""

    phone: str
    """As it was given; empty where it was no text."""
    reason: str
    """The code of the rule that it breaks, as in `errors`."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> InvalidRecipient:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            phone=data["phone"],
            reason=data["reason"],
        )


@dataclass(frozen=True)
class Limits:
    """How many codes this key may send to one number. A number can have limits of its own."""

    minute: int | None
    """Codes in 60 seconds; null: no limit."""
    hour: int | None
    """Codes in 3,600 seconds; null: no limit."""
    day: int | None
    """Codes in 86,400 seconds; null: no limit."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Limits:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            minute=data["minute"],
            hour=data["hour"],
            day=data["day"],
        )


@dataclass(frozen=True)
class Me:
    """The API key that was presented."""

    success: bool
    """The call did what it was asked to."""
    name: str
    """As it is called in the dashboard."""
    mode: Literal["live", "test"]
    """`test` keys reach the sandbox phone only. One of `live`, `test`."""
    scopes: list[Literal["send", "otp", "read", "webhooks"]]
    """What it may do. One of `send`, `otp`, `read`, `webhooks`."""
    limits: Limits
    """On codes for one number."""
    daily_caps: Caps
    """On all that it sends in a day."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Me:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            name=data["name"],
            mode=data["mode"],
            scopes=data["scopes"],
            limits=Limits.of(data["limits"]),
            daily_caps=Caps.of(data["dailyCaps"]),
        )


@dataclass(frozen=True)
class MessagePage:
    """Messages of this API key, the newest first."""

    success: bool
    """The call did what it was asked to."""
    messages: list[Described | IncomingText]
    """At most `limit` of them."""
    next: str | None
    """Give it as `after` to get the next page; null on the last one."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> MessagePage:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            messages=[Described.of(one) if "kind" in one else IncomingText.of(one) for one in data["messages"]],
            next=data["next"],
        )


@dataclass(frozen=True)
class Moved:
    """A state that the message reached."""

    status: Literal["queued", "sending", "sent", "delivered", "failed", "expired"]
    """The state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`."""
    at: str
    """A time in UTC."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Moved:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            status=data["status"],
            at=data["at"],
        )


@dataclass(frozen=True)
class NotQueued:
    """This message of the batch broke a rule; nothing was sent."""

    success: bool
    """This message was refused."""
    errors: list[Problem]
    """What is wrong with it."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> NotQueued:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            errors=[Problem.of(one) for one in data["errors"]],
        )


@dataclass(frozen=True)
class OtpSent:
    """A new code, valid from now on."""

    success: bool
    """The call did what it was asked to."""
    message_id: str
    """Names the message for as long as it is kept."""
    expires_in: int
    """Seconds for which the code is valid."""
    sent_by: Literal["sms", "whatsapp", "email"] | None = None
    """There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
    channel that carries it first. One of `sms`, `whatsapp`, `email`."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> OtpSent:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message_id=data["messageId"],
            expires_in=data["expiresIn"],
            sent_by=data.get("sentBy"),
        )


@dataclass(frozen=True)
class OtpVerified:
    """The code was right; it is used up."""

    success: bool
    """The call did what it was asked to."""
    message: str
    """For people."""
    verified: bool
    """The code was right."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> OtpVerified:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message=data["message"],
            verified=data["verified"],
        )


@dataclass(frozen=True)
class PricedOtpSent:
    """A new code, valid from now on, and what its text is expected to cost."""

    success: bool
    """The call did what it was asked to."""
    message_id: str
    """Names the message for as long as it is kept."""
    expires_in: int
    """Seconds for which the code is valid."""
    parts: int
    """How many SMS the text takes."""
    encoding: Literal["gsm7", "ucs2"]
    """Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`."""
    length: int
    """Septets of the GSM alphabet, or UTF-16 units, by its `encoding`."""
    price_per_message: float | None
    """Of one SMS in MRU, to four digits; null where no price is set."""
    cost: float | None
    """Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is charged
    follows from the carrier that accepts the message."""
    sent_by: Literal["sms", "whatsapp", "email"] | None = None
    """There when a code asked for by WhatsApp went by SMS; it verifies under either channel. With `auto`: the
    channel that carries it first. One of `sms`, `whatsapp`, `email`."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> PricedOtpSent:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message_id=data["messageId"],
            expires_in=data["expiresIn"],
            sent_by=data.get("sentBy"),
            parts=data["parts"],
            encoding=data["encoding"],
            length=data["length"],
            price_per_message=data["pricePerMessage"],
            cost=data["cost"],
        )


@dataclass(frozen=True)
class PricedQueued:
    """Written down durably; delivery follows. What it is expected to cost."""

    success: bool
    """The call did what it was asked to."""
    message_id: str
    """Names the message for as long as it is kept."""
    queued: bool
    """It waits for delivery."""
    parts: int
    """How many SMS the text takes."""
    encoding: Literal["gsm7", "ucs2"]
    """Of the text; `ucs2` holds fewer characters. One of `gsm7`, `ucs2`."""
    length: int
    """Septets of the GSM alphabet, or UTF-16 units, by its `encoding`."""
    price_per_message: float | None
    """Of one SMS in MRU, to four digits; null where no price is set."""
    cost: float | None
    """Of all `parts` in MRU, by the price of now; null where no price is set, 0 on the sandbox. What is charged
    follows from the carrier that accepts the message."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> PricedQueued:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message_id=data["messageId"],
            queued=data["queued"],
            parts=data["parts"],
            encoding=data["encoding"],
            length=data["length"],
            price_per_message=data["pricePerMessage"],
            cost=data["cost"],
        )


@dataclass(frozen=True)
class Problem:
    """A rule that was broken."""

    path: list[str]
    """The field; empty when it is about the whole call."""
    message: str
    """For people; it may change."""
    code: str
    """For programs; it does not change."""
    window: Literal["minute", "hour", "day"] | None = None
    """With `rate_limited`: the window that is full. One of `minute`, `hour`, `day`."""
    limit: int | None = None
    """With `rate_limited`, `daily_cap` and `budget_slowed`: how many are allowed."""
    budget: Literal["key", "gateway"] | None = None
    """With `budget_exhausted`: whose budget it is. One of `key`, `gateway`."""
    period: Literal["day", "month"] | None = None
    """With `budget_exhausted`: what the budget is for. One of `day`, `month`."""
    required_amount: float | None = None
    """With `budget_exhausted`: what all that was refused would have cost, to four digits."""
    remaining: float | None = None
    """With `budget_exhausted`: what the budget has left."""
    currency: str | None = None
    """With `budget_exhausted`: of both amounts."""
    starts_again_at: str | None = None
    """With `budget_exhausted`: when the budget starts again."""
    retry_after: int | None = None
    """Seconds to wait, where waiting helps."""
    reason: str | None = None
    """With `provider_error` and `provider_timeout`: what WhatsApp said."""
    retryable: bool | None = None
    """Whether the same call may succeed later."""
    message_id: str | None = None
    """The message that the call made. With `provider_timeout` its code is valid and may still arrive."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Problem:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            path=data["path"],
            message=data["message"],
            code=data["code"],
            window=data.get("window"),
            limit=data.get("limit"),
            budget=data.get("budget"),
            period=data.get("period"),
            required_amount=data.get("requiredAmount"),
            remaining=data.get("remaining"),
            currency=data.get("currency"),
            starts_again_at=data.get("startsAgainAt"),
            retry_after=data.get("retryAfter"),
            reason=data.get("reason"),
            retryable=data.get("retryable"),
            message_id=data.get("messageId"),
        )


@dataclass(frozen=True)
class Queued:
    """Written down durably; delivery follows."""

    success: bool
    """The call did what it was asked to."""
    message_id: str
    """Names the message for as long as it is kept."""
    queued: bool
    """It waits for delivery."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Queued:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            message_id=data["messageId"],
            queued=data["queued"],
        )


@dataclass(frozen=True)
class Ready:
    """Database, Valkey and the processes behind, told apart."""

    ready: bool
    """Whether all parts work."""
    database: Literal["ok", "down"]
    """Whether this part works. One of `ok`, `down`."""
    valkey: Literal["ok", "down"]
    """Whether this part works. One of `ok`, `down`."""
    relay: Literal["ok", "down"]
    """Whether this part works. One of `ok`, `down`."""
    workers: dict[str, int]
    """How many workers of each lane gave a sign lately."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Ready:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            ready=data["ready"],
            database=data["database"],
            valkey=data["valkey"],
            relay=data["relay"],
            workers=data["workers"],
        )


@dataclass(frozen=True)
class Received:
    """A text on the sandbox phone."""

    message_id: str
    """Names the message for as long as it is kept."""
    channel: Literal["sms", "whatsapp", "email"]
    """How it came. One of `sms`, `whatsapp`, `email`."""
    text: str
    """As the phone shows it, codes in full."""
    received_at: str
    """A time in UTC."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Received:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            message_id=data["messageId"],
            channel=data["channel"],
            text=data["text"],
            received_at=data["receivedAt"],
        )


@dataclass(frozen=True)
class ReceivedTexts:
    """What a number received, the newest last."""

    success: bool
    """The call did what it was asked to."""
    messages: list[Received]
    """At most `limit` of them."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> ReceivedTexts:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            messages=[Received.of(one) for one in data["messages"]],
        )


@dataclass(frozen=True)
class Replayed:
    """The events are due again."""

    success: bool
    """The call did what it was asked to."""
    replayed: int
    """How many."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Replayed:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            replayed=data["replayed"],
        )


@dataclass(frozen=True)
class SecretRotated:
    """The new secret. Until `previousUntil`, calls bear both signatures."""

    success: bool
    """The call did what it was asked to."""
    secret: str
    """What calls are signed with. It is shown in this answer only."""
    previous_until: str
    """A time in UTC."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> SecretRotated:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            secret=data["secret"],
            previous_until=data["previousUntil"],
        )


@dataclass(frozen=True)
class SendMessage:
    """A text to one phone."""

    phone_number: str
    """A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in front. No
    blanks, no dashes."""
    message: str
    """The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530 characters of
    the GSM alphabet, or 670 UTF-16 units with any other character. No control characters but tab and line
    ends."""
    hash: str | None = None
    """The 11 characters of an Android app for SMS Retriever; they become the last line of the text. Ignored for
    WhatsApp and e-mail."""

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return _given(
            {
                "phoneNumber": self.phone_number,
                "hash": self.hash,
                "message": self.message,
            }
        )


@dataclass(frozen=True)
class TestSent:
    """A `webhook.test` is on its way."""

    success: bool
    """The call did what it was asked to."""
    event_id: str
    """The `webhook-id` that it bears."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> TestSent:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            event_id=data["eventId"],
        )


@dataclass(frozen=True)
class Webhook:
    """An endpoint, but for its secret."""

    webhook_id: str
    """Names the endpoint."""
    url: str
    """Where events go: by POST, over https."""
    description: str
    """For people: one line of at most 80 characters."""
    events: list[str]
    """The events that it gets."""
    envelope: Literal["standard", "v2"]
    """What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
    `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
    `standard`, `v2`."""
    state: Literal["active", "failing", "disabled"]
    """`failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`."""
    disabled_reason: Literal["asked", "gone", "failing"] | None
    """Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`."""
    created_at: str
    """A time in UTC."""
    disabled_at: str | None
    """When it was disabled; in UTC, or null."""
    failing_since: str | None
    """When it began to fail; in UTC, or null."""
    last_attempt_at: str | None
    """When it was last called; in UTC, or null."""
    last_status: int | None
    """Of HTTP, in answer to the last call."""
    last_error: str | None
    """Why the last call failed."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Webhook:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            webhook_id=data["webhookId"],
            url=data["url"],
            description=data["description"],
            events=data["events"],
            envelope=data["envelope"],
            state=data["state"],
            disabled_reason=data["disabledReason"],
            created_at=data["createdAt"],
            disabled_at=data["disabledAt"],
            failing_since=data["failingSince"],
            last_attempt_at=data["lastAttemptAt"],
            last_status=data["lastStatus"],
            last_error=data["lastError"],
        )


@dataclass(frozen=True)
class WebhookList:
    """The endpoints of this API key, oldest first."""

    success: bool
    """The call did what it was asked to."""
    webhooks: list[Webhook]
    """At most ten."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> WebhookList:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            success=data["success"],
            webhooks=[Webhook.of(one) for one in data["webhooks"]],
        )


@dataclass(frozen=True)
class WebhookMade:
    """A new endpoint with its secret."""

    webhook_id: str
    """Names the endpoint."""
    url: str
    """Where events go: by POST, over https."""
    description: str
    """For people: one line of at most 80 characters."""
    events: list[str]
    """The events that it gets."""
    envelope: Literal["standard", "v2"]
    """What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
    `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
    `standard`, `v2`."""
    state: Literal["active", "failing", "disabled"]
    """`failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`."""
    disabled_reason: Literal["asked", "gone", "failing"] | None
    """Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`."""
    created_at: str
    """A time in UTC."""
    disabled_at: str | None
    """When it was disabled; in UTC, or null."""
    failing_since: str | None
    """When it began to fail; in UTC, or null."""
    last_attempt_at: str | None
    """When it was last called; in UTC, or null."""
    last_status: int | None
    """Of HTTP, in answer to the last call."""
    last_error: str | None
    """Why the last call failed."""
    success: bool
    """The call did what it was asked to."""
    secret: str
    """What calls are signed with. It is shown in this answer only."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> WebhookMade:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            webhook_id=data["webhookId"],
            url=data["url"],
            description=data["description"],
            events=data["events"],
            envelope=data["envelope"],
            state=data["state"],
            disabled_reason=data["disabledReason"],
            created_at=data["createdAt"],
            disabled_at=data["disabledAt"],
            failing_since=data["failingSince"],
            last_attempt_at=data["lastAttemptAt"],
            last_status=data["lastStatus"],
            last_error=data["lastError"],
            success=data["success"],
            secret=data["secret"],
        )


@dataclass(frozen=True)
class WebhookShown:
    """An endpoint."""

    webhook_id: str
    """Names the endpoint."""
    url: str
    """Where events go: by POST, over https."""
    description: str
    """For people: one line of at most 80 characters."""
    events: list[str]
    """The events that it gets."""
    envelope: Literal["standard", "v2"]
    """What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
    `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike. One of
    `standard`, `v2`."""
    state: Literal["active", "failing", "disabled"]
    """`failing`: the last call failed; it is tried again. One of `active`, `failing`, `disabled`."""
    disabled_reason: Literal["asked", "gone", "failing"] | None
    """Somebody asked for it, it answered 410, or it failed for five days. One of `asked`, `gone`, `failing`."""
    created_at: str
    """A time in UTC."""
    disabled_at: str | None
    """When it was disabled; in UTC, or null."""
    failing_since: str | None
    """When it began to fail; in UTC, or null."""
    last_attempt_at: str | None
    """When it was last called; in UTC, or null."""
    last_status: int | None
    """Of HTTP, in answer to the last call."""
    last_error: str | None
    """Why the last call failed."""
    success: bool
    """The call did what it was asked to."""

    @classmethod
    def of(cls, data: dict[str, Any]) -> WebhookShown:
        """From an answer; raise KeyError or TypeError."""
        return cls(
            webhook_id=data["webhookId"],
            url=data["url"],
            description=data["description"],
            events=data["events"],
            envelope=data["envelope"],
            state=data["state"],
            disabled_reason=data["disabledReason"],
            created_at=data["createdAt"],
            disabled_at=data["disabledAt"],
            failing_since=data["failingSince"],
            last_attempt_at=data["lastAttemptAt"],
            last_status=data["lastStatus"],
            last_error=data["lastError"],
            success=data["success"],
        )


class Chinqit:
    """The calls of a gateway, with one key. It may be shared by threads.

    A call that fails raises ChinqitError. Those that change nothing, and those that bear an Idempotency-Key, which is
    made here unless you give one, are sent again when no answer came, and on 429, 500 and 503 with a Retry-After of no
    more than `longest_wait`: `retries` times at most. All lengths are seconds; `timeout` is for each step of a try.
    """

    def __init__(
        self, address: str, key: str, *, timeout: float = 20, retries: int = 2, longest_wait: float = 5
    ) -> None:
        parts = urlsplit(address.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"Not the address of a gateway: {address!r}")
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path.rstrip("/")
        self._connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._key = key.strip()
        if not self._key or not self._key.isascii() or not self._key.isprintable():
            raise ValueError("The key is empty, or holds characters that no key has")
        self._timeout, self._retries, self._longest_wait = timeout, retries, longest_wait

    def alarm(
        self,
    ) -> Alarm:
        """Is anything wrong?"""
        return self._call(
            Alarm.of,
            "GET",
            "/alarm",
            answers=(200, 503),
            needs_key=False,
        )

    def healthz(
        self,
    ) -> Alive:
        """Is the web server up?"""
        return self._call(
            Alive.of,
            "GET",
            "/healthz",
            needs_key=False,
        )

    def me(
        self,
    ) -> Me:
        """Look at your API key."""
        return self._call(
            Me.of,
            "GET",
            "/me",
        )

    def list_messages(
        self,
        *,
        limit: int | None = None,
        after: str | None = None,
        direction: Literal["out", "in"] | None = None,
        status: Literal["queued", "sending", "sent", "delivered", "failed", "expired"] | None = None,
        channel: Literal["sms", "whatsapp", "email"] | None = None,
        kind: Literal["otp", "message"] | None = None,
        phone_number: str | None = None,
        email: str | None = None,
        from_: str | None = None,
        to: str | None = None,
    ) -> MessagePage:
        """List messages.

        limit: How many at most.
        after: `next` of the page before.
        direction: `out`: what you sent. `in`: texts of phones that you wrote to last; then `status`, `kind` and
            `channel` are not taken, `phoneNumber` is who wrote, and each has `messageId`, `phoneNumber`,
            `to`, `text`, `segments`, `keyword` and `receivedAt`. One of `out`, `in`.
        status: Only messages in this state. One of `queued`, `sending`, `sent`, `delivered`, `failed`, `expired`.
        channel: Only messages on this channel. One of `sms`, `whatsapp`, `email`.
        kind: Only texts, or only codes. One of `otp`, `message`.
        phone_number: Only messages to this number, in any form.
        email: Only codes to this e-mail address, in place of a number.
        from_: Accepted at this time or later.
        to: Accepted before this time.
        """
        return self._call(
            MessagePage.of,
            "GET",
            "/messages",
            query={
                "limit": limit,
                "after": after,
                "direction": direction,
                "status": status,
                "channel": channel,
                "kind": kind,
                "phoneNumber": phone_number,
                "email": email,
                "from": from_,
                "to": to,
            },
        )

    def follow_message(
        self,
        message_id: str,
    ) -> Followed:
        """Follow a message.

        message_id: As the call that sent it gave it.
        """
        return self._call(
            Followed.of,
            "GET",
            f"/messages/{_part(message_id)}",
        )

    def send_batch(
        self,
        messages: Sequence[SendMessage],
        *,
        idempotency_key: str | None = None,
    ) -> BatchTaken:
        """Send many texts.

        messages: 1 to 1,000 messages. One that breaks a rule does not hold back the others.
        """
        return self._call(
            BatchTaken.of,
            "POST",
            "/messages/batch",
            body={
                "messages": messages,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def send_message(
        self,
        phone_number: str,
        message: str,
        *,
        hash: str | None = None,
        idempotency_key: str | None = None,
    ) -> Queued:
        """Send a text.

        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        message: The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
            characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control
            characters but tab and line ends.
        hash: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
            Ignored for WhatsApp and e-mail.
        """
        return self._call(
            Queued.of,
            "POST",
            "/messages/send",
            body={
                "phoneNumber": phone_number,
                "hash": hash,
                "message": message,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def send_otp(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        channel: Literal["sms", "whatsapp", "email", "auto"] | None = None,
        language: Literal["fr", "en", "ar"] | None = None,
        hash: str | None = None,
        idempotency_key: str | None = None,
    ) -> OtpSent:
        """Send a code.

        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        email: With `channel` `email`, instead of the number: one address, without a name. Capital and small
            letters are the same. To send with `auto`, beside the number: the code goes there when the order
            comes to e-mail.
        channel: How the code travels; in any case of letters. `auto`: by the channels of the key's order, one
            after the other, until the code is verified; by SMS where the key has none. One of `sms`,
            `whatsapp`, `email`, `auto`.
        language: Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out:
            the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
        hash: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
            Ignored for WhatsApp and e-mail.
        """
        return self._call(
            OtpSent.of,
            "POST",
            "/otp/send",
            body={
                "phoneNumber": phone_number,
                "email": email,
                "channel": channel,
                "language": language,
                "hash": hash,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def verify_otp(
        self,
        otp: str,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        channel: Literal["sms", "whatsapp", "email", "auto"] | None = None,
        idempotency_key: str | None = None,
    ) -> OtpVerified:
        """Check a code.

        otp: The six digits, as a string. Anything else is refused and costs no try.
        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        email: With `channel` `email`, instead of the number: one address, without a name. Capital and small
            letters are the same. To send with `auto`, beside the number: the code goes there when the order
            comes to e-mail.
        channel: How the code travels; in any case of letters. `auto`: by the channels of the key's order, one
            after the other, until the code is verified; by SMS where the key has none. One of `sms`,
            `whatsapp`, `email`, `auto`.
        """
        return self._call(
            OtpVerified.of,
            "POST",
            "/otp/verify",
            body={
                "phoneNumber": phone_number,
                "email": email,
                "channel": channel,
                "otp": otp,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def readyz(
        self,
    ) -> Ready:
        """Does everything behind it work?"""
        return self._call(
            Ready.of,
            "GET",
            "/readyz",
            answers=(200, 503),
            needs_key=False,
        )

    def read_inbox(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        limit: int | None = None,
    ) -> ReceivedTexts:
        """Read the sandbox phone.

        phone_number: The number, in any form.
        email: The e-mail address, in place of a number.
        limit: How many at most.
        """
        return self._call(
            ReceivedTexts.of,
            "GET",
            "/sandbox/inbox",
            query={
                "phoneNumber": phone_number,
                "email": email,
                "limit": limit,
            },
        )

    def list_webhooks(
        self,
    ) -> WebhookList:
        """List webhooks."""
        return self._call(
            WebhookList.of,
            "GET",
            "/webhooks",
        )

    def create_webhook(
        self,
        url: str,
        *,
        events: Sequence[str] | None = None,
        description: str | None = None,
        envelope: Literal["standard", "v2"] | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookMade:
        """Create a webhook.

        url: Where events go: by POST, over https.
        events: The events that it wants; left out: all, but for `message.rejected` in the `standard` envelope.
            One of `message.sent`, `message.delivered`, `message.failed`, `message.expired`,
            `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`, `bulk.completed`.
        description: For people: one line of at most 80 characters.
        envelope: What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
            `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
            One of `standard`, `v2`.
        """
        return self._call(
            WebhookMade.of,
            "POST",
            "/webhooks",
            body={
                "url": url,
                "events": events,
                "description": description,
                "envelope": envelope,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def show_webhook(
        self,
        webhook_id: str,
    ) -> WebhookShown:
        """Look at a webhook.

        webhook_id: As the call that made it gave it.
        """
        return self._call(
            WebhookShown.of,
            "GET",
            f"/webhooks/{_part(webhook_id)}",
        )

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        envelope: Literal["standard", "v2"] | None = None,
        enabled: bool | None = None,
    ) -> WebhookShown:
        """Change a webhook.

        webhook_id: As the call that made it gave it.
        url: Where events go: by POST, over https.
        events: The events that it wants. One of `message.sent`, `message.delivered`, `message.failed`,
            `message.expired`, `message.rejected`, `message.received`, `otp.verified`, `otp.exhausted`,
            `bulk.completed`.
        description: For people: one line of at most 80 characters.
        envelope: What events are wrapped in: `standard` is `type`, `timestamp` and `data`; `v2` is `id`, `type`,
            `createdAt` and `data`, as the hosted service's second generation has it. Both are signed alike.
            One of `standard`, `v2`.
        enabled: `false` stops all calls.
        """
        return self._call(
            WebhookShown.of,
            "PATCH",
            f"/webhooks/{_part(webhook_id)}",
            body={
                "url": url,
                "events": events,
                "description": description,
                "envelope": envelope,
                "enabled": enabled,
            },
        )

    def delete_webhook(
        self,
        webhook_id: str,
    ) -> Done:
        """Delete a webhook.

        webhook_id: As the call that made it gave it.
        """
        return self._call(
            Done.of,
            "DELETE",
            f"/webhooks/{_part(webhook_id)}",
        )

    def list_attempts(
        self,
        webhook_id: str,
        *,
        limit: int | None = None,
        after: int | None = None,
    ) -> Attempts:
        """List its attempts.

        webhook_id: As the call that made it gave it.
        limit: How many at most.
        after: `next` of the page before.
        """
        return self._call(
            Attempts.of,
            "GET",
            f"/webhooks/{_part(webhook_id)}/attempts",
            query={
                "limit": limit,
                "after": after,
            },
        )

    def replay_events(
        self,
        webhook_id: str,
        *,
        event_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        only: Literal["undelivered", "all"] | None = None,
    ) -> Replayed:
        """Replay events.

        webhook_id: As the call that made it gave it.
        event_id: The `webhook-id` of one event.
        since: Of a period: events from here on.
        until: Of a period: up to here; now, if left out.
        only: Of a period: only what has not arrived, or all. One of `undelivered`, `all`.
        """
        return self._call(
            Replayed.of,
            "POST",
            f"/webhooks/{_part(webhook_id)}/replay",
            body={
                "eventId": event_id,
                "since": since,
                "until": until,
                "only": only,
            },
        )

    def rotate_secret(
        self,
        webhook_id: str,
    ) -> SecretRotated:
        """Rotate its secret.

        webhook_id: As the call that made it gave it.
        """
        return self._call(
            SecretRotated.of,
            "POST",
            f"/webhooks/{_part(webhook_id)}/rotate",
        )

    def test_webhook(
        self,
        webhook_id: str,
    ) -> TestSent:
        """Send a test event.

        webhook_id: As the call that made it gave it.
        """
        return self._call(
            TestSent.of,
            "POST",
            f"/webhooks/{_part(webhook_id)}/test",
        )

    def send_bulk(
        self,
        recipients: Sequence[BulkRecipient],
        *,
        name: str | None = None,
        scheduled_at: str | None = None,
        pace: int | None = None,
        urgent: bool | None = None,
        idempotency_key: str | None = None,
    ) -> BulkTaken:
        """Send texts to many numbers.

        recipients: 1 to 50,000 rows. One that breaks a rule does not hold back the others.
        name: For people: at most 80 characters.
        scheduled_at: When it begins, at most 7 days from now; left out: now.
        pace: Texts a second at the most; left out: as many as the carriers take.
        urgent: `true`: it does not wait for the end of quiet hours.
        """
        return self._call(
            BulkTaken.of,
            "POST",
            "/api/v2/bulk/send",
            body={
                "recipients": recipients,
                "name": name,
                "scheduledAt": scheduled_at,
                "pace": pace,
                "urgent": urgent,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
            answers=(202,),
        )

    def follow_bulk(
        self,
        batch_id: str,
    ) -> BulkStatus:
        """Follow a batch.

        batch_id: As the call that sent it gave it.
        """
        return self._call(
            BulkStatus.of,
            "GET",
            f"/api/v2/bulk/status/{_part(batch_id)}",
        )

    def verify_otp_v2(
        self,
        otp: str,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        channel: Literal["sms", "whatsapp", "email", "auto"] | None = None,
        idempotency_key: str | None = None,
    ) -> OtpVerified:
        """Check a code.

        otp: The six digits, as a string. Anything else is refused and costs no try.
        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        email: With `channel` `email`, instead of the number: one address, without a name. Capital and small
            letters are the same. To send with `auto`, beside the number: the code goes there when the order
            comes to e-mail.
        channel: How the code travels; in any case of letters. `auto`: by the channels of the key's order, one
            after the other, until the code is verified; by SMS where the key has none. One of `sms`,
            `whatsapp`, `email`, `auto`.
        """
        return self._call(
            OtpVerified.of,
            "POST",
            "/api/v2/check",
            body={
                "phoneNumber": phone_number,
                "email": email,
                "channel": channel,
                "otp": otp,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def send_otp_v2(
        self,
        *,
        phone_number: str | None = None,
        email: str | None = None,
        channel: Literal["sms", "whatsapp", "email", "auto"] | None = None,
        language: Literal["fr", "en", "ar"] | None = None,
        hash: str | None = None,
        idempotency_key: str | None = None,
    ) -> PricedOtpSent:
        """Send a code.

        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        email: With `channel` `email`, instead of the number: one address, without a name. Capital and small
            letters are the same. To send with `auto`, beside the number: the code goes there when the order
            comes to e-mail.
        channel: How the code travels; in any case of letters. `auto`: by the channels of the key's order, one
            after the other, until the code is verified; by SMS where the key has none. One of `sms`,
            `whatsapp`, `email`, `auto`.
        language: Of the text around the code. Of a locale such as `fr-FR`, what stands in front decides. Left out:
            the one that the owner chose, French at first. One of `fr`, `en`, `ar`.
        hash: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
            Ignored for WhatsApp and e-mail.
        """
        return self._call(
            PricedOtpSent.of,
            "POST",
            "/api/v2/code",
            body={
                "phoneNumber": phone_number,
                "email": email,
                "channel": channel,
                "language": language,
                "hash": hash,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def send_message_v2(
        self,
        phone_number: str,
        message: str,
        *,
        hash: str | None = None,
        idempotency_key: str | None = None,
    ) -> PricedQueued:
        """Send a text.

        phone_number: A Mauritanian number: eight digits that begin with 2, 3 or 4, with or without 222 or +222 in
            front. No blanks, no dashes.
        message: The text, 1 to 10 SMS segments, delivered as given, but that CR LF becomes LF: up to 1,530
            characters of the GSM alphabet, or 670 UTF-16 units with any other character. No control
            characters but tab and line ends.
        hash: The 11 characters of an Android app for SMS Retriever; they become the last line of the text.
            Ignored for WhatsApp and e-mail.
        """
        return self._call(
            PricedQueued.of,
            "POST",
            "/api/v2/notify",
            body={
                "phoneNumber": phone_number,
                "hash": hash,
                "message": message,
            },
            idempotency_key=idempotency_key or str(uuid.uuid4()),
        )

    def _call(
        self,
        read: Callable[[dict[str, Any]], T],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        answers: Sequence[int] = (200,),
        needs_key: bool = True,
    ) -> T:
        target = self._path + path + ("?" + urlencode(_given(query)) if query and _given(query) else "")
        headers = {"Accept": "application/json", "User-Agent": f"chinqit-python/{VERSION}"}
        headers |= {"X-API-Key": self._key} if needs_key else {}
        headers |= {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(_given(body), default=lambda one: one.to_json()).encode()
        retries = self._retries if method == "GET" or idempotency_key else 0
        tried = 0
        while True:
            try:
                return self._ask(read, method, target, headers, content, answers)
            except ChinqitError as error:
                wait = self._wait(error, tried)
                if tried == retries or wait is None:
                    raise
            time.sleep(wait)
            tried += 1

    def _ask(
        self,
        read: Callable[[dict[str, Any]], T],
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes | None,
        answers: Sequence[int],
    ) -> T:
        connection = self._connect(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, target, content, dict(headers))
            response = connection.getresponse()
            text = response.read()
        except (OSError, HTTPException) as fault:
            code = "timeout" if isinstance(fault, TimeoutError) else "connection_failed"
            raise ChinqitError(code, str(fault) or type(fault).__name__) from fault
        finally:
            connection.close()
        status, request_id = response.status, response.headers.get("X-Request-Id")
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        if status in answers:
            try:
                return read(body)
            except (KeyError, TypeError, AttributeError) as fault:
                message = "The answer is not one of this gateway's version"
                raise ChinqitError("unexpected_answer", message, status=status, request_id=request_id) from fault
        raise _refusal(status, response.headers, body if isinstance(body, dict) else {})

    def _wait(self, error: ChinqitError, tried: int) -> float | None:
        """Seconds after which a call may be sent again; None: it may not."""
        if error.code in ("timeout", "connection_failed"):
            return 0.5 * (1 << tried) * random.uniform(0.5, 1)  # noqa: S311  # so that not all callers come back at once
        wait = error.retry_after if error.status in (429, 500, 503) else None
        return wait if wait is not None and wait <= self._longest_wait else None


def verify_webhook(
    secret: str | Sequence[str], headers: Mapping[str, str], body: bytes | str, *, tolerance: float = 300
) -> dict[str, Any]:
    """The event that a call to your webhook bears; raise ChinqitError when it is not genuine or older than `tolerance`.

    Give the headers and the body as they came, byte for byte, before a framework reads it. While secrets are being
    rotated, several may be given; one right signature is enough. What is checked is Standard Webhooks 1.0.
    """
    given = {name.lower(): value for name, value in headers.items()}
    sent = given.get("webhook-timestamp", "")
    content = body.encode() if isinstance(body, str) else body
    signed = f"{given.get('webhook-id', '')}.{sent}.".encode() + content
    signatures = given.get("webhook-signature", "").split(" ")
    right = False
    for one in [secret] if isinstance(secret, str) else secret:
        key = base64.b64decode(one.strip().removeprefix("whsec_"))
        wanted = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        for signature in signatures:
            right |= hmac.compare_digest(wanted.encode(), signature.encode())
    if not right:
        raise ChinqitError("webhook_signature", "No signature of this call is right")
    if not (sent.isascii() and sent.isdecimal()) or abs(time.time() - int(sent)) > tolerance:
        raise ChinqitError("webhook_time", "This call was signed too long ago, or in the future")
    event: dict[str, Any] = json.loads(content)
    return event


def _refusal(status: int, headers: HTTPMessage, body: dict[str, Any]) -> ChinqitError:
    is_ours = body.get("success") is False
    errors = [Problem.of(one) for one in body.get("errors", ())] if is_ours else []
    usual = CODES.get(status, f"http_{status}") if is_ours else f"http_{status}"
    waits = [int(word) for word in [headers.get("Retry-After") or ""] if word.isascii() and word.isdecimal()]
    waits += [one.retry_after for one in errors if one.retry_after is not None]
    return ChinqitError(
        errors[0].code if errors else usual,
        str(body.get("message") or f"HTTP {status}"),
        status=status,
        request_id=headers.get("X-Request-Id"),
        retry_after=waits[0] if waits else None,
        errors=errors,
        body=body,
    )


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _part(value: str) -> str:
    """As a part of an address."""
    return quote(value, safe="")
