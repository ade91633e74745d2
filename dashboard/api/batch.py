"""The messages of a batch: each is judged by itself, and those that may go are written down together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from dashboard.api.contract import parse
from dashboard.api.errors import Invalid, capped
from dashboard.api.schemas.requests import SendMessage
from dashboard.api.schemas.responses import BatchTaken, NotQueued, Problem, Queued
from dashboard.gateway.api_keys import authentication, quotas
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.quotas import CapReached
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft

Judged = Draft | NotQueued


def draft(wanted: SendMessage) -> Draft:
    return Draft("message", "sms", wanted.phone, wanted.message, wanted.message)


def judged(items: list[Any]) -> list[Judged]:
    """For each item a message to be, or what is wrong with it."""
    return [_judge(item) for item in items]


def submit(session: Session, caller: Caller, items: list[Judged]) -> BatchTaken:
    """Write the good ones down, in the order sent, as many as the day's cap allows."""
    drafts = [item for item in items if isinstance(item, Draft)]
    allowed = quotas.spend_cap_upto(session, caller, "message", len(drafts))
    taken: list[Queued | NotQueued] = [
        Queued(message_id=made) for made in outbox.submit_all(session, [(caller, draft) for draft in drafts[:allowed]])
    ]
    taken += [_past_the_cap(caller)] * (len(drafts) - allowed)
    following = iter(taken)
    return BatchTaken(results=[next(following) if isinstance(item, Draft) else item for item in items])


@dataclass(frozen=True)
class Singles:
    """Messages of one key that come one by one, but at the same time: they are written down together."""

    caller: Caller

    def __call__(self, session: Session, drafts: list[Draft]) -> list[str | CapReached]:
        """The id of each, or the refusal of one that is past the day's cap; raise UnknownKey."""
        authentication.confirm(session, self.caller)
        allowed = quotas.spend_cap_upto(session, self.caller, "message", len(drafts))
        refused = [quotas.cap_reached(self.caller, "message") for _ in drafts[allowed:]]
        return [*outbox.submit_all(session, [(self.caller, draft) for draft in drafts[:allowed]]), *refused]


def _judge(item: Any) -> Judged:
    try:
        return draft(parse(SendMessage, item))
    except Invalid as error:
        return NotQueued(errors=[Problem.model_validate(found) for found in error.errors])


def _past_the_cap(caller: Caller) -> NotQueued:
    return NotQueued(errors=[Problem.model_validate(capped(quotas.cap_reached(caller, "message")))])
