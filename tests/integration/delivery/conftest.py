from __future__ import annotations

import pytest

from dashboard.gateway import sharing


@pytest.fixture
def empty_valkey(valkey: str) -> str:
    sharing.connect(valkey).flushall()
    return valkey
