"""Callers that come at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stack import Client


@pytest.fixture(autouse=True)
def a_connection_for_each_call(client: Client) -> Iterator[None]:
    with client.stack.for_a_crowd():
        yield
