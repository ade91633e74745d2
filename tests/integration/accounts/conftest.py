from __future__ import annotations

import pytest

from dashboard.gateway.accounts import passwords
from tests.support.dashboard_client import QUICK


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 at a twentieth of its cost: ten failures are many here, and what a hash costs is looked at elsewhere."""
    monkeypatch.setattr(passwords, "HASHER", QUICK)
    monkeypatch.setattr(passwords, "NOBODY", QUICK.hash("nobody"))
