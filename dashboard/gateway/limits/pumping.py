"""SMS pumping: somebody has an app send codes to a range of numbers, and earns on the traffic. It is stopped by range.

A range is the thousand numbers that share all but their last three digits, on one live key. When within an hour many of
them are sent codes of which few are typed in, people are told first, then one code a minute goes, then none. Numbers
that once verified a code of the key are served all the while.

The rows of the codes decide, in the transaction that writes the next one. A process only counts what it sends, in its
memory, to know when to look at them: where nobody pumps, nothing is read and nothing is written.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, joinedload

from dashboard.cache import TimedCache
from dashboard.db import execute_dml, lock, pool_of, utcnow
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.audit import trail
from dashboard.gateway.site_settings import Preferences
from dashboard.models.limits import PumpedRange
from dashboard.models.otp import Otp
from dashboard.sms import emails
from dashboard.vocabulary import KeyMode, PumpingStep

DIGITS = 3  # of a number that tell it from others of its range
PERIOD = timedelta(hours=1)  # that is looked at, and for which a range is held after the last try
LEAST_SHARE = 0.3  # of the codes, which people type in
STEPS = {PumpingStep.STOP: 1.0, PumpingStep.SLOW: 0.75, PumpingStep.WATCH: 0.5}  # of the numbers that owners allow
SEQUENTIAL_FACTOR = 2 / 3  # of those, when half of the numbers are neighbours
LEAST_NUMBERS, MOST_NUMBERS = 10, 1_000  # that owners may allow
SLOW_EVERY = timedelta(minutes=1)
RELEASED_FOR = timedelta(days=1)
FIRST_LOOK, LOOK_EVERY = 8, 4  # codes that one process sent to a range within PERIOD
MOST_REMEMBERED = 20_000  # ranges
READ_EVERY = 1.0  # seconds
GATEWAY = trail.Actor("gateway")

Range = tuple[str, str]
"""A key's id, and the digits that the numbers share."""


class PumpingSuspected(Exception):
    """No code goes to this range now."""

    def __init__(self, most: int, retry_after: int) -> None:
        super().__init__(most)
        self.most = most  # numbers of a range that may be sent codes in an hour
        self.retry_after = retry_after  # seconds


@dataclass
class Evidence:
    """What a range was sent in the last hour. `numbers` are last digits."""

    sent: int = 0
    verified: int = 0
    numbers: set[int] = field(default_factory=set)

    @property
    def is_sequential(self) -> bool:
        """Whether half of the numbers are neighbours of others, as they are when a program counts up."""
        neighbours = sum(1 for number in self.numbers if {number - 1, number + 1} & self.numbers)
        return neighbours * 2 >= len(self.numbers)

    def add(self, phone: str) -> None:
        self.sent += 1
        self.numbers.add(int(phone[-DIGITS:]))

    def step(self, most: int, more: int = 0) -> PumpingStep | None:
        """What it calls for where owners allow `most` numbers; `more` tries were refused beside."""
        if self.verified >= LEAST_SHARE * self.sent:
            return None
        allowed = most * SEQUENTIAL_FACTOR if self.is_sequential else most
        count = len(self.numbers) + more
        return next((step for step, part in STEPS.items() if count >= part * allowed), None)


class _Counts:
    """How many codes this process sent to each range within the last PERIOD."""

    def __init__(self) -> None:
        self._counts: dict[Range, tuple[float, int]] = {}
        self._guard = threading.Lock()

    def add(self, subject: Range) -> bool:
        """Count one more; return whether it is time to look."""
        now = time.monotonic()
        with self._guard:
            began, count = self._counts.get(subject, (now, 0))
            if now - began > PERIOD.total_seconds():
                began, count = now, 0
            if len(self._counts) >= MOST_REMEMBERED:
                self._counts.clear()
            self._counts[subject] = (began, count + 1)
        return count + 1 >= FIRST_LOOK and (count + 1 - FIRST_LOOK) % LOOK_EVERY == 0


_counts = _Counts()
_HELD: TimedCache[Any, frozenset[Range]] = TimedCache(READ_EVERY, weak_keys=True)  # by connection pool


