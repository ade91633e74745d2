"""What a worker refuses to start with, and how it ends."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from dashboard.resources import ROOT
from dashboard.settings import prepare_home
from tests.support.processes import Done, run_forked


def run(home: Path, *arguments: str) -> Done:
    return run_forked(arguments, {"CHINQIT_HOME": str(home), "PATH": "/usr/bin:/bin"}, home.parent)


@pytest.mark.parametrize("arguments", [("jobs.worker", "sms"), ("jobs.relay",)])
def test_without_secrets_it_says_so_and_ends(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path / "home", *arguments)
    assert done.returncode == 2
    assert "SECRET_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("lane", ["nope", "SMS"])
def test_an_unknown_lane_is_named(tmp_path: Path, lane: str) -> None:
    prepare_home(tmp_path / "home")
    done = run(tmp_path / "home", "jobs.worker", lane)
    assert done.returncode == 2
    assert "sms, whatsapp" in done.stderr


def test_a_lane_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    given, sys.argv = sys.argv, ["jobs.worker"]
    try:
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "jobs" / "worker.py"), run_name="__main__")
    finally:
        sys.argv = given
    assert ended.value.code == 2
    assert "sms, whatsapp" in capsys.readouterr().err
