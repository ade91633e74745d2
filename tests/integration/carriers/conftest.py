from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from dashboard.providers.base import Outgoing
from tests.support.outgoing import CODE, ID, PHONE, TEXT


@pytest.fixture
def outgoing() -> Callable[..., Outgoing]:
    def make(**changes: object) -> Outgoing:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=600)
        usual = {"id": ID, "phone": PHONE, "channel": "sms", "text": TEXT, "attempt": 1, "valid_until": until}
        return Outgoing(**usual | {"code": CODE, "language": "fr", "encoding": "ucs2"} | changes)

    return make
