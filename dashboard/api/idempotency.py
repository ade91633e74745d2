"""A call with an Idempotency-Key is done once; when it comes again, it is answered as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, g
from pydantic import BaseModel
from sqlalchemy.orm import Session

from dashboard.api.auth import caller
from dashboard.api.contract import reply, written
from dashboard.extensions import services
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import IdempotentCall, StoredAnswer


@dataclass(frozen=True)
class IdempotentAnswer:
    """An answer, and whether it was given before."""

    kept: StoredAnswer
    again: bool

    @property
    def response(self) -> Response:
        response = reply(self.kept.answer, self.kept.status or 200)
        if self.again:
            response.headers["Idempotent-Replayed"] = "true"
        return response


def has_key() -> bool:
    """Whether the caller gave this call an Idempotency-Key."""
    return g.get("call") is not None


def run_once(
    work: Callable[[Session], BaseModel], *, alone: bool = False, message_uuid: bool = False
) -> IdempotentAnswer:
    """Do the work in a transaction and commit it, unless this call came before; raise Mismatch, UnknownKey.

    With `message_uuid`, the answer holds until its message's fate is known: `settle` or `forget` it then.
    """
    call: IdempotentCall | None = g.get("call")
    key = caller()

    def write(session: Session) -> IdempotentAnswer:
        authentication.confirm(session, key)
        kept = idempotency.find(session, call) if call else None
        if kept is not None:
            return IdempotentAnswer(kept, again=True)
        told = new_answer(work(session), message_uuid=message_uuid)
        if call:
            idempotency.keep(session, call, told.kept)
        return told

    return services().group_commit.run(write, alone=alone)


def new_answer(answer: BaseModel, *, message_uuid: bool = False) -> IdempotentAnswer:
    """An answer that is given now; with `message_uuid` it holds until its message's fate is known."""
    reference = getattr(answer, "message_id", None) if message_uuid else None
    return IdempotentAnswer(StoredAnswer(written(answer), None if reference else 200, reference), again=False)


def settle(told: IdempotentAnswer, status: int, answer: str) -> IdempotentAnswer:
    """The message's fate is known, and this is the answer; another caller who waited may have given one before."""
    call, kept = g.get("call"), StoredAnswer(answer, status, told.kept.message_uuid)
    if call:
        kept = services().group_commit.run(lambda session: idempotency.settle(session, call, kept))
    return IdempotentAnswer(kept, told.again)


def forget(told: IdempotentAnswer) -> None:
    """Nothing came of the call: when it comes again, it is tried anew."""
    call, reference = g.get("call"), told.kept.message_uuid
    if call and reference:
        services().group_commit.run(lambda session: idempotency.forget(session, call, reference))
