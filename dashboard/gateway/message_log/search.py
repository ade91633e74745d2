"""The message log: filter, page, look one up. Pages run along `Message.id`, newest first, never by offset."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import product

from sqlalchemy import Boolean, ColumnElement, TextClause, func, literal_column, select, text
from sqlalchemy.orm import Session, joinedload

from dashboard.gateway.otp import channel_order, template_rules, templates
from dashboard.models.limits import LimitRejection
from dashboard.models.messages import Message, operator_digit
from dashboard.models.otp import Otp
from dashboard.sms import emails, numbers
from dashboard.vocabulary import BY_PHONE, ENDS, Channel, Kind, Operator, Stage, Status

PAGE = 50
MOST_COUNTED = 100
MOST_TOTAL = 1_000
MOST_REASONS = 12
OPEN = tuple(status for status in Status if status not in ENDS)
BETWEEN_DIGITS = re.compile(r"[\s\-.()/\u00a0\u202f\u200e\u200f\u061c\u2066-\u2069]+")
LENGTH = len("+222") + numbers.LOCAL_DIGITS
NONE, NO_ROW = 0, 2**62
FACETS = (tuple(Status), tuple(Kind))
PLACES = (*product(BY_PHONE, Operator), (Channel.EMAIL, emails.PLACE_OF_OPERATOR))  # channel and operator
LONGEST = 2 * emails.LONGEST  # characters of a search; an address in Unicode may have more than bytes in ASCII
SHORTEST_PREFIX = 4  # digits of a number that are worth a search
STAGES = {  # as the statistics count them
    Stage.SENT: "messages.sent_at IS NOT NULL",
    Stage.VERIFIED: "EXISTS (SELECT 1 FROM otps WHERE otps.message_id = messages.id AND otps.verified_at IS NOT NULL)",
}


class NotSearchable(ValueError):
    """Neither a number, the beginning of one, nor a message id."""


@dataclass(frozen=True)
class Sought:
    """What a search box meant: a message, a number or e-mail address, or all numbers that begin so."""

    uuid: str | None = None
    phone: str | None = None
    prefix: str | None = None


@dataclass(frozen=True)
class Filters:
    """Empty fields do not filter."""

    sought: Sought = Sought()
    status: str | None = None
    channel: str | None = None
    kind: str | None = None
    key_id: str | None = None
    operator: str | None = None  # first digit of the numbers
    since: datetime | None = None
    before: datetime | None = None
    stage: Stage | None = None  # that it reached, whatever became of it then

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        same = {
            Message.status: self.status,
            Message.channel: self.channel,
            Message.kind: self.kind,
            Message.key_id: self.key_id,
            Message.uuid: self.sought.uuid,
            Message.phone: self.sought.phone,
            operator_digit: self.operator,
        }
        conditions = [column == value for column, value in same.items() if value]
        if self.before:
            conditions.append(Message.id < _first_since(self.before))
        if self.sought.prefix:
            conditions.append(Message.phone.between(*_range(self.sought.prefix)))
        if self.since:
            conditions.append(Message.id >= _first_since(self.since))
        if self.stage:
            conditions.append(literal_column(STAGES[self.stage], Boolean))
        return conditions

    @property
    def has_facets(self) -> bool:
        """Whether the indexes on facets serve it: nothing is searched for, and something is filtered."""
        facets = (self.status, self.kind, self.channel, self.operator, self.key_id)
        return self.sought == Sought() and any(facets)


@dataclass(frozen=True)
class ReasonGroup:
    """Failures with one reason at one carrier, and the newest of them."""

    code: str
    carrier: str
    times: int
    first_at: datetime
    last_at: datetime
    newest: str  # the message's uuid


def sought(text: str) -> Sought:
    """Read a search: any accepted form of a number, spaced or not, its beginning, an e-mail address, or a message id;
    raise NotSearchable.

    Digits may be of any script: numbers are pasted from anywhere.
    """
    plain = BETWEEN_DIGITS.sub("", "".join(_western(character) for character in text[:LONGEST]))
    if not plain and not text.strip():
        return Sought()
    if "@" in text:
        return Sought(phone=_email(emails.plain(text.strip())))  # links hold addresses as they are kept
    try:
        return Sought(phone=numbers.parse(plain))
    except numbers.InvalidPhone:
        return _prefix(plain) or _message_id(text.strip())


def page(session: Session, filters: Filters, before: int | None = None, limit: int = PAGE) -> list[Message]:
    """The newest messages that fit, with their keys; `before` is the id of the last one seen."""
    query = select(Message).options(joinedload(Message.key)).order_by(Message.id.desc())
    if filters.has_facets:
        return list(
            session.scalars(query.where(Message.id.in_(_walk(session, filters, NONE, before or NO_ROW, limit))))
        )
    if before is not None:
        query = query.where(Message.id < before)
    return list(session.scalars(query.where(*filters.conditions).limit(limit)))


def count_newer(session: Session, filters: Filters, than: int) -> int:
    """How many that fit came after a message; counts stop at MOST_COUNTED."""
    if filters.has_facets:
        return len(_walk(session, filters, than, NO_ROW, MOST_COUNTED))
    newer = select(Message.id).where(Message.id > than, *filters.conditions).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(newer)) or 0


def count_some(session: Session, filters: Filters) -> int:
    """How many fit; the count stops at MOST_TOTAL, so that it costs a page nothing to speak of."""
    if filters.has_facets:
        return len(_walk(session, filters, NONE, NO_ROW, MOST_TOTAL))
    some = select(Message.id).where(*filters.conditions).limit(MOST_TOTAL).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def reasons(session: Session, filters: Filters) -> list[ReasonGroup]:
    """The newest MOST_TOTAL failures that fit, by reason and carrier, the most frequent first."""
    ids = _walk(session, replace(filters, status=Status.FAILED), NONE, NO_ROW, MOST_TOTAL)
    grouped = (
        select(
            Message.error_code,
            Message.carrier,
            func.count(),
            func.min(Message.created_at),
            func.max(Message.created_at),
            func.max(Message.id),
        )
        .where(Message.id.in_(ids))
        .group_by(Message.error_code, Message.carrier)
        .order_by(func.count().desc(), func.max(Message.id).desc())
    )
    rows = session.execute(grouped.limit(MOST_REASONS)).all()
    named = select(Message.id, Message.uuid).where(Message.id.in_([row[-1] for row in rows]))
    newest = {row.id: row.uuid for row in session.execute(named)}
    return [
        ReasonGroup(code or "", carrier or "", times, first_at, last_at, newest[last_id])
        for code, carrier, times, first_at, last_at, last_id in rows
    ]


def count(session: Session, filters: Filters) -> int:
    """How many fit, all of them: it takes its time, for a file that takes longer."""
    return session.scalar(select(func.count()).select_from(Message).where(*filters.conditions)) or 0


def _walk(session: Session, filters: Filters, than: int, before: int, limit: int) -> list[int]:
    """The newest ids after `than` and before `before` that fit; however rare they are, no other row is read.

    ix_messages_facets holds each combination of status, kind, channel and operator in the order of ids: the newest of
    each combination are read, and of these the newest are taken.
    """
    if filters.since:
        than = max(than, (session.scalar(select(_first_since(filters.since))) or NO_ROW) - 1)
    if filters.before:
        before = min(before, session.scalar(select(_first_since(filters.before))) or NO_ROW)
    params: dict[str, int | str] = {"than": than, "before": before, "most": limit}
    if filters.key_id is not None:
        params["key"] = filters.key_id
    chosen, place = (filters.status, filters.kind), (filters.channel, filters.operator)
    statement = _walking(chosen, place, filters.stage, filters.key_id is not None)
    return [] if statement is None else list(session.scalars(statement, params))


@cache
def _walking(
    chosen: tuple[str | None, ...], place: tuple[str | None, ...], stage: Stage | None, by_key: bool
) -> TextClause | None:
    """The statement for chosen facets, None for any; None where nothing can fit, as with e-mail to an operator.

    It is safe to write them into it: all are from FACETS and PLACES.
    """
    lists = [
        [value for value in values if choice in (None, value)] for choice, values in zip(chosen, FACETS, strict=True)
    ]
    places = [
        each for each in PLACES if all(choice in (None, value) for choice, value in zip(place, each, strict=True))
    ]
    narrow = ("key_id = :key AND " if by_key else "") + (f"{STAGES[stage]} AND " if stage else "")
    parts = [
        f"SELECT * FROM (SELECT id FROM messages WHERE {narrow}status = '{status}' AND kind = '{kind}' AND "  # noqa: S608
        f"channel = '{channel}' AND substr(phone, 5, 1) = '{digit}' AND id > :than AND id < :before "
        f"ORDER BY id DESC LIMIT :most) AS part_{i}"
        for i, (status, kind, (channel, digit)) in enumerate(product(*lists, places))
    ]
    return text(" UNION ALL ".join(parts) + " ORDER BY id DESC LIMIT :most") if parts else None


def numbers_beginning(session: Session, prefix: str, limit: int) -> list[str]:
    """Numbers of messages and of refused codes that begin so, in order: the indexes give one at a time."""
    low, high = _range(prefix)
    found: list[str] = []
    while len(found) < limit:
        after = found[-1] if found else ""
        firsts = [
            select(func.min(column)).where(column >= low, column <= high, column > after).scalar_subquery()
            for column in (Message.phone, LimitRejection.phone)
        ]
        row = session.execute(select(*firsts)).one()
        nearest = min((phone for phone in row if phone is not None), default=None)
        if nearest is None:
            break
        found.append(nearest)
    return found


def _range(prefix: str) -> tuple[str, str]:
    """The first and the last whole number that begin so: an index serves a range, whatever the database's collation."""
    return prefix.ljust(LENGTH, "0"), prefix.ljust(LENGTH, "9")


