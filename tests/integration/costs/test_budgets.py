"""Budgets: reserved when texts are accepted, settled by what they cost, never looser under calls at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import budgets, charges, estimates, prices, reservations
from dashboard.gateway.costs.budgets import (
    EVERYBODY,
    BudgetChanged,
    BudgetExhausted,
    BudgetSlowed,
    NewBudget,
)
from dashboard.gateway.costs.estimates import Text
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.delivery import settle
from dashboard.gateway.delivery.decisions import Fail, MarkSent
from dashboard.gateway.messages import outbox, resend, submit
from dashboard.gateway.messages.outbox import Draft
from dashboard.gateway.messages.submit import SubmitOrder, Submitted
from dashboard.gateway.routing import explain, rules
from dashboard.gateway.routing.rules import NewRouteTarget, RoutingRequest
from dashboard.gateway.statistics import rollup
from dashboard.models.api_keys import KeySecret
from dashboard.models.costs import Budget, Charge
from dashboard.models.messages import Message
from dashboard.providers.base import Outcome
from dashboard.settings import Settings
from dashboard.vocabulary import BudgetAction, BudgetPeriod
from tests.support.http_carriers import HTTP
from tests.support.statements import asked

MATTEL, MAURITEL = "+22238089336", "+22244000001"
LONG_AGO = utcnow().date() - timedelta(days=900)
SEGMENT = 3_200


@pytest.fixture(autouse=True)
def carrier(sessions: Sessions, settings: Settings) -> None:
    """Two carriers: the first place of all texts is one's, whose segments cost 0.32 MRU."""
    with sessions.begin() as session:
        for name in ("smsc", "other"):
            wanted = NewCarrier("http", name, HTTP | {"url": "http://127.0.0.1:9/"})
            carriers.add(session, carriers.cipher(settings), wanted)
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("smsc", 0), NewRouteTarget("other", 1)])
        prices.save(session, NewPrice("smsc", "sms", "", LONG_AGO, SEGMENT))
        prices.save(session, NewPrice("other", "sms", "", LONG_AGO, 2 * SEGMENT, is_refunded=True))
    forget(sessions)


@pytest.fixture
def caller(sessions: Sessions) -> Caller:
    return make_caller(sessions)


def make_caller(sessions: Sessions, name: str = "Shop", **more: Any) -> Caller:
    with sessions.begin() as session:
        key, _secret = keys.create(session, NewKey(name, **({"mode": "live"} | more)))
        session.flush()
        found = authentication.Caller.from_row(key)
        digest = session.execute(select(KeySecret.digest).where(KeySecret.key_id == key.id)).scalar_one()
        return replace(found, digest=digest)


def forget(sessions: Sessions) -> None:
    pool = sessions.kw["bind"].pool
    for cache in (budgets.REMEMBERED, estimates.REMEMBERED, prices.REMEMBERED):
        cache.forget(pool)


def budget(sessions: Sessions, key_id: str, amount: int, period: BudgetPeriod = BudgetPeriod.MONTH, **more: Any) -> int:
    with sessions.begin() as session:
        made = budgets.save(session, NewBudget(key_id, period, amount, "Africa/Nouakchott", **more), 0, "o@example.org")
        session.execute(update(Budget).values(settles_from=LONG_AGO_AT))  # the seconds in which processes learn of it
        found = made.id
    forget(sessions)
    return found


LONG_AGO_AT = utcnow() - timedelta(days=900)


def used(sessions: Sessions) -> list[int]:
    with sessions() as session:
        return [standing.used for standing in budgets.standings(session)]


def send(sessions: Sessions, caller: Caller, *bodies: str, phone: str = MATTEL, is_batch: bool = False) -> Any:
    order = SubmitOrder(caller, tuple(Draft.text(phone, body) for body in bodies), is_batch=is_batch)
    with sessions.begin() as session:
        return submit.submit(session, [order])[0]


def leave(sessions: Sessions, carrier: str = "smsc", outcome: Outcome | None = None) -> None:
    with sessions() as session:
        rows = outbox.claim(session, "sms", 100)
    with sessions.begin() as session:
        decisions = [MarkSent(row, carrier, outcome or Outcome(f"r{row.id}")) for row in rows]
        settle.apply(session.connection(), decisions)
    follow(sessions)


def follow(sessions: Sessions) -> None:
    rollup.fold_for(sessions, 30)
    charges.fold_for(sessions, 30)
    reservations.settle_for(sessions, 30)


def test_texts_count_when_they_are_accepted_and_past_the_amount_none_is(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 2 * SEGMENT + 1)
    assert isinstance(send(sessions, caller, "a"), Submitted) and isinstance(send(sessions, caller, "b"), Submitted)
    refusal = send(sessions, caller, "c")
    assert isinstance(refusal, BudgetExhausted)
    assert (refusal.required, refusal.remaining, refusal.is_of_key, refusal.period) == (SEGMENT, 1, True, "month")
    assert used(sessions) == [2 * SEGMENT]