def take(session: Session, asked: Sequence[tuple[Caller, str]]) -> list[PumpingSuspected | None]:
    """For each code that a key is asked to send to a number: None, or why it must not be sent.

    The caller writes the codes and commits in this same transaction. Codes of test keys and by e-mail cost nothing and
    are not looked at. Nothing is held back while owners allow any number.
    """
    preferences = site_settings.current(session)
    most = preferences.pumping_numbers
    live = [
        (caller.id, range_of(phone)) if most and caller.mode == KeyMode.LIVE and not emails.is_email(phone) else None
        for caller, phone in asked
    ]
    held = _HELD.find(pool_of(session), lambda: _in_force(session))
    due = {subject for subject in live if subject and _counts.add(subject)} | (held & set(live))
    if not due:
        return [None] * len(asked)
    lock(session, *("pumping:" + "".join(subject) for subject in due if subject))
    phones: dict[Range, list[str]] = {}
    for (_caller, phone), subject in zip(asked, live, strict=True):
        if subject in due:
            phones.setdefault(subject, []).append(phone)
    judges = {subject: _Judge(session, subject, phones[subject], preferences) for subject in sorted(phones)}
    answers: list[PumpingSuspected | None] = []
    for (_caller, phone), subject in zip(asked, live, strict=True):
        answers.append(judges[subject].judge(phone) if subject in judges else None)
    return answers


def range_of(phone: str) -> str:
    """The digits that a number shares with the others of its range."""
    return phone[:-DIGITS]


def current(session: Session, key_id: str, phone: str) -> PumpedRange | None:
    """The step in force for the range of a number, if any."""
    return _newest(session, (key_id, range_of(phone)))


def latest(session: Session, most: int) -> list[PumpedRange]:
    """Those in force first, then the newest, with their keys."""
    order = (PumpedRange.until <= utcnow(), PumpedRange.id.desc())
    query = select(PumpedRange).options(joinedload(PumpedRange.key)).order_by(*order).limit(most)
    return list(session.scalars(query))


def suspected(session: Session) -> list[PumpedRange]:
    """Ranges that are watched, slowed or stopped now, with their keys."""
    rows = select(PumpedRange).options(joinedload(PumpedRange.key))
    wanted = (PumpedRange.until > utcnow(), PumpedRange.step != PumpingStep.RELEASED)
    return list(session.scalars(rows.where(*wanted).order_by(PumpedRange.id)))


def release(session: Session, row: PumpedRange) -> None:
    """Let all codes to a range through for a day. The caller commits."""
    row.step, row.until = PumpingStep.RELEASED, utcnow() + RELEASED_FOR
    session.flush()
    _HELD.forget(pool_of(session))


def hold(session: Session, row_id: int, step: str, until: datetime) -> PumpedRange | None:
    """Take a release back; None when it is no longer released. The caller commits."""
    released = (PumpedRange.id == row_id, PumpedRange.step == PumpingStep.RELEASED)
    back = update(PumpedRange).where(*released).values(step=PumpingStep(step), until=until)
    changed = execute_dml(session, back)
    _HELD.forget(pool_of(session))
    return session.get(PumpedRange, row_id, populate_existing=True) if changed else None


