"""Roll-ups hold what a full count over the rows holds, whatever happened, and however often folding was cut off."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, select, update

from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import Expire, Fail, MarkSent, RetryLater
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.claimed import ClaimedMessage
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.otp import send, verify
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.otp.send import Order
from dashboard.gateway.otp.verify import Guess
from dashboard.gateway.statistics import rollup
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from dashboard.models.statistics import (
    MEASURES,
    SEND_BOUNDS,
    SUBJECT,
    VERIFY_BOUNDS,
    StatisticsBucket,
    StatisticsReason,
)
from dashboard.providers.base import Outcome
from dashboard.settings import Settings

PHONES = ("+22222000001", "+22233000001", "+22244000001")
STARTS: dict[str, dict[str, Any]] = {
    "minute": {"second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}


class History:
    """Things that happen to a gateway, at random, through the functions that make them happen."""

    def __init__(self, sessions: Sessions, settings: Settings, seed: int) -> None:
        self.sessions, self.random, self.keyring = sessions, random.Random(seed), Keyring.of(settings)
        with sessions.begin() as session:
            made = [keys.create(session, NewKey(name))[0] for name in ("shop", "bank")]
            session.flush()
            self.callers: list[Caller] = [authentication.Caller.from_row(key) for key in made]
        self.steps = [self.text, self.code, self.code, self.deliver, self.deliver, self.guess, self.guess, self.receipt]

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choice(self.steps)()

    def text(self) -> None:
        body = self.random.choice(("Bonjour", "مرحبا", "a" * 400))
        draft = Draft.text(self.random.choice(PHONES), body)
        with self.sessions.begin() as session:
            row_id, _ = outbox.submit(session, self.random.choice(self.callers), draft)
        self._move_back(row_id)

    def code(self) -> None:
        order = Order(
            self.random.choice(PHONES), self.random.choice(("sms", "whatsapp")), self.random.choice(("fr", "ar", "en"))
        )
        with self.sessions.begin() as session:
            session.execute(update(Otp).values(counted=False))  # the limits are not what is looked at here
            reference = send.send(session, self.keyring, self.random.choice(self.callers), order).message_id
            row_id = session.scalars(select(Message.id).where(Message.uuid == reference)).one()
        self._move_back(row_id)

    def deliver(self) -> None:
        with self.sessions() as session:
            batch = outbox.claim(session, self.random.choice(outbox.LANES), 4)
        for message in batch:
            with self.sessions.begin() as session:
                self.random.choice((self._sent, self._delivered, self._failed, self._expired, self._back))(
                    session, message
                )

    def fail(self) -> None:
        """A failure that no receipt takes back."""
        self.text()
        with self.sessions() as session:
            (message,) = outbox.claim(session, "sms", 1)
        with self.sessions.begin() as session:
            self._failed(session, message)

    def guess(self) -> None:
        with read_session(self.sessions) as session:
            rows = session.execute(select(Otp, Message.uuid).join(Message).where(Otp.superseded_at.is_(None))).all()
        if rows:
            row, reference = self.random.choice(rows)
            code = self.keyring.derive(row, reference) if self.random.random() < 0.4 else "000000"
            caller = next(one for one in self.callers if one.id == row.key_id)
            with self.sessions.begin() as session:
                verify.verify(session, self.keyring, caller, Guess(row.phone, code or "", row.channel))

    def receipt(self) -> None:
        """A carrier's word that comes late, also about a message that had been given up."""
        with self.sessions.begin() as session:
            open_or_failed = select(Message.id, Message.status).where(Message.status.in_(("sent", "failed")))
            found = session.execute(open_or_failed).all()
            if not found:
                return
            row_id, status = self.random.choice(found)
            now, one = utcnow(), Message.id == row_id
            if status == "failed" or self.random.random() < 0.7:
                session.execute(update(Message).where(one, Message.sent_at.is_(None)).values(sent_at=now))
                session.execute(update(Message).where(one).values(status="delivered", delivered_at=now))
            else:
                session.execute(update(Message).where(one).values(status="failed", error_code="undelivered"))

    def _sent(self, session: Any, message: ClaimedMessage) -> None:
        settle.apply(session.connection(), [MarkSent(message, "sandbox", Outcome("ref"))])

    def _delivered(self, session: Any, message: ClaimedMessage) -> None:
        settle.apply(session.connection(), [MarkSent(message, "sandbox", Outcome("ref", delivered=True))])

    def _failed(self, session: Any, message: ClaimedMessage) -> None:
        settle.apply(session.connection(), [Fail(message, self.random.choice(("barred", "absent")), "sandbox")])

    def _expired(self, session: Any, message: ClaimedMessage) -> None:
        settle.apply(session.connection(), [Expire(message)])

    def _back(self, session: Any, message: ClaimedMessage) -> None:
        settle.apply(session.connection(), [RetryLater(message, timedelta(0), "busy")])

    def _move_back(self, row_id: int) -> None:
        """Into the last days, in hours of its own, past what is kept by the minute too."""
        back = timedelta(seconds=self.random.choice((0, 1, 50, 4_000, 40_000, 250_000)) * self.random.random())
        created = utcnow() - back
        with self.sessions.begin() as session:
            session.execute(update(Message).where(Message.id == row_id).values(created_at=created))
            session.execute(update(Otp).where(Otp.message_id == row_id).values(created_at=created))