def test_a_batch_sends_what_there_is_room_for(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 2 * SEGMENT)
    submitted = send(sessions, caller, "a", "b", "c", "d", is_batch=True)
    assert len(submitted.message_ids) == 2 and isinstance(submitted.budget, BudgetExhausted)
    assert (submitted.budget.required, submitted.budget.remaining, used(sessions)) == (2 * SEGMENT, 0, [2 * SEGMENT])


def test_the_budget_of_all_keys_holds_for_each(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, EVERYBODY, 2 * SEGMENT, BudgetPeriod.DAY)
    budget(sessions, caller.id, 100 * SEGMENT)
    other = make_caller(sessions, "Bank")
    assert isinstance(send(sessions, other, "a"), Submitted) and isinstance(send(sessions, caller, "b"), Submitted)
    refusal = send(sessions, caller, "c")
    assert isinstance(refusal, BudgetExhausted) and not refusal.is_of_key and refusal.period == "day"
    assert used(sessions) == [2 * SEGMENT, SEGMENT]


def test_test_keys_and_keys_without_a_budget_are_free(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 0)
    for other in (make_caller(sessions, "Test", mode="test"), make_caller(sessions, "Free")):
        assert isinstance(send(sessions, other, "a"), Submitted)
    assert isinstance(send(sessions, caller, "a"), BudgetExhausted) and used(sessions) == [0]


def test_what_was_charged_takes_the_place_of_what_was_expected(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 100 * SEGMENT)
    send(sessions, caller, "a", "b", is_batch=True)
    leave(sessions, "other")
    assert used(sessions) == [4 * SEGMENT]


def test_what_a_carrier_gives_back_and_what_never_left_is_free_again(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 3 * SEGMENT)
    send(sessions, caller, "a", "b", is_batch=True)
    leave(sessions, "other")
    assert used(sessions) == [4 * SEGMENT]
    with sessions.begin() as session:  # one of them fails at a carrier that gives the price back
        first = session.scalars(select(Message.id).order_by(Message.id)).first()
        session.execute(update(Message).where(Message.id == first).values(status="failed", failed_at=utcnow()))
    follow(sessions)
    assert used(sessions) == [2 * SEGMENT]
    assert isinstance(send(sessions, caller, "c"), Submitted)
    with sessions() as session:
        rows = outbox.claim(session, "sms", 100)
    with sessions.begin() as session:
        settle.apply(session.connection(), [Fail(row, "no_route") for row in rows])
    follow(sessions)
    assert used(sessions) == [2 * SEGMENT]


def test_a_second_charge_counts_as_well(sessions: Sessions, caller: Caller) -> None:
    """As when a code goes by SMS after WhatsApp failed: it waits again, and its status does not change."""
    budget(sessions, caller.id, 100 * SEGMENT)
    send(sessions, caller, "a")
    leave(sessions)
    with sessions.begin() as session:
        session.execute(update(Message).values(due_at=utcnow(), settled_status=None, claim=None))
    follow(sessions)
    assert used(sessions) == [SEGMENT]
    leave(sessions, "other")
    assert used(sessions) == [3 * SEGMENT]


def test_codes_may_be_exempt_and_count_all_the_same(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, SEGMENT)
    budget(sessions, EVERYBODY, 3 * SEGMENT, exempts_codes=False)
    texts = [Text("sms", MATTEL, 1)]
    with sessions.begin() as session:
        wanted = [reservations.Wanted(caller.id, "otp", texts)] * 4
        granted = reservations.reserve(session, wanted)
    assert [bool(each and each.refusal) for each in granted] == [False, False, False, True]
    assert used(sessions) == [3 * SEGMENT, 3 * SEGMENT]


def test_a_budget_that_slows_lets_some_pass_a_minute(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, SEGMENT, action=BudgetAction.SLOW, per_minute=2)
    sent = send(sessions, caller, *"abcd", is_batch=True)
    assert len(sent.message_ids) == 3 and isinstance(sent.budget, BudgetSlowed)
    assert sent.budget.per_minute == 2 and 0 < sent.budget.retry_after <= 60
    assert used(sessions) == [3 * SEGMENT]


def test_calls_at_the_same_time_never_pass_the_amount(sessions: Sessions, caller: Caller) -> None:
    other = make_caller(sessions, "Bank")
    budget(sessions, EVERYBODY, 20 * SEGMENT)
    budget(sessions, caller.id, 15 * SEGMENT, BudgetPeriod.DAY)

    def run(place: int) -> int:
        result = send(sessions, (caller, other)[place % 2], "a", "b", is_batch=True)
        return len(result.message_ids)

    with ThreadPoolExecutor(8) as pool:
        sent = sum(pool.map(run, range(40)))
    with sessions() as session:
        assert sent == len(session.scalars(select(Message.id)).all()) == 20
    assert used(sessions)[0] == 20 * SEGMENT and used(sessions)[1] <= 15 * SEGMENT


