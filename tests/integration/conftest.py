from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.db import Sessions
from dashboard.gateway.accounts import passwords
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from tests.support import fake_carrier as carriers
from tests.support.dashboard_client import QUICK
from tests.support.fake_carrier import Carrier


@pytest.fixture(scope="package", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Argon2 at a twentieth of its cost: ten failures are many here, and what a hash costs is looked at elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", QUICK)
        patch.setattr(passwords, "NOBODY", QUICK.hash("nobody"))
        yield


@pytest.fixture
def first() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running


@pytest.fixture
def caller(sessions: Sessions) -> Caller:
    """A key with no caps."""
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("app"))
        session.flush()
        return authentication.Caller.from_row(key)
