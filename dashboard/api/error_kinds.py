"""The table of error codes: what the API answers to each, and with which status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dashboard.api.schemas.base import UNKNOWN_CURSOR

RETRY_SECONDS = 5
INVALID = "Validation failed"
NO_WEBHOOK = "Webhook not found"
EXHAUSTED = "Maximum verification attempts exceeded"


@dataclass(frozen=True)
class ErrorKind:
    """How an error is answered. `message`, `text` and `path` may hold parameters of the error in braces."""

    status: int
    message: str  # of the whole answer
    text: str | None = ""  # of its item in `errors`; empty: the list is empty; None: the reference shows no list
    path: tuple[str, ...] = ()
    item_fields: tuple[str, ...] = ()  # parameters that stand in the item
    body_fields: tuple[str, ...] = ()  # parameters that stand beside `message`
    example: dict[str, Any] = field(default_factory=dict)  # parameters, as the documentation shows them
    code: str = ""  # of the item in `errors`, where it is not the one of the table


BUDGET_TEXT = (
    "This would cost {requiredAmount} MRU and the {budget}'s budget of the {period} has {remaining} MRU left;"
    " it starts again at {startsAgainAt}"
)
BUDGET_FIELDS = ("budget", "period", "requiredAmount", "remaining", "currency", "startsAgainAt")
BUDGET_EXAMPLE = {
    "budget": "key",
    "period": "month",
    "requiredAmount": 0.64,
    "remaining": 0.3,
    "currency": "MRU",
    "startsAgainAt": "2026-12-01T00:00:00.000Z",
}
PROVIDER_FIELDS = ("reason", "retryable", "messageId", "retryAfter")
ERRORS = {
    "api_key_is_required": ErrorKind(401, "API key is required", None),
    "invalid_api_key": ErrorKind(403, "Invalid API key", None),
    "address_not_allowed": ErrorKind(403, "{text}", "This API key may not be used from your IP address"),
    "scope_missing": ErrorKind(403, "{text}", "This API key lacks the scope '{scope}'"),
    "test_keys_only": ErrorKind(403, "{text}", "Only test keys may read the sandbox phone"),
    "idempotency_mismatch": ErrorKind(
        400,
        "Idempotency key reused",
        "This Idempotency-Key came in the last 24 hours with another body",
        path=("Idempotency-Key",),
    ),
    "unknown_cursor": ErrorKind(400, INVALID, UNKNOWN_CURSOR, path=("after",)),
    "message_not_found": ErrorKind(
        404, "Message not found", "This API key sent no message with this id", path=("messageId",)
    ),
    "rate_limited": ErrorKind(
        429,
        "Rate limit exceeded",
        "At most {limit} codes for one number or address per {window}; try again in {retryAfter} s",
        path=("{recipient}",),
        item_fields=("window", "limit", "retryAfter"),
        example={"recipient": "phoneNumber", "window": "minute", "limit": 3, "retryAfter": 41},
    ),
    "daily_cap": ErrorKind(
        429,
        "Daily cap reached",
        "This API key has reached its cap of {limit} a day; it opens again at midnight UTC",
        item_fields=("limit", "retryAfter"),
        example={"limit": 1_000, "retryAfter": 21_600},
    ),
    "budget_exhausted": ErrorKind(
        402, "Budget exhausted", BUDGET_TEXT, item_fields=BUDGET_FIELDS, example=BUDGET_EXAMPLE
    ),
    "insufficient_balance": ErrorKind(  # the same, as the hosted service's second generation says it
        402,
        "Insufficient balance",
        BUDGET_TEXT,
        item_fields=BUDGET_FIELDS,
        body_fields=("details",),
        example=BUDGET_EXAMPLE | {"details": {"requiredAmount": 0.64, "validRecipients": 2, "invalidRecipients": 0}},
        code="budget_exhausted",
    ),
    "budget_slowed": ErrorKind(
        429,
        "Budget used up",
        "The budget is used up and lets {limit} messages pass a minute; try again in {retryAfter} s",
        item_fields=("limit", "retryAfter"),
        example={"limit": 60, "retryAfter": 17},
    ),
    "opted_out": ErrorKind(
        400,
        "Recipient opted out",
        "This number wants no texts any more; codes still reach it",
        path=("phoneNumber",),
    ),
    "invalid_recipients": ErrorKind(
        400,
        "No valid recipients",
        "No row holds a number and a text that can be sent",
        path=("recipients",),
        body_fields=("invalidRecipients",),
        example={"invalidRecipients": [{"phone": "12345678", "reason": "phone_prefix"}]},
    ),
    "batch_not_found": ErrorKind(404, "Batch not found", "This API key sent no batch with this id", path=("batchId",)),
    "pumping_suspected": ErrorKind(
        429,
        "Pumping suspected",
        "Many numbers of this range were sent codes and few were verified; try again in {retryAfter} s",
        path=("phoneNumber",),
        item_fields=("retryAfter",),
        example={"retryAfter": 3_540},
    ),
    "invalid_otp": ErrorKind(400, "Invalid OTP", None, body_fields=("retriesLeft",), example={"retriesLeft": 2}),
    "otp_exhausted": ErrorKind(
        400,
        EXHAUSTED,
        f"{EXHAUSTED}; send a new code",
        path=("otp",),
        body_fields=("retriesLeft",),
        example={"retriesLeft": 0},
    ),
    "too_many_wrong_codes": ErrorKind(
        400,
        EXHAUSTED,
        "Too many wrong codes for this number or address, over all API keys: at most {limit} per {window} is judged"
        " now; try again in {retryAfter} s",
        path=("otp",),
        item_fields=("window", "limit", "retryAfter"),
        body_fields=("retriesLeft",),
        example={"retriesLeft": 0, "window": "hour", "limit": 10, "retryAfter": 1_380},
    ),
    "otp_not_found": ErrorKind(
        404,
        "OTP not found or expired",
        "No code was sent to this number or address by this key on this channel",
        path=("otp",),
    ),
    "otp_not_sent": ErrorKind(
        404, "OTP not found or expired", "This code never left: its message failed; send a new one", path=("otp",)
    ),
    "otp_used": ErrorKind(404, "OTP not found or expired", "This code was verified already", path=("otp",)),
    "otp_expired": ErrorKind(
        404, "OTP not found or expired", "This code is older than ten minutes; send a new one", path=("otp",)
    ),
    "provider_error": ErrorKind(
        502,
        "Provider error",
        "WhatsApp did not take the message; no code was sent and none was counted",
        item_fields=PROVIDER_FIELDS,
        example={
            "reason": "not_on_whatsapp",
            "retryable": False,
            "messageId": "c1faed86-1216-4a88-9784-9e3ad774d0d7",
        },
    ),
    "provider_timeout": ErrorKind(
        502,
        "Provider error",
        "WhatsApp did not answer in time; the code may still arrive",
        item_fields=PROVIDER_FIELDS,
        example={
            "reason": "no_answer",
            "retryable": True,
            "messageId": "c1faed86-1216-4a88-9784-9e3ad774d0d7",
            "retryAfter": 5,
        },
    ),
    "url_format": ErrorKind(
        400,
        INVALID,
        "Must be a web address of at most 2,000 characters, without user name and password",
        path=("url",),
    ),
    "url_scheme": ErrorKind(400, INVALID, "Must begin with https://", path=("url",)),
    "url_private": ErrorKind(400, INVALID, "Must not be a private or loopback address", path=("url",)),
    "webhook_not_found": ErrorKind(404, NO_WEBHOOK, "This API key has no webhook with this id", path=("webhookId",)),
    "event_not_found": ErrorKind(
        404,
        "Event not found",
        "This API key has no event with this id, or it is no longer kept",
        path=("eventId",),
    ),
    "webhook_disabled": ErrorKind(
        400, "Webhook disabled", "This webhook is disabled; enable it first", path=("webhookId",)
    ),
    "too_many_webhooks": ErrorKind(
        400, "Too many webhooks", "This API key has as many webhooks as it may have; delete one first"
    ),
    "database_unavailable": ErrorKind(
        500, "Internal server error", "Try again in a moment", example={"retryAfter": RETRY_SECONDS}
    ),
    "not_found": ErrorKind(404, "Not found"),
    "method_not_allowed": ErrorKind(405, "Method not allowed"),
    "request_body_too_large": ErrorKind(413, "Request body too large"),
    "internal_server_error": ErrorKind(500, "Internal server error"),
}
HTTP_ERRORS = {404: "not_found", 405: "method_not_allowed", 413: "request_body_too_large", 500: "internal_server_error"}
