"""Codes as clients of Chinguisoft ask for them: the code is told to who calls, who judges it.

The key in the address names the door and is no secret; the API key stands in the header `Validation-token`.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from dashboard.api import errors, request_body
from dashboard.api.auth import caller
from dashboard.api.blueprint import ApiBlueprint
from dashboard.api.contract import DoorContract, DoorRefusal, described, parse
from dashboard.api.doors import calls
from dashboard.api.error_kinds import RETRY_SECONDS
from dashboard.api.errors import Invalid
from dashboard.api.schemas.doors import Validated, ValidationRefused, ValidationRequest
from dashboard.db import error_reason, read_session
from dashboard.extensions import services
from dashboard.gateway.api_keys.authentication import UnknownKey
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.otp.send import Order
from dashboard.vocabulary import Dialect

log = logging.getLogger(__name__)
NO_KEY = {"message": "Invalid API key"}
NO_MONEY = {"message": "This would cost 0.64 MRU and the key's budget of the month has 0.3 MRU left", "balance": 0.3}
BROKEN = {
    "message": "phone: A Mauritanian number begins with 2, 3 or 4",
    "errors": {"phone": ["A Mauritanian number begins with 2, 3 or 4"]},
}
TOO_MANY = {"message": "At most 3 codes for one number or address per minute; try again in 41 s"}
AWAY = {"message": "Try again in a moment"}
STATUSES = {403: 401}  # that their clients do not know: what stands for them

bp = ApiBlueprint("chinguisoft", __name__)
bp.after_request(errors.finish)


@bp.post("/api/sms/validation/<reference>")
@described(
    DoorContract(
        response=Validated,
        summary="Send a code and tell it",
        tag="Doors",
        scheme="ValidationToken",
        body=ValidationRequest,
        refusals=(
            DoorRefusal(401, "The token is not the secret of the key that this address belongs to.", NO_KEY),
            DoorRefusal(402, "A budget has no room left for it.", NO_MONEY),
            DoorRefusal(422, "The call breaks a rule.", BROKEN),
            DoorRefusal(429, "Too many: wait for as many seconds as `Retry-After` says.", TOO_MANY, is_timed=True),
            DoorRefusal(503, "Something broke on our side: try again after `Retry-After`.", AWAY, is_timed=True),
        ),
        refused=ValidationRefused,
    )
)
def send_validation(reference: str) -> Response:
    """Send a code as clients of Chinguisoft ask for it, the caller's own or a new one.

    An owner opens the door of a key first; the address names it. The answer tells the code, and who calls judges it.
    """
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
    response = _refused(503, AWAY["message"])
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
