"""The backups that the relay makes by a setting."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.db import Sessions, utcnow
from dashboard.gateway.maintenance import backup
from dashboard.gateway.monitoring import judge
from dashboard.models.site_settings import Setting
from dashboard.settings import Settings
from jobs import backups


@pytest.fixture
def nightly(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    return replace(settings, backup_folder=str(tmp_path / "backups"), backup_keep=2)


def test_one_is_made_a_day(tmp_path: Path) -> None:
    now = utcnow()
    assert backups.is_due(tmp_path, now) and backups.is_due(tmp_path / "none", now)
    (tmp_path / "chinqit-20261127T020000Z.db").touch()
    assert not backups.is_due(tmp_path, now)
    assert not backups.is_due(tmp_path, now + timedelta(hours=23))
    assert backups.is_due(tmp_path, now + timedelta(hours=24, minutes=1))


def test_it_is_whole_noted_and_closed_to_others(nightly: Settings, sessions: Sessions) -> None:
    folder = Path(nightly.backup_folder)
    folder.mkdir(mode=0o700)
    for day in (1, 2):
        (folder / f"chinqit-2026112{day}T020000Z.db").touch()
    assert backups.make(nightly)
    oldest_kept, made = sorted(folder.iterdir())
    assert oldest_kept.name == "chinqit-20261122T020000Z.db"
    assert backup.check(made)["settings"] == 0 and made.stat().st_mode & 0o077 == 0
    with sessions() as session:
        assert session.get_one(Setting, judge.BACKUP_ROW) and judge.backup_alerts(session) == []


def test_what_fails_is_told_in_the_log(
    nightly: Settings, sessions: Sessions, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert not backups.make(replace(nightly, backup_folder=str(tmp_path / "file")))
    assert "no backup was made" in caplog.text


def test_the_names_are_those_of_the_command(nightly: Settings, tmp_path: Path, sessions: Sessions) -> None:
    environ = {**os.environ, "CHINQIT_HOME": str(nightly.chinqit_home), "DATABASE_URL": nightly.database_url}
    made = CliRunner().invoke(main, ["backup", str(tmp_path)], env=environ)
    assert made.exit_code == 0, made.output
    assert len(list(tmp_path.glob(backups.PATTERN))) == 1
