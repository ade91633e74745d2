"""What the API answers when it refuses: errors of the domain, looked up in the table of error codes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Response, g, jsonify
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from dashboard.api.blueprint import bp
from dashboard.api.error_kinds import ERRORS, HTTP_ERRORS, INVALID, RETRY_SECONDS
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

PHONE_FIELD = "phoneNumber"


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


@contextmanager
def insufficient_balance(valid: int = 1, invalid: int = 0) -> Iterator[None]:
    """Have a budget's refusal of so many texts answered as the hosted service's second generation does."""
    try:
        yield
    except BudgetExhausted as refusal:
        required = prices.number(refusal.required)
        details = {"requiredAmount": required, "validRecipients": valid, "invalidRecipients": invalid}
        raise ApiError("insufficient_balance", **described(refusal).params, details=details) from None


def problem(path: Sequence[str], code: str, message: str, **more: Any) -> dict[str, Any]:
    """One item of `errors`."""
    return {"path": list(path), "message": message, "code": code, **more}


def item(error: ApiError) -> dict[str, Any]:
    """An error of the table as an item of `errors`."""
    kind = ERRORS[error.code]
    more = {name: error.params[name] for name in kind.item_fields if name in error.params}
    path = [step.format(**error.params) for step in kind.path]
    return problem(path, kind.code or error.code, (kind.text or "").format(**error.params), **more)


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
