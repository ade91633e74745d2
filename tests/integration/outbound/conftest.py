from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from dashboard.outbound.client import TIMEOUT, Guard, HttpClient
from tests.support.certificates import Authority, make_authority


@pytest.fixture
def open_web() -> Iterator[Callable[..., HttpClient]]:
    """Makes clients, and closes them after the test."""
    opened: list[HttpClient] = []

    def make(guard: Guard, timeout: float = TIMEOUT) -> HttpClient:
        opened.append(HttpClient(guard, timeout))
        return opened[-1]

    yield make
    for web in opened:
        web.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))
