from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.providers.base import Outgoing
from dashboard.providers.registry import build
from tests.support.smpp.host import Desk, Journal
from tests.support.smpp.smsc import PASSWORD
from tests.support.smpp.wire import Wire, running

_numbers = itertools.count(40_000_000)


@pytest.fixture
def open_desk() -> Iterator[Callable[..., Desk]]:
    """Makes carriers, and closes them after the test."""
    opened: list[Desk] = []

    def make(port: int, **settings: Any) -> Desk:
        usual = {"host": "127.0.0.1", "port": port, "system_id": "test", "password": PASSWORD, "sender": "Chinqit"}
        journal = Journal()
        opened.append(Desk(build("smpp", usual | settings, "c", journal), journal))
        return opened[-1]

    yield make
    for desk in opened:
        desk.provider.close()


@pytest.fixture
def text() -> Callable[..., Outgoing]:
    """Makes a text to a phone of its own."""

    def make(words: str = "Votre code est 482913", **changes: Any) -> Outgoing:
        until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=600)
        usual: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "phone": f"+222{next(_numbers)}",
            "channel": "sms",
            "attempt": 1,
        }
        return Outgoing(**usual | {"text": words, "valid_until": until} | changes)

    return make


@pytest.fixture
def wire() -> Iterator[Wire]:
    with running() as wire:
        yield wire
