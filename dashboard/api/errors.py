"""The JSON API: its guard, and how a refusal becomes an answer."""

from __future__ import annotations

import logging
import re
import uuid
from typing import Any

from flask import Response, g, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from dashboard.api.blueprint import bp
from dashboard.extensions import session
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.limits import rate_limit
from dashboard.gateway.limits.rate_limit import RateLimited, WindowState
from dashboard.gateway.messages.idempotency import Mismatch
from dashboard.gateway.otp.verify import NoLiveOtp, TooManyAttempts, WrongCode
from dashboard.gateway.webhooks.endpoints import EndpointNotFound, EndpointOff, EventNotFound, TooManyEndpoints

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
RETRY_SECONDS = 5


class Invalid(Exception):
    """The body or a field of it breaks a rule."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(len(errors))
        self.errors = errors


class ProviderFailed(Exception):
    """The carrier refused (`provider_error`) or did not answer in time (`provider_timeout`)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class KeyMissing(Exception):
    """No key was presented."""


class UnknownMessage(Exception):
    """This key sent no message with this id."""


class Forbidden(Exception):
    """The key is live, but not for this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


def problem(path: list[str], code: str, message: str, **more: Any) -> dict[str, Any]:
    """One item of `errors`."""
    return {"path": path, "message": message, "code": code, **more}


def capped(error: CapReached) -> dict[str, Any]:
    """The item of `errors` for a key whose day is full."""
    text = f"This API key has reached its cap of {error.cap} a day; it opens again at midnight UTC"
    return problem([], "daily_cap", text, limit=error.cap, retryAfter=error.retry_after)


def failure(status: int, message: str, errors: list[dict[str, Any]] | None = None, **more: Any) -> Response:
    """An error in the API's shape."""
    response = jsonify({"success": False, "message": message, **more, "errors": errors or []})
    response.status_code = status
    return response


def provider_refused() -> ProviderFailed:
    return ProviderFailed("provider_error", "WhatsApp refused the message; no code was sent and none was counted")


def provider_silent() -> ProviderFailed:
    return ProviderFailed("provider_timeout", "WhatsApp did not answer in time; the code may still arrive")


def provider_crowded() -> ProviderFailed:
    return ProviderFailed("provider_error", "Too many calls wait for WhatsApp; nothing was sent, try again")


def note_limits(standings: list[WindowState]) -> None:
    """Let the answer bear the limits as they stand."""
    g.standings = standings


@bp.errorhandler(KeyMissing)
def _key_missing(_error: KeyMissing) -> tuple[Response, int]:
    return jsonify({"success": False, "message": "API key is required"}), 401


@bp.errorhandler(UnknownKey)
def _unknown_key(_error: UnknownKey) -> tuple[Response, int]:
    return jsonify({"success": False, "message": "Invalid API key"}), 403


@bp.errorhandler(Forbidden)
def _forbidden(error: Forbidden) -> Response:
    return failure(403, error.message, [problem([], error.code, error.message)])


@bp.errorhandler(Invalid)
def _invalid(error: Invalid) -> Response:
    return failure(400, "Validation failed", error.errors)


@bp.errorhandler(Mismatch)
def _mismatch(_error: Mismatch) -> Response:
    text = "This Idempotency-Key came in the last 24 hours with another body"
    return failure(400, "Idempotency key reused", [problem(["Idempotency-Key"], "idempotency_mismatch", text)])


@bp.errorhandler(UnknownMessage)
def _unknown_message(_error: UnknownMessage) -> Response:
    text = "This API key sent no message with this id"
    return failure(404, "Message not found", [problem(["messageId"], "message_not_found", text)])


@bp.errorhandler(WrongCode)
def _wrong_code(error: WrongCode) -> tuple[Response, int]:
    return jsonify({"success": False, "message": "Invalid OTP", "retriesLeft": error.retries_left}), 400


