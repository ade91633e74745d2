from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import fake_carrier as carriers
from tests.support.fake_carrier import Carrier


@pytest.fixture
def first() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    with carriers.running() as running:
        yield running
