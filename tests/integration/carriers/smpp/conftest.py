from __future__ import annotations

import datetime as dt
import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.providers import build
from dashboard.providers.base import Outgoing
from tests.support.smpp.host import Desk, Journal
from tests.support.smpp.smsc import NodeMissing, Smsc, install
from tests.support.smpp.wire import Wire, running

PASSWORD = "secret08"
_numbers = itertools.count(40_000_000)


@pytest.fixture(scope="session")
def smsc_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SMSC, installed. Without node these tests are skipped; on CI that is a failure."""
    try:
        return install(tmp_path_factory.mktemp("smsc"))
    except NodeMissing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("NO NODE: SMPP is not tested")
        raise


@pytest.fixture
def start_smsc(smsc_script: Path, tmp_path: Path) -> Iterator[Callable[..., Smsc]]:
    """Starts SMSCs, and ends them after the test."""
    started: list[Smsc] = []

    def start(**options: Any) -> Smsc:
        log = tmp_path / f"smsc-{len(started)}.jsonl"
        started.append(Smsc(smsc_script, log, **{"password": PASSWORD} | options))
        return started[-1]

    yield start
    for smsc in started:
        smsc.kill()


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
        usual = {"id": str(uuid.uuid4()), "phone": f"+222{next(_numbers)}", "channel": "sms", "attempt": 1}
        return Outgoing(**usual | {"text": words, "valid_until": until} | changes)

    return make


@pytest.fixture
def wire() -> Iterator[Wire]:
    with running() as wire:
        yield wire
