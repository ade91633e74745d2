"""In which order channels carry a code: `whatsapp:30,sms:60,email` by WhatsApp, 30 s later by SMS, 60 s later by mail.

Each step is a message of its own, written together with the code and due when its turn comes; all of them carry the
same digits. `Message.step` counts them from 1, and `step_of` names the first one, which the code belongs to. A step
whose code was typed in, replaced or locked meanwhile is not sent: its worker looks when it takes it. Where one fails,
the next is due at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, func, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from dashboard.db import UtcDateTime, core_table, utcnow
from dashboard.driver import BulkInsert, ExecuteMany, ListStatement
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp.codes import MAX_ATTEMPTS
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.vocabulary import Channel, Lane, Status

MOST_STEPS = len(Channel)
SHORTEST, LONGEST = 10, 300  # seconds of a step
LATEST = 540  # seconds after which the last step begins at the latest: a minute of the code's ten is left to type it in
LEFT_OUT = "budget_exhausted"  # the `error_code` of a step that a budget had no room for
VERIFIED, LOCKED = "code_verified", "code_locked"  # of one that was not sent because its code was at its end
NEVER_LEFT = (Status.FAILED.value, Status.EXPIRED.value)  # unless it has a time of leaving

_MESSAGES, _OTPS = core_table(Message), core_table(Otp)
MARK_FIRST = ListStatement(
    update(_MESSAGES)
    .where(_MESSAGES.c.uuid.in_(bindparam("uuids", expanding=True)))
    .values(step=1)
    .returning(_MESSAGES.c.id, _MESSAGES.c.uuid)
)
STEP_COLUMNS = ("id", "step_of", "channel", "status", "sending_at", "sent_at")
INSERT = BulkInsert(_MESSAGES, *outbox.INSERT_ALL.names, "step", "step_of", "error_code", "expired_at")
LATER = ListStatement(
    select(*(_MESSAGES.c[name] for name in (*STEP_COLUMNS, "due_at", "error_code")))
    .where(_MESSAGES.c.step_of.in_(bindparam("firsts", expanding=True)))
    .order_by(_MESSAGES.c.id)
)
_IS_ALIVE = or_(_MESSAGES.c.status.not_in(NEVER_LEFT), _MESSAGES.c.sent_at.is_not(None), _MESSAGES.c.unknowns > 0)
BY_ADDRESS = (
    select(_OTPS.c.id, _OTPS.c.key_id, _OTPS.c.phone, _MESSAGES.c.phone.label("address"))
    .join(_MESSAGES, func.coalesce(_MESSAGES.c.step_of, _MESSAGES.c.id) == _OTPS.c.message_id)
    .where(
        _MESSAGES.c.phone.in_(bindparam("addresses", expanding=True)),
        _MESSAGES.c.step.is_not(None),
        _OTPS.c.key_id.in_(bindparam("keys", expanding=True)),
        _OTPS.c.superseded_at.is_(None),
    )
    .order_by(_OTPS.c.id)
)
NEWEST_BY_EMAIL = select(func.max(_OTPS.c.id)).where(
    _OTPS.c.key_id == bindparam("key"),
    _OTPS.c.phone == bindparam("address"),
    _OTPS.c.channel == Channel.EMAIL.value,
    _OTPS.c.superseded_at.is_(None),
)
BRING_FORWARD = ExecuteMany(
    update(_MESSAGES)
    .where(
        _MESSAGES.c.id == bindparam("row_id"),
        _MESSAGES.c.status == bindparam("was_status"),
        _MESSAGES.c.due_at == bindparam("was_due", type_=UtcDateTime),
    )
    .values(due_at=bindparam("new_due", type_=UtcDateTime))
)


class InvalidOrder(ValueError):
    """It breaks a rule: `code` is steps, channel, twice, seconds or latest."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class OrderStep:
    """A channel and, but for the last one, the seconds after which the next one is tried."""

    channel: Channel
    seconds: int | None = None


def parse(text: str) -> tuple[OrderStep, ...]:
    """An order as people write it; raise InvalidOrder."""
    steps = []
    for part in text.replace(" ", "").lower().split(","):
        name, _, seconds = part.partition(":")
        if name not in tuple(Channel):
            raise InvalidOrder("channel")
        if seconds and not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 5):
            raise InvalidOrder("seconds")
        steps.append(OrderStep(Channel(name), int(seconds) if seconds else None))
    return checked(steps)


def checked(steps: Sequence[OrderStep]) -> tuple[OrderStep, ...]:
    """The same steps, where they are an order; raise InvalidOrder."""
    if not 2 <= len(steps) <= MOST_STEPS:
        raise InvalidOrder("steps")
    if len({step.channel for step in steps}) < len(steps):
        raise InvalidOrder("twice")
    *before, last = steps
    if last.seconds is not None or not all(SHORTEST <= (step.seconds or 0) <= LONGEST for step in before):
        raise InvalidOrder("seconds")
    if sum(step.seconds or 0 for step in before) > LATEST:
        raise InvalidOrder("latest")
    return tuple(steps)


def written(steps: Sequence[OrderStep]) -> str:
    """An order as a key keeps it."""
    return ",".join(step.channel if step.seconds is None else f"{step.channel}:{step.seconds}" for step in steps)


def first(caller: Caller, email: str | None) -> Channel:
    """The channel by which a code for `auto` goes first."""
    return _steps(caller, email)[0].channel


