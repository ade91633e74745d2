"""Codes as clients of Chinguisoft ask for them: the code is told to who calls, who judges it.

The key in the address names the door and is no secret; the API key stands in the header `Validation-token`.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any

from flask import Response, jsonify, request
from pydantic import AfterValidator, BeforeValidator
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api import errors, request_body
from dashboard.api.auth import caller
from dashboard.api.blueprint import ApiBlueprint
from dashboard.api.contract import parse
from dashboard.api.doors import calls
from dashboard.api.error_kinds import RETRY_SECONDS
from dashboard.api.errors import Invalid
from dashboard.api.schemas.base import LanguageName, RequestBody, read_phone
from dashboard.api.schemas.otp import read_code
from dashboard.db import error_reason, read_session
from dashboard.extensions import services
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.otp.send import Order
from dashboard.vocabulary import Dialect, Language

log = logging.getLogger(__name__)
STATUSES = {403: 401}  # that their clients do not know: what stands for them

bp = ApiBlueprint("chinguisoft", __name__)
bp.after_request(errors.finish)


def _digits(raw: object) -> object:
    """Some clients send numbers."""
    return str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw


class ValidationRequest(RequestBody):
    """A code to one phone."""

    phone: Annotated[str, AfterValidator(read_phone), BeforeValidator(_digits)]
    lang: LanguageName = Language.ARABIC
    code: Annotated[str, AfterValidator(read_code), BeforeValidator(_digits)] | None = None


@bp.post("/api/sms/validation/<reference>")
def send_validation(reference: str) -> Response:
    """Send a code, the caller's own or a new one, and tell it."""
    door = calls.find(reference, Dialect.CHINGUISOFT)
    found = services().key_cache.find(request.headers.get("Validation-token", "").strip(), fresh=True)
    if door is None or door.key_id != found.id:
        raise UnknownKey
    calls.admit(found)
    body = parse(ValidationRequest, request_body.json_object())
    sent = calls.send_code(found, Order(body.phone, language=body.lang, code=body.code))
    return jsonify({"code": sent.code, "balance": _balance(found.id)})


@bp.errorhandler(Invalid)
def _invalid(error: Invalid) -> Response:
    told: dict[str, list[str]] = {}
    for item in error.errors:
        told.setdefault(".".join(item["path"]) or "body", []).append(item["message"])
    return _refused(422, calls.fault(error), errors=told)


@bp.errorhandler(SQLAlchemyError)
def _database_down(error: SQLAlchemyError) -> Response:
    log.error("the database failed: %s", error_reason(error))
    response = _refused(503, "Try again in a moment")
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _domain(error: Exception) -> Response:
    status, message, found = calls.refusal(error)
    more = {"balance": _balance(caller().id)} if status == 402 else {}
    response = _refused(STATUSES.get(status, status), message, **more)
    if "retryAfter" in found.params:
        response.headers["Retry-After"] = str(found.params["retryAfter"])
    return response


for kind in errors.DESCRIBED:
    bp.register_error_handler(kind, _domain)


def _refused(status: int, message: str, **more: Any) -> Response:
    response = jsonify({"message": message, **more})
    response.status_code = status
    return response


def _balance(key_id: str) -> float | None:
    """What is left of the budget that ends first, in MRU; null without one."""
    with read_session(services().sessions) as session:
        found = budgets.standings(session, [key_id, budgets.EVERYBODY])
    left = [max(one.budget.amount - one.used, 0) for one in found]
    return prices.number(min(left)) if left else None