def test_without_budgets_nothing_is_asked_and_with_one_a_statement_a_group(sessions: Sessions, caller: Caller) -> None:
    def submitted() -> int:
        with asked(sessions) as told:
            order = SubmitOrder(caller, (Draft.text(MATTEL, "a"),))
            with sessions.begin() as session:
                submit.submit(session, [order] * 10)
        return len(told)

    def fewest() -> int:
        """Without what is looked at once a second, whichever of them it falls into."""
        return min(submitted() for _ in range(4))

    plain = fewest()
    budget(sessions, caller.id, 1_000 * SEGMENT)
    budget(sessions, EVERYBODY, 1_000 * SEGMENT)
    assert fewest() == plain + 1


def test_a_new_budget_counts_what_was_spent_and_what_waits(sessions: Sessions, caller: Caller) -> None:
    send(sessions, caller, "a", "b", is_batch=True)
    leave(sessions)
    send(sessions, caller, "c")
    budget(sessions, caller.id, 100 * SEGMENT)
    assert used(sessions) == [3 * SEGMENT]
    leave(sessions)
    assert used(sessions) == [3 * SEGMENT]


def test_texts_are_sent_again_as_far_as_a_budget_allows(sessions: Sessions, caller: Caller) -> None:
    send(sessions, caller, "a", "b", is_batch=True)
    leave(sessions)
    budget(sessions, caller.id, 3 * SEGMENT)
    with sessions.begin() as session:
        ids = session.scalars(select(Message.id).order_by(Message.id)).all()
        resent = resend.resend(session, dict.fromkeys(ids, 0))
    assert len(resent.new) == 1 and list(resent.refused.values()) == [resend.Obstacle.BUDGET]


def test_nothing_is_lost_by_a_kill_between_charging_and_settling(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 100 * SEGMENT)
    send(sessions, caller, "a", "b", "c", is_batch=True)
    leave(sessions, "other")
    with pytest.raises(ZeroDivisionError), sessions.begin() as session:
        session.execute(update(Message).values(settled_status=None))
        reservations.settle(session)
        raise ZeroDivisionError
    follow(sessions)
    with sessions() as session:
        assert used(sessions) == [session.scalar(select(func.sum(Charge.cost)))] == [6 * SEGMENT]


def test_who_looked_at_an_older_version_changes_nothing(sessions: Sessions, caller: Caller) -> None:
    first = budget(sessions, caller.id, SEGMENT)
    wanted = NewBudget(caller.id, BudgetPeriod.MONTH, 5 * SEGMENT, "UTC")
    with sessions.begin() as session:
        assert budgets.save(session, wanted, 1).version == 2
    for version in (0, 1, 7):
        with pytest.raises(BudgetChanged), sessions.begin() as session:
            budgets.save(session, replace(wanted, amount=1), version)
    with pytest.raises(BudgetChanged), sessions.begin() as session:
        budgets.remove(session, first, 1)
    with sessions.begin() as session:
        budgets.remove(session, first, 2)
    with sessions.begin() as session:
        assert budgets.standings(session) == []


def test_periods_are_those_of_the_time_zone(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, SEGMENT)
    with sessions() as session:
        rule = next(iter(budgets.read(session)[caller.id]))
    at = utcnow().replace(year=2026, month=12, day=31, hour=23, minute=30)
    assert str(rule.starts_on(at)) == "2026-12-01" and rule.starts_again_at(at).isoformat()[:10] == "2027-01-01"
    east = replace(rule, timezone="Asia/Dubai", period="day")
    assert str(east.starts_on(at)) == "2027-01-01" and east.starts_again_at(at).isoformat()[:10] == "2027-01-02"


def test_an_estimate_names_what_has_no_price(sessions: Sessions, caller: Caller) -> None:
    budget(sessions, caller.id, 2 * SEGMENT)
    with sessions() as session:
        made = estimates.estimate(
            session, caller.id, [Text("sms", MATTEL, 2), Text("sms", MAURITEL, 1), Text("whatsapp", MATTEL, 1)]
        )
        assert made == estimates.Estimate(3 * SEGMENT, 4, 1)
        assert budgets.check(session, caller.id, 2 * SEGMENT) is None
        refusal = budgets.check(session, caller.id, made.cost)
    assert refusal is not None and (refusal.required, refusal.remaining) == (3 * SEGMENT, 2 * SEGMENT)


def test_of_carriers_that_share_the_first_place_the_dearest_is_expected(sessions: Sessions, caller: Caller) -> None:
    with sessions.begin() as session:
        rules.set_rule(session, ("sms", "4", None), [NewRouteTarget("smsc", 0), NewRouteTarget("other", 0)])
    with sessions() as session:
        expected = estimates.read(session)
        explained = explain.of(session, RoutingRequest("sms", MATTEL, caller.id))
    assert expected.find(caller.id, "sms", MAURITEL) == 2 * SEGMENT
    assert expected.find(caller.id, "sms", MATTEL) == explained.price == SEGMENT
