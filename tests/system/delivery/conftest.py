from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.http_carriers import Office


@pytest.fixture
def office(office: Office, valkey: str) -> Office:
    """With a Valkey, without which a worker binds only when the leases of others must be over."""
    office.settings = replace(office.settings, redis_url=valkey)
    return office
