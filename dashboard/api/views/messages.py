"""POST /messages/send, POST /messages/batch, GET /messages and GET /messages/{messageId}."""

from __future__ import annotations

from flask import Response
from sqlalchemy.orm import Session

from dashboard.api import batch, idempotency
from dashboard.api.auth import caller
from dashboard.api.batch import Singles
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract, reply, written
from dashboard.api.errors import Invalid, UnknownMessage, problem
from dashboard.api.schemas.requests import MESSAGE_ID, UNKNOWN_CURSOR, ListMessages, SendBatch, SendMessage
from dashboard.api.schemas.responses import BatchTaken, Described, Followed, MessagePage, Queued
from dashboard.extensions import services, session
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.message_log import search
from dashboard.gateway.messages import status
from dashboard.gateway.messages.idempotency import Mismatch
from dashboard.gateway.messages.outbox import Draft

BATCH_LIMIT = 2 * 1024 * 1024  # bytes


@bp.post("/messages/send", provide_automatic_options=False)
@bp.post("/api/v2/notify", provide_automatic_options=False)
@contract(
    Contract(
        takes=SendMessage,
        gives=Queued,
        scope="send",
        refuses=(CapReached, Mismatch),
        idempotent=True,
        confirms=True,
        summary="Send a text",
        tag="Messages",
    )
)
def send_message(wanted: SendMessage) -> Response:
    """The message is written down durably, then delivered. Follow it by its `messageId`."""
    singles, draft = Singles(caller()), batch.draft(wanted)
    if idempotency.has_key():
        response = idempotency.run_once(lambda session: _taken(singles, session, draft)).response
    else:
        response = reply(written(Queued(message_id=services().group_commit.share(singles, draft))))
    services().wakeup.notify("sms")
    return response


@bp.post("/messages/batch", provide_automatic_options=False)
@contract(
    Contract(
        takes=SendBatch,
        gives=BatchTaken,
        scope="send",
        refuses=(Mismatch,),
        idempotent=True,
        confirms=True,
        largest=BATCH_LIMIT,
        summary="Send many texts",
        tag="Messages",
    )
)
def send_batch(wanted: SendBatch) -> Response:
    """All messages are written down in one step. The answer is 200 also when some of them are refused: look at each
    of the `results`. Messages past the key's daily cap are refused with `daily_cap`; the ones before them are sent.
    """
    key, items = caller(), batch.judged(wanted.messages)
    told = idempotency.run_once(lambda session: batch.submit(session, key, items))
    services().wakeup.notify("sms")
    return told.response


@bp.get("/messages", provide_automatic_options=False)
@contract(Contract(asks=ListMessages, gives=MessagePage, scope="read", summary="List messages", tag="Messages"))
def list_messages(wanted: ListMessages) -> MessagePage:
    """Messages of this API key, the newest first. To go on, give `next` as `after`, with the same filters."""
    filters = search.Filters(
        sought=search.Sought(phone=wanted.phone),
        status=wanted.status,
        channel=wanted.channel,
        kind=wanted.kind,
        key_id=caller().id,
        since=wanted.from_,
        before=wanted.to,
    )
    before = _place_of(wanted.after) if wanted.after else None
    found = search.page(session, filters, before, wanted.limit + 1)
    shown = [Described.model_validate(status.described(message)) for message in found[: wanted.limit]]
    return MessagePage(messages=shown, next=shown[-1].message_id if len(found) > wanted.limit else None)


@bp.get("/messages/<message:message_id>", provide_automatic_options=False)
@contract(Contract(gives=Followed, scope="read", refuses=(UnknownMessage,), summary="Follow a message", tag="Messages"))
def follow_message(message_id: str) -> Followed:
    """What became of a message that this API key sent. Its text is not told."""
    message = status.find(session, message_id) if MESSAGE_ID.fullmatch(message_id) else None
    if message is None or message.key_id != caller().id:
        raise UnknownMessage
    return Followed.model_validate(status.described(message))


def _taken(singles: Singles, session: Session, draft: Draft) -> Queued:
    (answer,) = singles(session, [draft])
    if isinstance(answer, CapReached):
        raise answer
    return Queued(message_id=answer)


def _place_of(message_id: str) -> int:
    message = status.find(session, message_id)
    if message is None or message.key_id != caller().id:
        raise Invalid([problem(["after"], "unknown_cursor", UNKNOWN_CURSOR)])
    return message.id
