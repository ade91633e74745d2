"""What texts cost: fixed when they are taken, counted by day to the last unit whatever happens, and kept for good."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select, update

from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.costs import charges, prices
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.delivery import receipts, settle
from dashboard.gateway.delivery.decisions import Fail, MarkSent
from dashboard.gateway.maintenance import retention
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.statistics import rollup
from dashboard.models.costs import Charge, DailyCost
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome, Receipt
from dashboard.vocabulary import ReceiptState
from tests.support.statements import asked

CHINGUITEL, MATTEL, MAURITEL = "+22222000001", "+22238089336", "+22244000001"
PHONES = (CHINGUITEL, MATTEL, MAURITEL)
TODAY = utcnow().date()
LONG_AGO = TODAY - timedelta(days=900)


@pytest.fixture
def caller(sessions: Sessions) -> Caller:
    return make_caller(sessions)


def make_caller(sessions: Sessions, name: str = "Shop", mode: str = "live") -> Caller:
    with sessions.begin() as session:
        key, _secret = keys.create(session, NewKey(name, mode=mode))
        session.flush()
        return authentication.Caller.from_row(key)


def price(sessions: Sessions, amount: int, operator: str = "", **more: Any) -> None:
    told: dict[str, Any] = {"carrier": "smsc", "channel": "sms", "from_day": LONG_AGO} | more
    with sessions.begin() as session:
        prices.save(session, NewPrice(operator=operator, amount=amount, **told), "owner@example.org")


def submit(sessions: Sessions, caller: Caller, phone: str = MATTEL, body: str = "Bonjour") -> int:
    with sessions.begin() as session:
        return outbox.submit(session, caller, Draft.text(phone, body))[0]


def deliver(sessions: Sessions, carrier: str = "smsc", outcome: Callable[[int], Outcome] | None = None) -> list[int]:
    """A carrier takes all that waits."""
    with sessions() as session:
        rows = outbox.claim(session, "sms", 100) + outbox.claim(session, "sms", 100, carrier_id=outbox.SANDBOX_ID)
    made = outcome or (lambda row_id: Outcome(f"r{row_id}"))
    with sessions.begin() as session:
        settle.apply(session.connection(), [MarkSent(row, carrier, made(row.id)) for row in rows])
    return [row.id for row in rows]


def receive(sessions: Sessions, row_id: int, state: ReceiptState, carrier: str = "smsc") -> None:
    told = Receipt((f"r{row_id}",), "", state, None if state == ReceiptState.DELIVERED else "undelivered", utcnow())
    receipts.store_receipts(sessions, carrier, [told])


def fold_all(sessions: Sessions) -> None:
    rollup.fold_for(sessions, 30)
    charges.fold_for(sessions, 30)


def costs(sessions: Sessions) -> list[tuple[int, int | None, bool]]:
    with sessions() as session:
        rows = session.scalars(select(Charge).order_by(Charge.id)).all()
        return [(row.segments, row.cost, row.is_failed) for row in rows]


def days(sessions: Sessions) -> Counter[str]:
    with read_session(sessions) as session:
        rows = session.execute(select(core_table(DailyCost))).mappings().all()
    return Counter({name: total for name in charges.MEASURES if (total := sum(row[name] for row in rows))})


def test_a_cost_is_fixed_by_the_price_of_the_moment(sessions: Sessions, caller: Caller) -> None:
    submit(sessions, caller)
    deliver(sessions)
    price(sessions, 3_200)
    price(sessions, 3_000, "3")
    price(sessions, 9_999, from_day=TODAY + timedelta(days=1))
    submit(sessions, caller), submit(sessions, caller, MAURITEL, "a" * 400)
    deliver(sessions)
    price(sessions, 5_000, "3")
    submit(sessions, caller)
    deliver(sessions)
    assert costs(sessions) == [(1, None, False), (1, 3_000, False), (3, 9_600, False), (1, 5_000, False)]


def test_what_never_left_or_went_to_the_sandbox_costs_nothing(sessions: Sessions, caller: Caller) -> None:
    price(sessions, 3_200)
    price(sessions, 3_200, carrier="sandbox")
    submit(sessions, make_caller(sessions, "Test", mode="test"))
    submit(sessions, caller)  # of a live key, while there is no carrier
    assert len(deliver(sessions, "sandbox")) == 2
    submit(sessions, caller)
    with sessions() as session:
        (row,) = outbox.claim(session, "sms", 1)
    with sessions.begin() as session:
        settle.apply(session.connection(), [Fail(row, "barred", "smsc")])
    submit(sessions, caller)
    deliver(sessions, outcome=lambda row_id: Outcome(f"r{row_id}", pending=True))
    fold_all(sessions)
    assert costs(sessions) == [] and not days(sessions)


@pytest.mark.parametrize("is_refunded", [True, False])
def test_what_fails_after_it_was_taken_is_paid_unless_the_carrier_gives_it_back(
    sessions: Sessions, caller: Caller, is_refunded: bool
) -> None:
    price(sessions, 3_200, is_refunded=is_refunded)
    row_id = submit(sessions, caller)
    deliver(sessions)
    price(sessions, 3_200, is_refunded=not is_refunded)  # a rule of later changes nothing
    fold_all(sessions)
    assert days(sessions) == {"messages": 1, "segments": 1, "cost": 3_200}
    receive(sessions, row_id, ReceiptState.FAILED)
    fold_all(sessions)
    paid = {"refunded": 3_200} if is_refunded else {"cost": 3_200, "failed_cost": 3_200}
    assert days(sessions) == {"messages": 1, "segments": 1, "failed_segments": 1, **paid}
    receive(sessions, row_id, ReceiptState.DELIVERED)
    fold_all(sessions)
    assert days(sessions) == {"messages": 1, "segments": 1, "cost": 3_200}


def test_a_text_that_only_a_receipt_proves_to_be_taken_is_paid(sessions: Sessions, caller: Caller) -> None:
    price(sessions, 3_200)
    submit(sessions, caller)
    (row_id,) = deliver(sessions, outcome=lambda row_id: Outcome(f"r{row_id}", pending=True))
    receive(sessions, row_id, ReceiptState.DELIVERED)
    fold_all(sessions)
    fold_all(sessions)
    assert costs(sessions) == [(1, 3_200, False)]


def test_signs_that_cost_a_second_segment_are_counted_and_arabic_is_not(sessions: Sessions, caller: Caller) -> None:
    price(sessions, 1_000)
    for body in ("ê" + "a" * 99, "م" * 100, "Bonjour"):
        submit(sessions, caller, body=body)
    deliver(sessions)
    fold_all(sessions)
    found = days(sessions)
    assert (found["segments"], found["ucs2_segments"], found["wasted_segments"]) == (5, 4, 1)
    assert (found["cost"], found["wasted_cost"]) == (5_000, 1_000)


def test_a_group_of_texts_is_charged_in_one_statement_and_accepting_asks_nothing(
    sessions: Sessions, caller: Caller
) -> None:
    price(sessions, 3_200)
    with sessions() as session:
        prices.current(session)  # as a running worker has it
    with asked(sessions) as seen:
        for _ in range(40):
            submit(sessions, caller)
        assert not [one for one in seen if "charges" in one or "prices" in one]
        deliver(sessions)
    assert len([one for one in seen if "charges" in one]) == 1 and len(costs(sessions)) == 40


class Month:
    """A seeded month: texts of every size to every operator, by two carriers, whose prices change meanwhile."""

    def __init__(self, sessions: Sessions, seed: int) -> None:
        self.sessions, self.random = sessions, random.Random(seed)
        self.callers = [make_caller(sessions, name) for name in ("Shop", "Bank")]
        self.taken: list[tuple[int, str]] = []

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self.random.choice((self.reprice, self.send, self.send, self.judge, self.judge, self.fold))()

    def reprice(self) -> None:
        day = TODAY - timedelta(days=self.random.randrange(40))
        told = {"carrier": self.random.choice(("smsc", "phone")), "is_refunded": self.random.random() < 0.5}
        price(self.sessions, self.random.randrange(9_999), self.random.choice(("", "2", "4")), from_day=day, **told)

    def send(self) -> None:
        for _ in range(self.random.randrange(1, 6)):
            body = self.random.choice(("Bonjour", "a" * 400, "م" * 150, "ê" + "a" * 200))
            submit(self.sessions, self.random.choice(self.callers), self.random.choice(PHONES), body)
        carrier = self.random.choice(("smsc", "phone"))
        failed = self.random.choice((None, None, "barred"))
        ids = deliver(self.sessions, carrier, lambda row_id: Outcome(f"r{row_id}", failed=failed))
        self.taken += [(row_id, carrier) for row_id in ids]
        at = utcnow() - timedelta(days=self.random.randrange(30))
        with self.sessions.begin() as session:
            new = Charge.message_id.in_(ids)
            session.execute(update(Charge).where(new, Charge.tallied.is_(None)).values(taken_at=at))

    def judge(self) -> None:
        if self.taken:
            row_id, carrier = self.random.choice(self.taken)
            receive(self.sessions, row_id, self.random.choice((ReceiptState.FAILED, ReceiptState.DELIVERED)), carrier)

    def fold(self) -> None:
        """Cut off at any statement, as if the process had been killed there."""
        with suppress(ConnectionAbortedError), cut_off_after(self.sessions, self.random.randrange(12)):
            with self.sessions.begin() as session:
                rollup.fold(session, 3)
            with self.sessions.begin() as session:
                charges.fold(session, 3)


@contextmanager
def cut_off_after(sessions: Sessions, statements: int) -> Iterator[None]:
    left = [statements]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise ConnectionAbortedError

    event.listen(sessions.kw["bind"], "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(sessions.kw["bind"], "before_cursor_execute", count)


def over_messages(sessions: Sessions) -> tuple[Counter[Any], int]:
    """What the messages themselves say, by day, key and operator; and how many of them failed."""
    found: Counter[Any] = Counter()
    with sessions() as session:
        messages = {row.id: row for row in session.scalars(select(Message))}
        rows = session.scalars(select(Charge)).all()
        failed = 0
        for row in rows:
            message = messages[row.message_id]
            is_failed = message.status in ("failed", "expired")
            failed += is_failed
            at = (row.taken_at.date(), message.key_id, message.phone[4], row.carrier)
            found[*at, "segments"] += message.segments
            found[*at, "ucs2"] += message.segments if message.encoding == "ucs2" else 0
            paid = 0 if is_failed and row.is_refunded else row.cost or 0
            found[*at, "cost"] += paid
            found[*at, "failed"] += paid if is_failed else 0
            found[*at, "refunded"] += (row.cost or 0) - paid
    return +found, failed


def over_days(sessions: Sessions) -> Counter[Any]:
    found: Counter[Any] = Counter()
    names = {
        "segments": "segments",
        "ucs2": "ucs2_segments",
        "cost": "cost",
        "failed": "failed_cost",
        "refunded": "refunded",
    }
    with read_session(sessions) as session:
        for row in session.execute(select(core_table(DailyCost))).mappings():
            for name, column in names.items():
                found[row["day"], row["key_id"], row["operator"], row["carrier"], name] += row[column]
    return +found


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 0), ("sqlite", 1), ("postgresql", 2)], indirect=["database"])
def test_the_days_are_the_sum_over_the_messages_to_the_last_unit(sessions: Sessions, seed: int) -> None:
    month = Month(sessions, seed)
    month.go(70)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: fold_all(sessions), range(3)))
    fold_all(sessions)
    expected, failed = over_messages(sessions)
    assert len(expected) > 100 and failed > 5 and over_days(sessions) == expected
    assert len(costs(sessions)) == len(month.taken)


def test_the_days_stay_when_numbers_are_cut_and_when_the_messages_are_gone(sessions: Sessions) -> None:
    month = Month(sessions, 5)
    month.go(30)
    fold_all(sessions)
    before = over_days(sessions)
    with sessions.begin() as session:
        session.execute(update(Message).values(phone=retention.cut(Message.phone), body=None))
    fold_all(sessions)
    assert over_days(sessions) == before == over_messages(sessions)[0]
    with sessions.begin() as session:
        session.execute(delete(Message))
    fold_all(sessions)
    assert over_days(sessions) == before


def test_a_price_takes_the_place_of_one_of_the_same_day_and_is_forgotten(sessions: Sessions) -> None:
    price(sessions, 1)
    price(sessions, 2)
    with sessions.begin() as session:
        (only,) = prices.listed(session)
        assert (only.amount, only.created_by) == (2, "owner@example.org")
        assert prices.remove(session, only.id) and not prices.remove(session, only.id)
    with sessions() as session:
        assert prices.read(session) == replace(prices.read(session), rates={})