@bp.errorhandler(TooManyAttempts)
def _too_many_attempts(_error: TooManyAttempts) -> Response:
    text = "Maximum verification attempts exceeded"
    return failure(400, text, [problem(["otp"], "otp_exhausted", f"{text}; send a new code")], retriesLeft=0)


@bp.errorhandler(NoLiveOtp)
def _no_live_otp(error: NoLiveOtp) -> Response:
    texts = {
        "otp_not_found": "No code was sent to this number by this key on this channel",
        "otp_used": "This code was verified already",
        "otp_expired": "This code is older than ten minutes; send a new one",
    }
    return failure(404, "OTP not found or expired", [problem(["otp"], error.code, texts[error.code])])


@bp.errorhandler(EndpointNotFound)
def _unknown_webhook(_error: EndpointNotFound) -> Response:
    text = "This API key has no webhook with this id"
    return failure(404, "Webhook not found", [problem(["webhookId"], "webhook_not_found", text)])


@bp.errorhandler(EventNotFound)
def _unknown_event(_error: EventNotFound) -> Response:
    text = "This API key has no event with this id, or it is no longer kept"
    return failure(404, "Event not found", [problem(["eventId"], "event_not_found", text)])


@bp.errorhandler(EndpointOff)
def _webhook_off(_error: EndpointOff) -> Response:
    text = "This webhook is disabled; enable it first"
    return failure(400, "Webhook disabled", [problem(["webhookId"], "webhook_disabled", text)])


@bp.errorhandler(TooManyEndpoints)
def _too_many_webhooks(_error: TooManyEndpoints) -> Response:
    text = "This API key has as many webhooks as it may have; delete one first"
    return failure(400, "Too many webhooks", [problem([], "too_many_webhooks", text)])


@bp.errorhandler(RateLimited)
def _rate_limited(error: RateLimited) -> Response:
    note_limits(error.standings)
    full = error.standing
    text = f"At most {full.quota} codes for one number in a {full.window}; try again in {full.reset} s"
    item = problem(["phoneNumber"], "rate_limited", text, window=full.window, limit=full.quota, retryAfter=full.reset)
    response = failure(429, "Rate limit exceeded", [item])
    response.headers["Retry-After"] = str(full.reset)
    return response


@bp.errorhandler(CapReached)
def _cap_reached(error: CapReached) -> Response:
    response = failure(429, "Daily cap reached", [capped(error)])
    response.headers["Retry-After"] = str(error.retry_after)
    return response


@bp.errorhandler(ProviderFailed)
def provider_failed(error: ProviderFailed) -> Response:
    return failure(502, "Provider error", [problem([], error.code, error.message)])


def http_error(error: HTTPException) -> Response:
    """404, 405, 413 and the like in the API's shape."""
    status = error.code or 500
    texts = {404: "Not found", 405: "Method not allowed", 413: "Request body too large", 500: "Internal server error"}
    response = failure(status, texts.get(status, error.name))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


@bp.errorhandler(SQLAlchemyError)
def _database_down(error: SQLAlchemyError) -> Response:
    log.error("the database failed: %s", type(error).__name__)
    session.rollback()
    return database_down()


def database_down() -> Response:
    response = failure(500, "Internal server error", [problem([], "database_unavailable", "Try again in a moment")])
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


@bp.before_app_request
def _name_request() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


@bp.after_app_request
def _tell_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.get("request_id") or str(uuid.uuid4())
    return response


@bp.after_request
def finish(response: Response) -> Response:
    """What every answer of the API bears."""
    response.headers["Cache-Control"] = "no-store"
    standings: list[WindowState] = g.get("standings", [])
    if standings:
        policy = (f'"{s.window}";q={s.quota};w={rate_limit.WINDOWS[s.window]}' for s in standings)
        response.headers["RateLimit-Policy"] = ", ".join(policy)
        tight = rate_limit.tightest(standings)
        response.headers["RateLimit"] = f'"{tight.window}";r={tight.left};t={tight.reset}'
    return response
