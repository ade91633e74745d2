from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from dashboard.providers.base import Outgoing
from tests.support.outgoing import CODE, ID, PHONE, TEXT


@pytest.fixture
def outgoing() -> Callable[..., Outgoing]:
    def make(**changes: Any) -> Outgoing:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=600)
        usual: dict[str, Any] = {
            "id": ID,
            "phone": PHONE,
            "channel": "sms",
            "text": TEXT,
            "attempt": 1,
            "valid_until": until,
        }
        return Outgoing(**usual | {"code": CODE, "language": "fr", "encoding": "ucs2"} | changes)

    return make
