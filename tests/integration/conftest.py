from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.db import Sessions
from dashboard.settings import Settings
from tests.support import fake_carrier as carriers
from tests.support.fake_carrier import Carrier
from tests.support.http_carriers import Office


@pytest.fixture
def office(sessions: Sessions, settings: Settings) -> Iterator[Office]:
    made = Office(sessions, settings)
    yield made
    for desk in made.desks:
        desk.connections.close()


@pytest.fixture
def first() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running
