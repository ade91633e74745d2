"""The "Send SMS" hook of Supabase Auth: it makes the code and judges it, and has it sent here.

A call is signed after Standard Webhooks, and one that comes twice sends once. What is refused is answered with 200 and
an `error` that Supabase passes on to its caller; 401 and 503 are for the hook itself. Source: Supabase, "Auth Hooks"
and "Send SMS Hook".
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import RequestEntityTooLarge

from dashboard.api import errors, request_body
from dashboard.api.blueprint import ApiBlueprint
from dashboard.api.contract import DoorContract, DoorRefusal, described, parse
from dashboard.api.doors import calls
from dashboard.api.error_kinds import RETRY_SECONDS
from dashboard.api.errors import Invalid
from dashboard.api.schemas.doors import HookAnswered, SendSmsHook, SendSmsQuery
from dashboard.db import error_reason, read_session
from dashboard.extensions import services
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.doors import doors
from dashboard.gateway.messages.idempotency import InvalidName
from dashboard.gateway.otp.send import Order
from dashboard.vocabulary import Dialect

log = logging.getLogger(__name__)

NOT_SIGNED = "This hook is unknown or closed, or its call is not signed with its secret"
NO_HOOK = "This is no call of a Send SMS hook"
AWAY = "Try again in a moment"

bp = ApiBlueprint("supabase", __name__)
bp.after_request(errors.finish)


def _told(code: int, message: str) -> dict[str, Any]:
    return {"error": {"http_code": code, "message": message}}


@bp.post("/doors/supabase/<reference>")
@described(
    DoorContract(
        response=HookAnswered,
        summary="Send a code that Supabase made",
        tag="Doors",
        scheme="HookSignature",
        body=SendSmsHook,
        query=SendSmsQuery,
        shown={
            "sent": {},
            "budget_exhausted": _told(
                402, "This would cost 0.64 MRU and the key's budget of the month has 0.3 MRU left"
            ),
            "invalid": _told(422, "user.phone: A Mauritanian number begins with 2, 3 or 4"),
            "rate_limited": _told(429, "At most 3 codes for one number or address per minute; try again in 41 s"),
        },
        refusals=(
            DoorRefusal(400, "This is no call of the hook, or it is too large.", _told(400, NO_HOOK)),
            DoorRefusal(401, "The door is unknown or closed, or the call is not signed.", _told(401, NOT_SIGNED)),
            DoorRefusal(503, "Something broke on our side: try again after `Retry-After`.", _told(503, AWAY), True),
        ),
        refused=HookAnswered,
    )
)
def send_sms(reference: str) -> Response:
    """Send the code that Supabase Auth made, as its hook Send SMS asks for it.

    What is refused is answered with 200 and an `error`, which Supabase passes on. A call that comes twice sends once.
    """
    door = calls.find(reference, Dialect.SUPABASE)
    raw = request_body.read(request_body.LIMIT)
    headers = {name.lower(): value for name, value in request.headers.items()}
    if door is None or not doors.is_signed(doors.cipher(services().settings), door, headers, raw):
        return _refused(401, NOT_SIGNED, status=401)
    with read_session(services().sessions) as session:
        caller = authentication.of_key(session, door.key_id)
    calls.admit(caller)
    values = request_body.parse(raw)
    body = parse(SendSmsHook, values)
    spoken = body.user.user_metadata
    language = calls.language_of(
        request.args.get("language"), *(spoken.get(name) for name in ("language", "lang", "locale"))
    )
    call = calls.named(caller, headers["webhook-id"], values)
    calls.send_code(caller, Order(body.user.phone, language=language, code=body.sms.otp), call)
    return jsonify({})


@bp.errorhandler(Invalid)
def _invalid(error: Invalid) -> Response:
    return _refused(422, calls.fault(error))


@bp.errorhandler(InvalidName)
@bp.errorhandler(RequestEntityTooLarge)
def _no_hook(_error: Exception) -> Response:
    return _refused(400, NO_HOOK, status=400)


@bp.errorhandler(SQLAlchemyError)
def _database_down(error: SQLAlchemyError) -> Response:
    log.error("the database failed: %s", error_reason(error))
    response = _refused(503, AWAY, status=503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _domain(error: Exception) -> Response:
    status, message, _ = calls.refusal(error)
    return _refused(status, message)


for kind in errors.DESCRIBED:
    bp.register_error_handler(kind, _domain)


def _refused(code: int, message: str, *, status: int = 200) -> Response:
    response = jsonify(_told(code, message))
    response.status_code = status
    return response
