"""Answers to texts from phones: by a rule for its keyword, or by a person. They leave as ordinary texts do.

A rule answers a number at most once in a day, and no short code, name, foreign number or fixed line: two machines that
answer each other come to an end at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from dashboard.db import lock, utcnow
from dashboard.gateway.api_keys import keys, quotas
from dashboard.gateway.api_keys.authentication import Caller
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
    is_any = False
    # In one order, so that no two transactions wait for each other's keys.
    for message, meaning in sorted(wanted, key=lambda one: (one[0].key_id or "", one[0].id)):
        if _was_answered(session, message):
            continue
        caller = _caller(session, message)
        if quotas.spend_cap_upto(session, caller, Kind.MESSAGE, 1):
            message.answer = _submit(session, caller, message, meaning.answer)
            session.flush()  # for the next one of the same number
            is_any = True
    return is_any


def reply(session: Session, message: IncomingMessage, text: str) -> str:
    """Write an answer of a person down; return its uuid. Raise OptedOut or CapReached. The caller commits and wakes."""
    caller = _caller(session, message)
    if opt_outs.among(session, {(caller.id, message.sender)}):
        raise OptedOut
    quotas.spend_cap(session, caller, Kind.MESSAGE)
    return _submit(session, caller, message, text)


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


def _submit(session: Session, caller: Caller, message: IncomingMessage, text: str) -> str:
    """By the carrier that the text came by, as long as it is in use and well; else by the routes."""
    row_id, reference = outbox.submit(session, caller, Draft.text(numbers.of_carrier(message.sender), text))
    carrier = carrier_of(session, message)
    if carrier is not None and carrier.down_since is None:
        session.connection().execute(update(Message).where(Message.id == row_id).values(carrier_id=carrier.id))
    return reference
