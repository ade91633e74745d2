from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dashboard.db import Sessions
from dashboard.gateway import site_settings
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey


@pytest.fixture
def by_day(sessions: Sessions) -> None:
    """It is day at whatever hour tests run."""
    with sessions.begin() as session:
        always = replace(site_settings.read(session), quiet_from="", quiet_until="", rests_on_friday=False)
        site_settings.save(session, always)


@pytest.fixture
def make_caller(sessions: Sessions) -> Callable[..., Caller]:
    def make(name: str = "Shop", message_cap: int | None = None) -> Caller:
        with sessions.begin() as session:
            key, secret = keys.create(session, NewKey(name, message_cap=message_cap))
            session.flush()
            return authentication.Caller.from_row(key, authentication.digest(secret))

    return make