def full_count(sessions: Sessions) -> tuple[Counter[Any], Counter[Any]]:
    """What the rows themselves say, by bucket and measure; and the reasons of failures."""
    counts: Counter[Any] = Counter()
    reasons: Counter[Any] = Counter()
    with read_session(sessions) as session:
        otps = {row.message_id: row for row in session.scalars(select(Otp))}
        for row in session.scalars(select(Message)):
            code = otps.get(row.id)
            subject = (row.key_id, row.kind, row.channel, row.phone[4], code.language if code else "")
            for bucket in buckets(row.created_at, subject):
                for name, count in measures(row, code).items():
                    counts[bucket, name] += count
                if row.status == "failed" and bucket[0] != "minute":
                    reasons[bucket, row.error_code or ""] += 1
    return +counts, +reasons


def buckets(created_at: datetime, subject: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    for grain, start in STARTS.items():
        at = created_at.replace(**start)
        if grain != "minute" or at >= utcnow() - timedelta(hours=48):
            yield (grain, at, *subject)


def measures(row: Message, code: Otp | None) -> Counter[str]:
    found = Counter({"requested": 1, "segments": row.segments})
    if row.status in ("delivered", "failed", "expired"):
        found[row.status] += 1
    if row.sent_at:
        found["sent"] += 1
        found[f"send_{bisect_left(SEND_BOUNDS, (row.sent_at - row.created_at).total_seconds())}"] += 1
    if code and code.verified_at:
        found["verified"] += 1
        found[f"verify_{bisect_left(VERIFY_BOUNDS, (code.verified_at - row.created_at).total_seconds())}"] += 1
    elif code and code.attempts >= 3:
        found["exhausted"] += 1
    return found


def rolled_up(sessions: Sessions) -> tuple[Counter[Any], Counter[Any]]:
    with read_session(sessions) as session:
        tallies = session.execute(select(core_table(StatisticsBucket))).mappings().all()
        reasons = session.execute(select(core_table(StatisticsReason))).mappings().all()
    counts = Counter({(named(row), name): row[name] for row in tallies for name in MEASURES if row[name]})
    return counts, Counter({(named(row), row["code"]): row["failed"] for row in reasons if row["failed"]})


def named(row: Any) -> tuple[Any, ...]:
    return (row["grain"], row["at"], *(row[name] for name in SUBJECT))


def settle_all(sessions: Sessions) -> None:
    """Nothing is on its way any more."""
    with sessions.begin() as session:
        session.execute(update(Message).where(Message.due_at.is_not(None)).values(due_at=None, status="expired"))


def fold_all(sessions: Sessions, limit: int = 7) -> None:
    while True:
        with sessions.begin() as session:
            if not rollup.fold(session, limit):
                return


@contextmanager
def cut_off_after(engine: Engine, statements: int) -> Iterator[None]:
    """The connection breaks at the nth statement, as if the process had been killed there."""
    left = [statements]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionAbortedError

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    except ConnectionAbortedError:
        pass
    finally:
        event.remove(engine, "before_cursor_execute", count)


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 0), ("sqlite", 1), ("postgresql", 2)], indirect=["database"])
def test_the_roll_ups_are_a_full_count_of_any_history(sessions: Sessions, settings: Settings, seed: int) -> None:
    history, chance = History(sessions, settings, seed), random.Random(seed)
    for _ in range(12):
        history.go(14)
        with cut_off_after(sessions.kw["bind"], chance.randrange(9)), sessions.begin() as session:
            rollup.fold(session, chance.choice((1, 5, 1_000)))
    history.fail()
    settle_all(sessions)
    fold_all(sessions)
    counts, reasons = full_count(sessions)
    assert sum(counts.values()) > 500
    assert {name for _, name in counts} > {"requested", "sent", "delivered", "failed"}  # the rest is up to chance
    assert reasons
    assert rolled_up(sessions) == (counts, reasons)