def _steps(caller: Caller, email: str | None) -> list[OrderStep]:
    steps = parse(caller.channel_order) if caller.channel_order else (OrderStep(Channel.SMS),)
    return [step for step in steps if email or step.channel != Channel.EMAIL]


def drafts(caller: Caller, draft: Draft, email: str | None) -> list[tuple[Draft, timedelta]]:
    """The messages that a code for `auto` goes by, made from one draft, and how long after the code each is due.

    Without an address the step by e-mail is left out. A key without an order takes SMS.
    """
    made, after = [], timedelta(0)
    for step in _steps(caller, email):
        is_email = step.channel == Channel.EMAIL
        phone, shape = (email, replace(draft.shape, segments=1)) if is_email and email else (draft.phone, draft.shape)
        made.append((replace(draft, channel=step.channel, phone=phone, shape=shape), after))
        after += timedelta(seconds=step.seconds or 0)
    return made


@dataclass(frozen=True)
class CodeInTurn:
    """A code for `auto` that was written, with the messages that are to carry it later, and when each is due. A budget
    had no room for those from `granted` on.
    """

    message_id: str  # of the first message
    caller: Caller
    later: Sequence[tuple[Draft, timedelta]]
    granted: int


def write(session: Session, written_codes: Sequence[CodeInTurn]) -> None:
    """Write the later messages of codes down, after the first ones. The caller commits."""
    connection, now = session.connection(), utcnow()
    firsts = MARK_FIRST.run(connection, {"uuids": [code.message_id for code in written_codes]})
    ids = {row.uuid: row.id for row in firsts}
    rows = []
    for code in written_codes:
        for place, (draft, after) in enumerate(code.later):
            row = outbox.row_of(code.caller, draft, now)
            row |= {"due_at": now + after, "step": place + 2, "step_of": ids[code.message_id]}
            row |= {"error_code": None, "expired_at": None}
            if place >= code.granted:
                row |= {"status": Status.EXPIRED, "expired_at": now, "due_at": None, "error_code": LEFT_OUT}
            rows.append(row)
    INSERT.run(connection, rows)


def codes_of(messages: Iterable[Any]) -> dict[int, int]:
    """For each of these messages, which carry codes, the message that its code belongs to: mostly itself. By id."""
    return {message.id: message.step_of or message.id for message in messages}


def why_ended(otp: Otp) -> str | None:
    """Why a code is not sent by further channels, as an `error_code`; None while it is."""
    if otp.superseded_at is not None:
        return "superseded"
    if otp.verified_at is not None:
        return VERIFIED
    return LOCKED if otp.attempts >= MAX_ATTEMPTS else None


def may_have_left(message: Any) -> bool:
    """Whether a message of a code was begun, and has not failed before a carrier took it."""
    return message.sending_at is not None and (message.sent_at is not None or message.status not in NEVER_LEFT)


def bring_forward(connection: Connection, failed: Iterable[Any]) -> set[Lane]:
    """Where these messages are steps of codes, have the next ones sent now, and those after them as much earlier.

    Returns the lanes to wake. A next step that has begun is left alone.
    """
    last = {message.step_of or message.id: message.id for message in failed if message.step is not None}
    if not last:
        return set()
    following = defaultdict(list)
    for row in LATER.run(connection, {"firsts": list(last)}):
        if row.id > last[row.step_of] and row.error_code != LEFT_OUT:
            following[row.step_of].append(row)
    now, lanes, moved = utcnow(), set[Lane](), []
    for rows in following.values():
        if rows[0].status != Status.QUEUED or rows[0].due_at is None:
            continue
        lanes.add(Lane(rows[0].channel))
        early = max(rows[0].due_at - now, timedelta(0))
        moved += [
            {"row_id": row.id, "was_status": row.status, "was_due": row.due_at, "new_due": row.due_at - early}
            for row in rows
            if row.due_at
        ]
    BRING_FORWARD.run(connection, moved)
    return lanes


def without_steps_alive(connection: Connection, message_ids: Collection[int]) -> list[int]:
    """Of codes, by their first messages, those of which no message left and none will.

    Their rows are locked: of two steps that fail at once, the second one finds the first one failed.
    """
    dead = []
    for first in message_ids:
        connection.execute(select(_OTPS.c.id).where(_OTPS.c.message_id == first).with_for_update())
        of_code = or_(_MESSAGES.c.id == first, _MESSAGES.c.step_of == first)
        if connection.execute(select(_MESSAGES.c.id).where(of_code, _IS_ALIVE).limit(1)).scalar() is None:
            dead.append(first)
    return dead


def later_steps(connection: Connection, message_ids: Collection[int]) -> dict[int, list[Any]]:
    """The messages that carry codes after the first ones, in order, by the id of the first."""
    found = defaultdict(list)
    for row in LATER.run(connection, {"firsts": list(message_ids)}) if message_ids else ():
        found[row.step_of].append(row)
    return found


def numbers_of(session: Session, addresses: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By key and e-mail address: the number whose code for `auto` went to that address, too.

    Left out where a newer code was asked for by e-mail alone.
    """
    params = {"addresses": [address for _, address in addresses], "keys": [key for key, _ in addresses]}
    rows = session.connection().execute(BY_ADDRESS, params).all()
    newest = {(row.key_id, row.address): row for row in rows}
    found = {}
    for key, address in addresses:
        row = newest.get((key, address))
        plain = session.connection().execute(NEWEST_BY_EMAIL, {"key": key, "address": address}).scalar() if row else 0
        if row is not None and row.id > (plain or 0):
            found[key, address] = row.phone
    return found
