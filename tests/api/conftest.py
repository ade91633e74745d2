"""What takes long is begun with the first test and looked at in the last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest

from dashboard.gateway.handset import Received
from dashboard.providers import sandbox
from tests.stack import Client, Stack, digits, until

SILENT = "+22241" + sandbox.SILENT


@dataclass(frozen=True)
class Silence:
    """What happened to a code for a phone whose provider does not answer."""

    answer: httpx.Response
    seconds: float
    before: int  # status of a wrong guess before the text arrived
    texts: list[Received]
    after: int  # status of the right code


@pytest.fixture(scope="session")
def begun() -> Iterator[Callable[[Stack], Future[Silence]]]:
    """Begins it once for each gateway: a fixture that hangs on the database is made anew at each change of it."""
    with ThreadPoolExecutor(2) as pool:
        futures: dict[int, Future[Silence]] = {}

        def begin(stack: Stack) -> Future[Silence]:
            if id(stack) not in futures:
                futures[id(stack)] = pool.submit(meet_silence, stack.client())
            return futures[id(stack)]

        yield begin


@pytest.fixture(scope="session", autouse=True)
def silence(
    request: pytest.FixtureRequest, stack: Stack, begun: Callable[[Stack], Future[Silence]]
) -> Future[Silence] | None:
    return begun(stack) if any("test_silence" in item.name for item in request.session.items) else None


def meet_silence(client: Client) -> Silence:
    start = time.monotonic()
    answer = client.otp(SILENT, channel="whatsapp")
    seconds = time.monotonic() - start
    before = client.verify(SILENT, "000000", channel="whatsapp").status_code
    texts = until(lambda: client.stack.inbox(SILENT), 30, lambda: "the text did not arrive on the second try")
    after = client.verify(SILENT, digits(texts[0].text), channel="whatsapp").status_code
    return Silence(answer, seconds, before, texts, after)
