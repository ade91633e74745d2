"""Two open doors of a live key, and a budget for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask

from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.costs.budgets import NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.doors import doors
from dashboard.vocabulary import BudgetPeriod, Dialect
from tests.support.door_callers import DoorCaller
from tests.support.http_carriers import HTTP


@pytest.fixture
def open_door(app: Flask, services: Services) -> Callable[..., DoorCaller]:
    """Opens a door of a new key; keywords are what is told of the key."""

    def made(dialect: Dialect, **more: Any) -> DoorCaller:
        with services.sessions.begin() as session:
            key, token = keys.create(session, NewKey("Shop", **more))
            session.flush()
            door, secret = doors.open_door(session, doors.cipher(services.settings), key, dialect, "o@example.org")
            path = doors.address(door)
            return DoorCaller(app, services.sessions, services.settings, key.id, token, path, secret or "")

    return made


@pytest.fixture
def supabase(open_door: Callable[..., DoorCaller]) -> DoorCaller:
    return open_door(Dialect.SUPABASE)


@pytest.fixture
def chinguisoft(open_door: Callable[..., DoorCaller]) -> DoorCaller:
    return open_door(Dialect.CHINGUISOFT)


@pytest.fixture
def limit(services: Services) -> Callable[[DoorCaller, int], None]:
    """Gives a caller's key a budget in 1/10,000 MRU; a code costs 0.32 MRU."""

    def save(caller: DoorCaller, amount: int) -> None:
        with services.sessions.begin() as session:
            wanted = NewCarrier("http", "smsc", HTTP | {"url": "http://127.0.0.1:9/"})
            carriers.add(session, carriers.cipher(services.settings), wanted)
            prices.save(session, NewPrice("smsc", "sms", "", date(2020, 1, 1), 3_200))
            budget = NewBudget(caller.key_id, BudgetPeriod.MONTH, amount, "Africa/Nouakchott", exempts_codes=False)
            budgets.save(session, budget, 0)

    return save