def is_empty(session: Session) -> bool:
    """Whether there is no message at all."""
    return session.scalar(select(Message.id).limit(1)) is None


def otps_of(session: Session, messages: Sequence[Message]) -> dict[int, Otp]:
    """The codes that messages carry, by message id."""
    codes = channel_order.codes_of(message for message in messages if message.kind == Kind.OTP)
    otps = templates.otps_of(session, set(codes.values()))
    return {message_id: otps[code] for message_id, code in codes.items() if code in otps}


def shown_text(message: Message, otp: Otp | None) -> str | None:
    """The text for people to read, the code masked; None when it is no longer kept."""
    if message.kind == Kind.OTP:
        return templates.of(otp, message.channel).render(template_rules.MASK, otp.app_hash) if otp else None
    return message.body


def _first_since(since: datetime) -> ColumnElement[int]:
    """The row with which a period begins: rows run along `id`, and a second index on time would not help them."""
    first = select(Message.id).where(Message.created_at >= since).order_by(Message.created_at).limit(1)
    return func.coalesce(first.scalar_subquery(), NO_ROW)


def _prefix(plain: str) -> Sought | None:
    """`3808`, `+2223808`: the beginning of a number, long enough to be worth a search."""
    if not re.fullmatch(r"\+?[0-9]{4,12}", plain):
        return None
    local = plain.removeprefix("+").removeprefix("222") if plain.startswith(("+222", "222")) else plain
    fits = SHORTEST_PREFIX <= len(local) < numbers.LOCAL_DIGITS and local[0] in numbers.OPERATORS
    return Sought(prefix="+222" + local) if fits else None


def _email(text: str) -> str:
    try:
        return emails.parse(text)
    except emails.InvalidEmail:
        raise NotSearchable(text) from None


def _message_id(text: str) -> Sought:
    try:
        return Sought(uuid=str(uuid.UUID(text)))
    except ValueError:
        raise NotSearchable(text) from None


def _western(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)
