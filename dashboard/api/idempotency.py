"""A call with an Idempotency-Key is done once; when it comes again, it is answered as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, g
from pydantic import BaseModel
from sqlalchemy.orm import Session

from dashboard.api.contract import reply, written
from dashboard.api.errors import caller
from dashboard.extensions import services
from dashboard.gateway.api_keys import authentication
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import Call, Kept


@dataclass(frozen=True)
class Told:
    """An answer, and whether it was given before."""

    kept: Kept
    again: bool

    @property
    def response(self) -> Response:
        response = reply(self.kept.answer, self.kept.status or 200)
        if self.again:
            response.headers["Idempotent-Replayed"] = "true"
        return response


def named() -> bool:
    """Whether the caller gave this call an Idempotency-Key."""
    return g.get("call") is not None


def once(work: Callable[[Session], BaseModel], *, alone: bool = False, message_uuid: bool = False) -> Told:
    """Do the work in a transaction and commit it, unless this call came before; raise Mismatch, UnknownKey.

    With `message_uuid`, the answer holds until its message's fate is known: `settle` or `forget` it then.
    """
    call: Call | None = g.get("call")
    key = caller()

    def write(session: Session) -> Told:
        authentication.confirm(session, key)
        kept = idempotency.find(session, call) if call else None
        if kept is not None:
            return Told(kept, again=True)
        told = first(work(session), message_uuid=message_uuid)
        if call:
            idempotency.keep(session, call, told.kept)
        return told

    return services().writer.run(write, alone=alone)


def first(answer: BaseModel, *, message_uuid: bool = False) -> Told:
    """An answer that is given now; with `message_uuid` it holds until its message's fate is known."""
    reference = getattr(answer, "message_id", None) if message_uuid else None
    return Told(Kept(written(answer), None if reference else 200, reference), again=False)


def settle(told: Told, status: int, answer: str) -> Told:
    """The message's fate is known, and this is the answer; another caller who waited may have given one before."""
    call, kept = g.get("call"), Kept(answer, status, told.kept.message_uuid)
    if call:
        kept = services().writer.run(lambda session: idempotency.settle(session, call, kept))
    return Told(kept, told.again)


def forget(told: Told) -> None:
    """Nothing came of the call: when it comes again, it is tried anew."""
    call, reference = g.get("call"), told.kept.message_uuid
    if call and reference:
        services().writer.run(lambda session: idempotency.forget(session, call, reference))
