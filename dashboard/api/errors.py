"""What the API answers when it refuses: one table of error codes, and the handlers that look errors up in it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Response, g, jsonify
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from dashboard.api.blueprint import bp
from dashboard.db import error_reason, iso
from dashboard.extensions import session
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.costs import prices
from dashboard.gateway.costs.budgets import BudgetExhausted, BudgetSlowed
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.limits.pumping import PumpingSuspected
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.limits.wrong_codes import TooManyWrongCodes
from dashboard.gateway.messages.idempotency import AnsweredBefore, Mismatch
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.gateway.otp.verify import NoLiveOtp, TooManyAttempts, WrongCode
from dashboard.gateway.webhooks.endpoints import EndpointNotFound, EndpointOff, EventNotFound, TooManyEndpoints

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
INVALID = "Validation failed"
NO_WEBHOOK = "Webhook not found"
EXHAUSTED = "Maximum verification attempts exceeded"
PHONE_FIELD = "phoneNumber"


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
    "unknown_cursor": ErrorKind(
        400, INVALID, "Must be the id of one of your messages, as `next` gave it", path=("after",)
    ),
    "message_not_found": ErrorKind(
        404, "Message not found", "This API key sent no message with this id", path=("messageId",)
    ),
    "rate_limited": ErrorKind(
        429,
        "Rate limit exceeded",
        "At most {limit} codes for one number or address per {window}; try again in {retryAfter} s",
        path=("{recipient}",),
        item_fields=("window", "limit", "retryAfter"),
        example={"recipient": PHONE_FIELD, "window": "minute", "limit": 3, "retryAfter": 41},
    ),
    "daily_cap": ErrorKind(
        429,
        "Daily cap reached",
        "This API key has reached its cap of {limit} a day; it opens again at midnight UTC",
        item_fields=("limit", "retryAfter"),
        example={"limit": 1_000, "retryAfter": 21_600},
    ),
    "budget_exhausted": ErrorKind(
        402,
        "Budget exhausted",
        "This would cost {requiredAmount} MRU and the {budget}'s budget of the {period} has {remaining} MRU left;"
        " it starts again at {startsAgainAt}",
        item_fields=("budget", "period", "requiredAmount", "remaining", "currency", "startsAgainAt"),
        example={
            "budget": "key",
            "period": "month",
            "requiredAmount": 0.64,
            "remaining": 0.3,
            "currency": "MRU",
            "startsAgainAt": "2026-12-01T00:00:00.000Z",
        },
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


class ApiError(Exception):
    """An error of the table, with its parameters."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


