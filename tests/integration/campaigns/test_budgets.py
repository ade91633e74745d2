"""A campaign spends no more than its key's budget has left, and one that would is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.campaigns import intake
from dashboard.gateway.campaigns.campaigns import Recipient
from dashboard.gateway.campaigns.feeding import Feeder
from dashboard.gateway.campaigns.intake import BulkOrder
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import budgets, estimates, prices
from dashboard.gateway.costs.budgets import BudgetExhausted, NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.settings import Settings
from dashboard.vocabulary import BudgetPeriod
from tests.support.campaigns import let_leave, messages, phones, read, run
from tests.support.http_carriers import HTTP

SEGMENT = 3_200
pytestmark = pytest.mark.usefixtures("by_day")


@pytest.fixture
def shop(sessions: Sessions, settings: Settings, make_caller: Callable[..., Caller]) -> Caller:
    """A live key whose texts cost 0.32 MRU each."""
    with sessions.begin() as session:
        carriers.add(
            session, carriers.cipher(settings), NewCarrier("http", "smsc", HTTP | {"url": "http://127.0.0.1:9/"})
        )
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("smsc", 0)])
        prices.save(session, NewPrice("smsc", "sms", "", utcnow().date() - timedelta(days=900), SEGMENT))
    return make_caller()


def set_budget(sessions: Sessions, shop: Caller, amount: int, version: int = 0) -> None:
    with sessions.begin() as session:
        budgets.save(session, NewBudget(shop.id, BudgetPeriod.DAY, amount, "UTC"), version)
    for cache in (budgets.REMEMBERED, estimates.REMEMBERED, prices.REMEMBERED):
        cache.forget(sessions.kw["bind"].pool)


def test_what_a_budget_has_no_room_for_waits_until_there_is_some(
    sessions: Sessions, settings: Settings, shop: Caller
) -> None:
    set_budget(sessions, shop, 12 * SEGMENT)
    campaign = run(sessions, shop, phones(30))
    feeder = Feeder(sessions, settings)
    for _ in range(3):
        feeder.step()
        let_leave(sessions)
    assert sum(messages(sessions).values()) == 12
    state, progress = read(sessions, campaign)
    assert (state, progress.waiting) == ("running", 18)
    set_budget(sessions, shop, 30 * SEGMENT, version=1)
    for _ in range(3):
        feeder.step()
        let_leave(sessions)
    assert messages(sessions) == dict.fromkeys(phones(30), 1)


def test_a_call_that_would_cost_more_than_is_left_writes_nothing(sessions: Sessions, shop: Caller) -> None:
    set_budget(sessions, shop, 12 * SEGMENT)
    texts = [Recipient.of(phone, "Bonjour") for phone in phones(13)]
    with pytest.raises(BudgetExhausted) as refused:
        intake.take(sessions, BulkOrder(shop, texts, 0))
    assert (refused.value.required, refused.value.remaining) == (13 * SEGMENT, 12 * SEGMENT)
    assert intake.take(sessions, BulkOrder(shop, texts[:12], 0)).estimated_cost == 12 * SEGMENT
