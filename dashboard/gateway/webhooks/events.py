"""Events: what the messages and codes of a key go through, written down for those who listen.

A row is written in the transaction that makes the thing happen, so that neither is there without the other. A process
asks at most twice a second which keys have endpoints; for the others, `record` costs a look into a dictionary.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.cache import TimedCache
from dashboard.db import Executor, core_table, iso, pool_of, utcnow
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.webhooks import WebhookDelivery, WebhookEndpoint, WebhookEvent
from dashboard.sms import numbers
from dashboard.vocabulary import ENDS, Envelope, Status

MESSAGE_STEPS = (Status.SENT, *ENDS)  # each is an event, `message.` and its name
RECEIVED, OTP_VERIFIED, OTP_EXHAUSTED = "message.received", "otp.verified", "otp.exhausted"
BULK_COMPLETED = "bulk.completed"
FAILED = "message.failed"
REJECTED = "message.rejected"  # it failed after its carrier had accepted it: `message.failed` to who does not list this
MESSAGE_KINDS = tuple(f"message.{step}" for step in MESSAGE_STEPS)
KINDS = (*MESSAGE_KINDS, REJECTED, RECEIVED, OTP_VERIFIED, OTP_EXHAUSTED, BULK_COMPLETED)
USUAL = {  # what a new endpoint hears that names no events
    Envelope.STANDARD: tuple(kind for kind in KINDS if kind != REJECTED),
    Envelope.V2: KINDS,
}
TIMES = {  # name in an event → column, and the steps at which it is known
    "createdAt": ("created_at", MESSAGE_STEPS),
    "sentAt": ("sent_at", MESSAGE_STEPS),
    "deliveredAt": ("delivered_at", (Status.DELIVERED,)),
    "failedAt": ("failed_at", (Status.FAILED,)),
    "expiredAt": ("expired_at", (Status.EXPIRED,)),
}
TEST = "webhook.test"
KNOWN_WITHIN = 0.5  # seconds after which every process has heard of a new endpoint

Listening = dict[str, frozenset[str]]  # key → kinds that some endpoint of it wants

# Built once: building them costs more than running them.
_MESSAGES, _OTPS, _ENDPOINTS = core_table(Message), core_table(Otp), core_table(WebhookEndpoint)
ALL_LISTENERS = select(_ENDPOINTS.c.key_id, _ENDPOINTS.c.events).where(_ENDPOINTS.c.deleted_at.is_(None))
LISTENERS = select(_ENDPOINTS.c.id, _ENDPOINTS.c.events, _ENDPOINTS.c.disabled_at).where(
    _ENDPOINTS.c.key_id == bindparam("for_key"), _ENDPOINTS.c.deleted_at.is_(None)
)
MESSAGE = select(_MESSAGES).where(_MESSAGES.c.id == bindparam("row_id"))
UUID = select(_MESSAGES.c.uuid).where(_MESSAGES.c.id == bindparam("row_id"))
CODE = select(_OTPS.c.language, _OTPS.c.attempts, _OTPS.c.verified_at).where(_OTPS.c.message_id == bindparam("row_id"))
INSERT = insert(core_table(WebhookEvent)).returning(core_table(WebhookEvent).c.id)
DELIVER = insert(core_table(WebhookDelivery))

REMEMBERED = TimedCache[Any, Listening](KNOWN_WITHIN, weak_keys=True)  # by connection pool


def record(session: Executor, key_id: str, message_id: int, *kinds: str) -> bool:
    """Write down what a message of a key has just gone through, in this order, after its row says so.

    Call it in the transaction that changed the row. Return whether a delivery is due: then wake the lane `webhooks`
    after the commit.
    """
    connection = session.connection() if isinstance(session, Session) else session
    wanted = REMEMBERED.find(pool_of(connection), lambda: _listening(connection)).get(key_id)
    named = (*kinds, REJECTED) if FAILED in kinds else kinds
    if wanted is None or wanted.isdisjoint(named):
        return False
    listeners = connection.execute(LISTENERS, {"for_key": key_id}).all()
    if not any(kind in listener.events for listener in listeners for kind in named):
        return False
    message = connection.execute(MESSAGE, {"row_id": message_id}).one()
    is_due = False
    for kind in kinds:
        for name, hearing in _hearing(kind, message, listeners):
            targets = [listener.id for listener in hearing if listener.disabled_at is None]
            write(connection, key_id, name, _data(connection, kind, message), targets, message_id)
            is_due = is_due or bool(targets)
    return is_due


def record_of_key(session: Session, key_id: str, kind: str, data: dict[str, Any]) -> bool:
    """Write down what happened to a key, and not to a message of it; return whether a delivery is due, as `record`."""
    connection = session.connection()
    if kind not in REMEMBERED.find(pool_of(connection), lambda: _listening(connection)).get(key_id, ()):
        return False
    listeners = connection.execute(LISTENERS, {"for_key": key_id}).all()
    targets = [one.id for one in listeners if one.disabled_at is None and kind in one.events]
    write(connection, key_id, kind, data, targets)
    return bool(targets)


def write(
    connection: Connection,
    key_id: str,
    kind: str,
    data: dict[str, Any],
    targets: Sequence[str],
    message_id: int | None = None,
) -> str:
    """Write an event, due now at the endpoints whose ids are given; return its reference."""
    now, reference = utcnow(), f"evt_{uuid.uuid4().hex}"
    body = json.dumps({"type": kind, "timestamp": iso(now), "data": data}, ensure_ascii=False, separators=(",", ":"))
    row = {"reference": reference, "key_id": key_id, "message_id": message_id, "kind": kind, "body": body}
    event_id = connection.execute(INSERT, {**row, "created_at": now}).scalar_one()
    due = {"event_id": event_id, "message_id": message_id, "due_at": now, "tries": 0}
    if targets:
        connection.execute(DELIVER, [{**due, "endpoint_id": target} for target in targets])
    return reference


def enveloped(envelope: str, reference: str, body: str) -> bytes:
    """What is sent of an event: `body` byte for byte, or what it holds in the other envelope."""
    if envelope != Envelope.V2:
        return body.encode()
    told = json.loads(body)
    wrapped = {"id": reference, "type": told["type"], "createdAt": told["timestamp"], "data": told["data"]}
    return json.dumps(wrapped, ensure_ascii=False, separators=(",", ":")).encode()


def wait_until_known() -> None:
    """After an endpoint was made or changed, and before saying so: from now on no event passes it by."""
    time.sleep(KNOWN_WITHIN)


def _listening(connection: Connection) -> Listening:
    """The kinds of events that the endpoints of each key want; keys without endpoints are left out."""
    wanted: dict[str, set[str]] = {}
    for key_id, kinds in connection.execute(ALL_LISTENERS):
        wanted.setdefault(key_id, set()).update(kinds)
    return {key_id: frozenset(kinds) for key_id, kinds in wanted.items()}


def _hearing(kind: str, message: Any, listeners: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """The names under which a step is told, each with those who are told so."""
    hearing = [listener for listener in listeners if kind in listener.events]
    if kind != FAILED or message.sent_at is None:
        return [(kind, hearing)] if hearing else []
    rejecting = [listener for listener in listeners if REJECTED in listener.events]
    others = [listener for listener in hearing if REJECTED not in listener.events]
    return [(name, told) for name, told in ((REJECTED, rejecting), (FAILED, others)) if told]


def _data(connection: Connection, kind: str, message: Any) -> dict[str, Any]:
    """The message as it was at this step, whatever has happened to it since. Never a text, never a code."""
    subject = {"messageId": message.uuid, **numbers.as_fields(message.phone), "channel": message.channel}
    if kind in (OTP_VERIFIED, OTP_EXHAUSTED):
        code = connection.execute(CODE, {"row_id": message.id}).one()
        return {**subject, "language": code.language, "attempts": code.attempts, "verifiedAt": iso(code.verified_at)}
    if message.step_of is not None:  # a code's later channel: its app knows the message of the first one
        subject["firstMessageId"] = connection.execute(UUID, {"row_id": message.step_of}).scalar_one()
    status = Status(kind.removeprefix("message."))
    times = {name: iso(getattr(message, column)) for name, (column, steps) in TIMES.items() if status in steps}
    return {
        **subject,
        "kind": message.kind,
        "status": status,
        "encoding": message.encoding,
        "segments": message.segments,
        "errorCode": message.error_code if status in (Status.FAILED, Status.EXPIRED) else None,
        "confirmedBy": message.confirmed_by if status is Status.DELIVERED else None,
        **dict.fromkeys(TIMES),
        **times,
    }