class Invalid(Exception):
    """The body or a field of it breaks rules: one item of `errors` for each."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(len(errors))
        self.errors = errors


def described(error: Exception) -> ApiError:
    """An error of the domain as one of the table."""
    match error:
        case ApiError():
            return error
        case UnknownKey():
            return ApiError("invalid_api_key")
        case Mismatch():
            return ApiError("idempotency_mismatch")
        case RateLimited(standing=full):
            limit = {"window": full.window, "limit": full.quota, "retryAfter": full.reset}
            return ApiError("rate_limited", recipient=g.get("recipient", PHONE_FIELD), **limit)
        case CapReached():
            return ApiError("daily_cap", limit=error.cap, retryAfter=error.retry_after)
        case BudgetExhausted():
            return ApiError(
                "budget_exhausted",
                budget="key" if error.is_of_key else "gateway",
                period=error.period,
                requiredAmount=prices.number(error.required),
                remaining=prices.number(error.remaining),
                currency=prices.CURRENCY,
                startsAgainAt=iso(error.starts_again_at),
            )
        case BudgetSlowed():
            return ApiError("budget_slowed", limit=error.per_minute, retryAfter=error.retry_after)
        case OptedOut():
            return ApiError("opted_out")
        case PumpingSuspected():
            return ApiError("pumping_suspected", retryAfter=error.retry_after)
        case WrongCode():
            return ApiError("invalid_otp", retriesLeft=error.retries_left)
        case TooManyAttempts():
            return ApiError("otp_exhausted", retriesLeft=0)
        case TooManyWrongCodes(count=full):
            return ApiError(
                "too_many_wrong_codes", retriesLeft=0, window=full.window, limit=full.quota, retryAfter=full.reset
            )
        case NoLiveOtp():
            return ApiError(error.code)
        case EndpointNotFound():
            return ApiError("webhook_not_found")
        case EventNotFound():
            return ApiError("event_not_found")
        case EndpointOff():
            return ApiError("webhook_disabled")
        case TooManyEndpoints():
            return ApiError("too_many_webhooks")
    return ApiError("database_unavailable", retryAfter=RETRY_SECONDS)


def problem(path: Sequence[str], code: str, message: str, **more: Any) -> dict[str, Any]:
    """One item of `errors`."""
    return {"path": list(path), "message": message, "code": code, **more}


def item(error: ApiError) -> dict[str, Any]:
    """An error of the table as an item of `errors`."""
    kind = ERRORS[error.code]
    more = {name: error.params[name] for name in kind.item_fields if name in error.params}
    path = [step.format(**error.params) for step in kind.path]
    return problem(path, error.code, (kind.text or "").format(**error.params), **more)


def body(error: ApiError) -> dict[str, Any]:
    """The body that an error of the table is answered with."""
    kind = ERRORS[error.code]
    text = (kind.text or "").format(**error.params)
    answer = {"success": False, "message": kind.message.format(text=text, **error.params)}
    answer |= {name: error.params[name] for name in kind.body_fields}
    if kind.text is None:
        return answer
    return {**answer, "errors": [item(error)] if kind.text else []}


def answer(error: Exception) -> Response:
    """The response to an error of the API or of the domain."""
    if isinstance(error, RateLimited):
        note_limits(error.standings)
    problem = described(error)
    response = jsonify(body(problem))
    response.status_code = ERRORS[problem.code].status
    if "retryAfter" in problem.params:
        response.headers["Retry-After"] = str(problem.params["retryAfter"])
    return response


def note_limits(standings: list[WindowState]) -> None:
    """Let the answer bear the limits as they stand."""
    g.standings = standings


def note_replay(is_replay: bool) -> None:
    """Let the answer say whether its call came before and nothing was done."""
    g.is_replay = is_replay


DESCRIBED: tuple[type[Exception], ...] = (
    ApiError,
    UnknownKey,
    Mismatch,
    RateLimited,
    CapReached,
    PumpingSuspected,
    WrongCode,
    TooManyAttempts,
    TooManyWrongCodes,
    NoLiveOtp,
    EndpointNotFound,
    EventNotFound,
    EndpointOff,
    OptedOut,
    BudgetExhausted,
    BudgetSlowed,
    TooManyEndpoints,
)
for kind in DESCRIBED:
    bp.register_error_handler(kind, answer)


@bp.errorhandler(Invalid)
def _invalid(error: Invalid) -> tuple[Response, int]:
    return jsonify({"success": False, "message": INVALID, "errors": error.errors}), 400


@bp.errorhandler(AnsweredBefore)
def _answered_before(error: AnsweredBefore) -> Response:
    note_replay(is_replay=True)
    return Response(error.body, error.status, mimetype="application/json")


@bp.errorhandler(SQLAlchemyError)
def _database_down(error: SQLAlchemyError) -> Response:
    log.error("the database failed: %s", error_reason(error))
    session.rollback()
    return answer(error)


def http_error(error: HTTPException) -> Response:
    """404, 405, 413 and the like in the API's shape."""
    status = error.code or 500
    if status in HTTP_ERRORS:
        response = answer(ApiError(HTTP_ERRORS[status]))
    else:
        response = jsonify({"success": False, "message": error.name, "errors": []})
        response.status_code = status
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


@bp.after_request
def finish(response: Response) -> Response:
    """What every answer of the API bears."""
    response.headers["Cache-Control"] = "no-store"
    if g.get("is_replay"):
        response.headers["Idempotent-Replayed"] = "true"
    standings: list[WindowState] = g.get("standings", [])
    if standings:
        policy = (f'"{s.window}";q={s.quota};w={rate_limit.WINDOWS[s.window]}' for s in standings)
        response.headers["RateLimit-Policy"] = ", ".join(policy)
        tight = rate_limit.tightest(standings)
        response.headers["RateLimit"] = f'"{tight.window}";r={tight.left};t={tight.reset}'
    return response
