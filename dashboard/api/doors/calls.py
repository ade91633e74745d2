"""What every door does: find who calls, and send a code just as /otp/send does."""

from __future__ import annotations

from typing import Any

from flask import request

from dashboard.api import auth, errors, traces
from dashboard.api.error_kinds import ERRORS
from dashboard.api.errors import ApiError
from dashboard.db import read_session
from dashboard.extensions import services
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.doors import doors
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import IdempotentCall
from dashboard.gateway.otp import send
from dashboard.gateway.otp.send import Order, SendRequest, Sent
from dashboard.models.doors import Door
from dashboard.vocabulary import Dialect, Language, Scope


def find(reference: str, dialect: Dialect) -> Door | None:
    """An open door."""
    with read_session(services().sessions) as session:
        return doors.find(session, reference, dialect)


def admit(caller: Caller) -> None:
    """See that the key may send codes from here; raise ApiError."""
    auth.admit(caller)
    if not caller.allows(Scope.OTP):
        raise ApiError("scope_missing", scope=Scope.OTP)


def send_code(caller: Caller, order: Order, call: IdempotentCall | None = None) -> Sent:
    """Write a code down and have it delivered; raise what `send.send_codes` gives instead."""
    wanted = SendRequest(services().keyring, caller, order, call, tells_code=True)
    sent = services().group_commit.run(send.send_codes, wanted)
    errors.note_limits(sent.limits)
    traces.note([sent.message_id])
    services().wakeup.notify(order.channel)
    return sent


def named(caller: Caller, name: str, body: dict[str, Any]) -> IdempotentCall:
    """The call that bears this name; raise InvalidName."""
    return idempotency.call(services().settings, caller, request.path.rstrip("/"), name, body)


def language_of(*given: object) -> str:
    """The first of these that names a language; else the one that the owner chose."""
    for one in given:
        spoken = one.replace("_", "-").partition("-")[0].lower() if isinstance(one, str) else ""
        if spoken in tuple(Language):
            return spoken
    return site_settings.current_of(services().sessions).otp_language


def refusal(error: Exception) -> tuple[int, str, ApiError]:
    """The status and the sentence that the API itself would answer an error with."""
    found = errors.described(error)
    told = errors.body(found)
    items = told.get("errors") or [{}]
    return ERRORS[found.code].status, str(items[0].get("message") or told["message"]), found


def fault(error: errors.Invalid) -> str:
    """What is wrong with a body, in one sentence."""
    first = error.errors[0]
    return ": ".join(filter(None, (".".join(first["path"]), first["message"])))
