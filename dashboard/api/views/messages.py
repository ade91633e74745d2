"""POST /messages/send, POST /messages/batch, GET /messages and GET /messages/{messageId}."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dashboard.api import errors, traces
from dashboard.api.auth import caller
from dashboard.api.blueprint import bp
from dashboard.api.contract import Contract, contract, idempotent_call, parse
from dashboard.api.errors import ApiError, Invalid
from dashboard.api.schemas import costs
from dashboard.api.schemas.base import Problem, read_id
from dashboard.api.schemas.messages import (
    BatchTaken,
    Described,
    Followed,
    IncomingText,
    ListMessages,
    MessagePage,
    NotQueued,
    PricedQueued,
    Queued,
    SendBatch,
    SendMessage,
)
from dashboard.extensions import services, session
from dashboard.gateway.inbound import inbox
from dashboard.gateway.message_log import search
from dashboard.gateway.messages import status, submit
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.messages.submit import SubmitOrder, Submitted
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.vocabulary import Direction, Lane, Scope

BATCH_BYTES = 2 * 1024 * 1024


@bp.post("/messages/send")
@contract(
    Contract(
        body=SendMessage,
        response=Queued,
        scope=Scope.SEND,
        errors=("daily_cap", "budget_exhausted", "budget_slowed", "opted_out", "idempotency_mismatch"),
        idempotent=True,
        is_brief=True,
        summary="Send a text",
        tag="Messages",
    )
)
def send_message(body: SendMessage) -> Queued:
    """The message is written down durably, then delivered. Follow it by its `messageId`."""
    return Queued(message_id=_submit(SubmitOrder(caller(), (body.draft,), idempotent_call())).message_ids[0])


@bp.post("/api/v2/notify")
@contract(
    Contract(
        body=SendMessage,
        response=PricedQueued,
        scope=Scope.SEND,
        errors=("daily_cap", "insufficient_balance", "budget_slowed", "opted_out", "idempotency_mismatch"),
        idempotent=True,
        is_brief=True,
        summary="Send a text",
        tag="Messages",
    )
)
def send_message_v2(body: SendMessage) -> Queued:
    """The message is written down durably, then delivered. Follow it by its `messageId`."""
    with errors.insufficient_balance():
        submitted = _submit(SubmitOrder(caller(), (body.draft,), idempotent_call(), is_priced=True))
    (message_id,) = submitted.message_ids
    if submitted.quote is None:  # it was kept by a version that quoted nothing
        return Queued(message_id=message_id)
    return PricedQueued(message_id=message_id, **costs.priced(submitted.quote))


@bp.post("/messages/batch")
@contract(
    Contract(
        body=SendBatch,
        response=BatchTaken,
        scope=Scope.SEND,
        errors=("idempotency_mismatch",),
        idempotent=True,
        max_bytes=BATCH_BYTES,
        summary="Send many texts",
        tag="Messages",
    )
)
def send_batch(body: SendBatch) -> BatchTaken:
    """All messages are written down in one step. The answer is 200 also when some of them are refused: look at each
    of the `results`. Messages past the key's daily cap are refused with `daily_cap`, those past a budget with
    `budget_exhausted` or `budget_slowed`; the ones before them are sent.
    Those to numbers that want no texts are refused with `opted_out`.
    """
    items = [_judge(item) for item in body.messages]
    drafts = tuple(item for item in items if isinstance(item, Draft))
    submitted = _submit(SubmitOrder(caller(), drafts, idempotent_call(), is_batch=True))
    following = iter(_results(submitted, len(drafts)))
    return BatchTaken(results=[next(following) if isinstance(item, Draft) else item for item in items])


@bp.get("/messages")
@contract(Contract(query=ListMessages, response=MessagePage, scope=Scope.READ, summary="List messages", tag="Messages"))
def list_messages(query: ListMessages) -> MessagePage:
    """Messages of this API key, the newest first. To go on, give `next` as `after`, with the same filters."""
    if query.direction is Direction.IN:
        return _received(query)
    filters = search.Filters(
        sought=search.Sought(phone=query.email or query.phone),
        status=query.status,
        channel=query.channel,
        kind=query.kind,
        key_id=caller().id,
        since=query.from_,
        before=query.to,
    )
    before = None
    if query.after:
        last = status.find(session, query.after)
        if last is None or last.key_id != caller().id:
            raise ApiError("unknown_cursor")
        before = last.id
    rows = search.page(session, filters, before, query.limit + 1)
    in_turn = status.steps_of(session, rows)
    shown = [Described.model_validate(status.described(row, in_turn.get(row.id, ()))) for row in rows[: query.limit]]
    return MessagePage(messages=shown, next=shown[-1].message_id if len(rows) > query.limit else None)


@bp.get("/messages/<message:message_id>")
@contract(
    Contract(
        response=Followed,
        scope=Scope.READ,
        errors=("message_not_found",),
        summary="Follow a message",
        tag="Messages",
    )
)
def follow_message(message_id: str) -> Followed:
    """What became of a message that this API key sent. Its text is not told."""
    reference = read_id(message_id)
    message = status.find(session, reference) if reference else None
    if message is None or message.key_id != caller().id:
        raise ApiError("message_not_found")
    in_turn = status.steps_of(session, [message])
    return Followed.model_validate(status.described(message, in_turn.get(message.id, ())))


def _submit(order: SubmitOrder) -> Submitted:
    """Write texts down and have them delivered."""
    submitted = services().group_commit.run(submit.submit, order)
    services().wakeup.notify(Lane.SMS)
    errors.note_replay(submitted.is_replay)
    traces.note(submitted.message_ids)
    return submitted


def _received(query: ListMessages) -> MessagePage:
    """Texts of phones that this key was the last to write to."""
    foreign = [name for name in ("status", "kind", "channel") if getattr(query, name) is not None]
    if foreign:
        raise Invalid([errors.problem((name,), "invalid_choice", "Not with direction=in") for name in foreign])
    before = None
    if query.after:
        last = inbox.find(session, query.after)
        if last is None or last.key_id != caller().id:
            raise ApiError("unknown_cursor")
        before = last.id
    rows = inbox.page(
        session,
        query.phone or "",
        before,
        query.limit + 1,
        key_id=caller().id,
        since=query.from_,
        until=query.to,
    )
    shown = [IncomingText.model_validate(inbox.described(row) | {"text": row.body}) for row in rows[: query.limit]]
    return MessagePage(messages=list(shown), next=shown[-1].message_id if len(rows) > query.limit else None)


def _results(submitted: Submitted, count: int) -> Iterator[Queued | NotQueued]:
    """What became of each of `count` texts, in order."""
    ids, out = iter(submitted.message_ids), set(submitted.opted_out)
    for place in range(count):
        message_id = None if place in out else next(ids, None)
        if message_id is not None:
            yield Queued(message_id=message_id)
        else:
            refusal = OptedOut() if place in out else submitted.cap or submitted.budget or OptedOut()
            yield NotQueued(errors=[Problem.model_validate(errors.item(errors.described(refusal)))])


def _judge(item: Any) -> Draft | NotQueued:
    """The message to be, or what is wrong with it."""
    try:
        return parse(SendMessage, item).draft
    except Invalid as error:
        return NotQueued(errors=[Problem.model_validate(each) for each in error.errors])
