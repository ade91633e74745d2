"""Answers to texts from phones: by a rule for its keyword, or by a person. They leave as ordinary texts do.

A rule answers a number at most once in a day, and no short code, name, foreign number or fixed line: two machines that
answer each other come to an end at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.api_keys import keys, quotas
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.costs import reservations
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.costs.reservations import Wanted
from dashboard.gateway.inbound.keywords import Meaning
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.opt_outs.opt_outs import OptedOut
from dashboard.models.api_keys import ApiKey
from dashboard.models.carriers import Carrier
from dashboard.models.inbound import IncomingMessage
from dashboard.models.messages import Message
from dashboard.sms import numbers, senders
from dashboard.vocabulary import KeyMode, KeyState, Kind

ONCE_IN = timedelta(days=1)
Asked = tuple[IncomingMessage, Meaning]


@dataclass(frozen=True)
class _Answer:
    """An answer that may leave."""

    message: IncomingMessage
    caller: Caller
    draft: Draft
    carrier: Carrier | None

    @property
    def wanted(self) -> Wanted:
        """What budgets count."""
        by = self.carrier.name if self.carrier else ""
        return Wanted(
            self.caller.id,
            Kind.MESSAGE,
            [Text(self.draft.channel, self.draft.phone, self.draft.shape.segments, by)],
        )


def is_answerable(phone: str) -> bool:
    """Whether an answer could reach who wrote: a mobile phone of this country."""
    local = numbers.of_carrier(phone)
    return bool(local) and not numbers.is_fixed(local)


def answer(session: Session, asked: Sequence[Asked]) -> bool:
    """Answer texts by their rules, where these say so; return whether the lane `sms` is to be woken.

    What is past a key's daily cap stays without an answer. The caller commits.
    """
    wanted = [one for one in asked if one[1].answer and is_answerable(one[0].sender)]
    if not wanted:
        return False
    lock(session, *sorted({f"answer:{message.sender}" for message, _meaning in wanted}))
    due: dict[tuple[str, str | None, int | None], _Answer] = {}
    # In one order, so that no two transactions wait for each other's keys; after all of them the budgets.
    for message, meaning in sorted(wanted, key=lambda one: (one[0].key_id or "", one[0].id)):
        subject = (message.sender, message.keyword, message.rule_id)
        if subject in due or _was_answered(session, message):
            continue
        found = _prepared(session, message, meaning.answer)
        if quotas.spend_cap_upto(session, found.caller, Kind.MESSAGE, 1):
            due[subject] = found
    is_any = False
    granted = reservations.reserve(session, [found.wanted for found in due.values()])
    for found, grant in zip(due.values(), granted, strict=True):
        if grant is not None and grant.refusal is not None:
            quotas.give_back(session, found.caller.id, Kind.MESSAGE, 1)
            continue
        found.message.answer = _submit(session, found, None if grant is None else grant.costs[0])
        is_any = True
    return is_any


def reply(session: Session, message: IncomingMessage, text: str) -> str:
    """Write an answer of a person down; return its uuid. Raise OptedOut, CapReached, BudgetExhausted or BudgetSlowed.

    The caller commits and wakes.
    """
    found = _prepared(session, message, text)
    if opt_outs.among(session, {(found.caller.id, message.sender)}):
        raise OptedOut
    quotas.spend_cap(session, found.caller, Kind.MESSAGE)
    return _submit(session, found, reservations.reserve_one(session, found.wanted))


def carrier_of(session: Session, message: IncomingMessage) -> Carrier | None:
    """The carrier that a text came by, as long as it is in use."""
    return session.scalar(select(Carrier).where(Carrier.name == message.carrier, Carrier.enabled))


def _was_answered(session: Session, message: IncomingMessage) -> bool:
    same = (
        IncomingMessage.sender == message.sender,
        IncomingMessage.keyword == message.keyword,
        IncomingMessage.rule_id.is_not_distinct_from(message.rule_id),
        IncomingMessage.answer.is_not(None),
        IncomingMessage.completed_at > utcnow() - ONCE_IN,
    )
    return bool(session.scalar(select(exists().where(*same))))


def _caller(session: Session, message: IncomingMessage) -> Caller:
    """The key that the text answers, with the number that the person wrote to; the gateway's own where it has ended."""
    key = session.get(ApiKey, message.key_id) if message.key_id else None
    is_usable = key is not None and keys.state(key) is KeyState.ACTIVE and key.mode == KeyMode.LIVE
    caller = Caller.from_row(key if is_usable else keys.own(session))
    return replace(caller, sender=message.recipient if senders.is_sender(message.recipient) else caller.sender)


def _prepared(session: Session, message: IncomingMessage, text: str) -> _Answer:
    """By the carrier that the text came by, as long as it is in use and well; else by the routes."""
    carrier = carrier_of(session, message)
    is_well = carrier is not None and carrier.down_since is None
    draft = Draft.text(numbers.of_carrier(message.sender), text)
    return _Answer(message, _caller(session, message), draft, carrier if is_well else None)


def _submit(session: Session, found: _Answer, cost: int | None) -> str:
    """Write it down with what budgets count for it; return its uuid."""
    row_id, reference = outbox.submit(session, found.caller, replace(found.draft, reserved=cost))
    if found.carrier is not None:
        session.connection().execute(update(Message).where(Message.id == row_id).values(carrier_id=found.carrier.id))
    return reference
