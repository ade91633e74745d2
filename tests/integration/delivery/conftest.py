from __future__ import annotations

import pytest

from dashboard import redis


@pytest.fixture
def empty_valkey(valkey: str) -> str:
    redis.connect(valkey).flushall()
    return valkey
