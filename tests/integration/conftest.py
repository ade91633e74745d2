"""What these tests share. The process that hands tests out reads this file, too: the product is loaded by who uses it,
for it takes three seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dashboard.db import Sessions
    from dashboard.gateway.api_keys.authentication import Caller
    from tests.support.fake_carrier import Carrier


@pytest.fixture(scope="package", autouse=True)
def quick_hashes() -> Iterator[None]:
    """Argon2 at a twentieth of its cost: ten failures are many here, and what a hash costs is looked at elsewhere."""
    from dashboard.gateway.accounts import passwords
    from tests.support.dashboard_client import QUICK

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", QUICK)
        patch.setattr(passwords, "NOBODY", QUICK.hash("nobody"))
        yield


@pytest.fixture
def first() -> Iterator[Carrier]:
    from tests.support import fake_carrier

    with fake_carrier.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    from tests.support import fake_carrier

    with fake_carrier.running() as running:
        yield running


@pytest.fixture
def caller(sessions: Sessions) -> Caller:
    """A key with no caps."""
    from dashboard.gateway.api_keys import authentication, keys

    with sessions.begin() as session:
        key, _ = keys.create(session, keys.NewKey("app"))
        session.flush()
        return authentication.Caller.from_row(key)
