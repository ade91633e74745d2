"""Callers that come at once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.stack import Client


@pytest.fixture(autouse=True)
def a_connection_for_each_call(client: Client) -> Iterator[None]:
    """httpcore may close an idle connection while another thread begins to use it, which then reads from a closed
    socket: for its age, or because none may be kept. One that the call itself ends is never idle.
    """
    shared = client.stack.http
    limits = httpx.Limits(max_connections=None)
    ends = {"Connection": "close"}
    with httpx.Client(base_url=shared.base_url, timeout=20, limits=limits, headers=ends, verify=False) as http:
        client.stack.http = http
        yield
        client.stack.http = shared
