"""PostgreSQL falls over: nothing that was accepted is lost, and the gateway uses it again at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.outages import is_documented, send
from tests.support.postgres import Postgres
from tests.support.stack import Stack, run_stack, until


@pytest.fixture
def fragile(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Stack]]:
    """A PostgreSQL that keeps what it acknowledged, and a gateway on it. (`postgres` skips where there is none.)"""
    server = Postgres(durable=True)
    new_database: Callable[[Path], str] = lambda _home: server.create()  # noqa: E731
    try:
        for stack in run_stack(new_database, tmp_path_factory.mktemp("s") / "home"):
            yield server, stack
    finally:
        server.stop()


def test_a_postgresql_that_crashes_has_lost_nothing_and_is_used_again_at_once(fragile: tuple[Postgres, Stack]) -> None:
    server, stack = fragile
    client = stack.client()
    accepted = [send(client) for _ in range(40)]
    server.crash()
    refused = [answer for _, answer, _ in (send(client) for _ in range(5)) if answer.status_code != 200]
    assert all(is_documented(answer) for answer in refused)
    until(lambda: send(client)[1].status_code == 200, 10)
    for phone, answer, _ in accepted:
        assert answer.status_code == 200
        stack.arrived(phone, answer.json()["messageId"], within=45)  # a lease of 30 s, where it fell over in between
    assert sum(len(stack.inbox(phone)) - 1 for phone, _, _ in accepted) <= 1
