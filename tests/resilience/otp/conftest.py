"""Callers that come at once."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.stack import Client


@pytest.fixture(autouse=True)
def a_connection_for_each_call(client: Client) -> Iterator[None]:
    """httpcore may close an idle connection for its age while another thread begins to use it, which then reads from a
    closed socket. With none kept, none is closed under a call.
    """
    shared = client.stack.http
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    with httpx.Client(base_url=shared.base_url, timeout=20, limits=limits, verify=False) as http:
        client.stack.http = http
        yield
        client.stack.http = shared