def test_a_fold_cut_off_at_any_statement_counts_nothing_twice(sessions: Sessions, settings: Settings) -> None:
    history = History(sessions, settings, 99)
    history.go(60)
    settle_all(sessions)
    for statements in range(8):
        with cut_off_after(sessions.kw["bind"], statements), sessions.begin() as session:
            rollup.fold(session)
    fold_all(sessions)
    assert rolled_up(sessions) == full_count(sessions)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_fold_looks_up_the_codes_and_charges_of_its_messages_and_reads_no_others(sessions: Sessions) -> None:
    """Whose plan joins or hashes reads whole tables for each batch: with 50,000,000 messages that took 18 seconds."""
    statement = rollup.CHANGED.compile(dialect=sessions.kw["bind"].dialect)
    values = statement.construct_params({"most": 1_000, "settled_before": utcnow()})
    with sessions() as session:
        plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
    assert plan.count("SubPlan") == 3 and "Join" not in plan and "hashed" not in plan, plan


def test_two_relays_at_once_count_everything_once(sessions: Sessions, settings: Settings) -> None:
    history = History(sessions, settings, 7)
    history.go(150)
    settle_all(sessions)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fold_all(sessions, 5), range(4)))
    fold_all(sessions)
    assert rolled_up(sessions) == full_count(sessions)


def test_what_is_counted_stays_after_the_rows_are_gone(sessions: Sessions, settings: Settings) -> None:
    history = History(sessions, settings, 3)
    history.go(80)
    settle_all(sessions)
    fold_all(sessions)
    before = rolled_up(sessions)
    with sessions.begin() as session:
        session.execute(delete(Otp))
        session.execute(delete(Message))
    fold_all(sessions)
    assert rolled_up(sessions) == before
    assert before[0]


def test_minutes_and_hours_are_dropped_in_time_and_days_stay(sessions: Sessions) -> None:
    now = utcnow()
    subject = dict(zip(SUBJECT, ("key", "otp", "sms", "4", "fr"), strict=True))
    ages = {"minute": (47, 49), "hour": (99 * 24, 101 * 24), "day": (99 * 24, 2_000 * 24)}
    with sessions.begin() as session:
        for grain, hours in ages.items():
            for age in hours:
                at = now - timedelta(hours=age)
                session.execute(
                    core_table(StatisticsBucket).insert().values(grain=grain, at=at, requested=1, **subject)
                )
        rollup.forget_old(session)
    with read_session(sessions) as session:
        left = Counter(session.scalars(select(core_table(StatisticsBucket).c.grain)))
    assert left == {"minute": 1, "hour": 1, "day": 2}


def test_a_message_that_waits_is_counted_within_seconds(sessions: Sessions, settings: Settings) -> None:
    history = History(sessions, settings, 1)
    draft = Draft.text(PHONES[0], "Bonjour")
    with sessions.begin() as session:
        outbox.submit(session, history.callers[0], draft)
        session.flush()
        session.execute(update(Message).values(created_at=utcnow() - timedelta(seconds=11)))
    fold_all(sessions)
    counts, _ = rolled_up(sessions)
    assert sum(count for (bucket, name), count in counts.items() if name == "requested" and bucket[0] == "day") == 1
