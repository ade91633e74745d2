from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboard.db import Sessions
from dashboard.settings import Settings
from tests.gateway.office import Office
from tests.providers import carrier as carriers
from tests.providers.carrier import Carrier


@pytest.fixture
def office(sessions: Sessions, settings: Settings) -> Iterator[Office]:
    made = Office(sessions, settings)
    yield made
    for desk in made.desks:
        desk.lines.close()


@pytest.fixture
def first() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running
