from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dashboard.db import Sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.webhooks.dispatcher import DispatcherContext
from dashboard.settings import Settings
from tests.support.webhook_endpoints import Office
from tests.support.webhook_receiver import Receiver


@pytest.fixture
def make_office(sessions: Sessions, settings: Settings, receiver: Receiver) -> Iterator[Callable[..., Office]]:
    """Makes an office; keywords are settings."""
    made: list[Office] = []

    def make(**more: Any) -> Office:
        told = replace(settings, **more)
        with sessions.begin() as session:
            key, _ = keys.create(session, NewKey("Shop"))
            session.flush()
            caller = authentication.Caller.from_row(key)
        made.append(Office(sessions, told, DispatcherContext.open(sessions, told), receiver, caller))
        return made[-1]

    yield make
    for office in made:
        office.context.http.close()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    """With receivers on the loopback allowed."""
    return make_office(webhooks_allow_http=True, webhooks_allow_private=True)