class _Judge:
    """One range within one transaction, which holds its lock."""

    def __init__(self, session: Session, subject: Range, phones: list[str], preferences: Preferences) -> None:
        self.session = session
        self.subject = subject
        self.phones = phones  # that are to be judged
        self.most, self.stops = preferences.pumping_numbers, preferences.pumping_stops
        self.now = utcnow()
        self.row = _newest(session, subject)

    def judge(self, phone: str) -> PumpingSuspected | None:
        """Whether a code must not go to this number now."""
        if self.row is not None and self.row.step == PumpingStep.RELEASED:
            return None
        step = self._step()
        if step in (None, PumpingStep.WATCH) or not self.stops or phone in self._known or self._may_pass():
            self.evidence.add(phone)
            return None
        return self._refusal()

    @cached_property
    def evidence(self) -> Evidence:
        return _evidence(self.session, self.subject, self.now)

    def _step(self) -> PumpingStep | None:
        """The step in force, after what the evidence calls for."""
        before = PumpingStep(self.row.step) if self.row is not None else None
        if before is PumpingStep.STOP:  # nothing is sent, so there is nothing new to look at
            return before
        wanted = self.evidence.step(self.most, self.row.refused if self.row is not None else 0)
        if wanted and not self.stops:
            wanted = PumpingStep.WATCH
        if wanted is None or (before is not None and _rank(wanted) <= _rank(before)):
            return before
        self._note(before, wanted)
        return wanted

    def _note(self, before: PumpingStep | None, step: PumpingStep) -> None:
        """Keep the step with the numbers behind it, and write it into the audit log."""
        key_id, digits = self.subject
        if self.row is None:
            self.row = PumpedRange(key_id=key_id, digits=digits, began_at=self.now, refused=0)
            self.session.add(self.row)
        seen = self.evidence
        self.row.step, self.row.until = step, self.now + PERIOD
        self.row.sent, self.row.verified, self.row.numbers = seen.sent, seen.verified, len(seen.numbers)
        self.row.is_sequential = seen.is_sequential
        self.session.flush()
        facts = {"codes": (None, seen.sent), "verified": (None, seen.verified), "numbers": (None, len(seen.numbers))}
        trail.record(self.session, GATEWAY, "pumping.suspect", told(self.row), step=(before, step), **facts)
        _HELD.forget(pool_of(self.session))

    @cached_property
    def _known(self) -> set[str]:
        """Those of the numbers that verified a code of this key before."""
        wanted = (Otp.key_id == self.subject[0], Otp.phone.in_(self.phones), Otp.verified_at.is_not(None))
        return set(self.session.scalars(select(Otp.phone).where(*wanted).distinct()))

    def _may_pass(self) -> bool:
        """Whether the one code of SLOW_EVERY is left."""
        row = self.row
        if row is None or row.step != PumpingStep.SLOW or (row.next_at is not None and row.next_at > self.now):
            return False
        row.next_at = self.now + SLOW_EVERY
        return True

    def _refusal(self) -> PumpingSuspected:
        """Count the try; as long as there are tries, the step holds."""
        row = self.row
        assert row is not None  # noqa: S101  nothing is refused without a step
        if row.step == PumpingStep.SLOW:
            row.refused += 1
        elif row.until < self.now + PERIOD * 0.9:  # a write now and then, not one a try
            row.until = self.now + PERIOD
        opens_at = row.next_at if row.step == PumpingStep.SLOW and row.next_at else row.until
        return PumpingSuspected(self.most, max(1, math.ceil((opens_at - self.now).total_seconds())))


def told(row: PumpedRange) -> str:
    """A range as the audit log names it."""
    return f"{row.digits}{'•' * DIGITS} · {row.key.name}"


def _rank(step: PumpingStep) -> int:
    return list(PumpingStep).index(step)


def _newest(session: Session, subject: Range) -> PumpedRange | None:
    wanted = (PumpedRange.key_id == subject[0], PumpedRange.digits == subject[1], PumpedRange.until > utcnow())
    query = select(PumpedRange).where(*wanted).order_by(PumpedRange.id.desc()).limit(1)
    return session.scalars(query.execution_options(populate_existing=True)).first()


def _in_force(session: Session) -> frozenset[Range]:
    rows = session.execute(select(PumpedRange.key_id, PumpedRange.digits).where(PumpedRange.until > utcnow()))
    return frozenset((key_id, digits) for key_id, digits in rows)


def _evidence(session: Session, subject: Range, now: datetime) -> Evidence:
    """From the codes of the last hour; those that never left count for nothing. ix_otps_pair finds them."""
    key_id, digits = subject
    wanted = (
        Otp.key_id == key_id,
        Otp.phone.between(digits + "0" * DIGITS, digits + "9" * DIGITS),
        Otp.created_at > now - PERIOD,
        Otp.void_at.is_(None),
    )
    query = select(Otp.phone, func.count(), func.count(Otp.verified_at)).where(*wanted).group_by(Otp.phone)
    seen = Evidence()
    for phone, sent, verified in session.execute(query):
        seen.sent += sent
        seen.verified += verified
        seen.numbers.add(int(phone[-DIGITS:]))
    return seen
