"""A live key whose texts cost something, and what calls it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dashboard.extensions import Services
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.costs.budgets import NewBudget
from dashboard.gateway.costs.prices import NewPrice
from dashboard.vocabulary import BudgetPeriod
from tests.support.http_carriers import HTTP

Post = Callable[..., TestResponse]
Limit = Callable[..., None]


@pytest.fixture
def key(services: Services) -> tuple[str, str]:
    """A live key's id and secret; a segment costs 0.32 MRU."""
    with services.sessions.begin() as session:
        wanted = NewCarrier("http", "smsc", HTTP | {"url": "http://127.0.0.1:9/"})
        carriers.add(session, carriers.cipher(services.settings), wanted)
        prices.save(session, NewPrice("smsc", "sms", "", date(2020, 1, 1), 3_200))
        made, secret = keys.create(session, NewKey("Shop", scopes=("send", "otp", "read")))
        return made.id, secret


@pytest.fixture
def post(app: Flask, key: tuple[str, str]) -> Post:
    client = app.test_client()

    def send(path: str, body: dict[str, Any], **headers: str) -> TestResponse:
        return client.post(path, json=body, headers={"X-API-Key": key[1]} | headers)

    return send


@pytest.fixture
def limit(services: Services, key: tuple[str, str]) -> Limit:
    def save(amount: int, **more: Any) -> None:
        with services.sessions.begin() as session:
            budgets.save(session, NewBudget(key[0], BudgetPeriod.MONTH, amount, "Africa/Nouakchott", **more), 0)

    return save
