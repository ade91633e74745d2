"""`chinqit secrets`: a sealed copy, put back elsewhere; and secrets that do not fit the database."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.gateway.maintenance import secret_keys
from dashboard.settings import SECRETS, Settings, prepare_home

PASSPHRASE = "quatre chameaux au puits"


def run(home: Path, *args: object, passphrase: str = PASSPHRASE) -> Result:
    env = {"CHINQIT_HOME": str(home)}
    return CliRunner().invoke(main, [str(arg) for arg in args], input=f"{passphrase}\n", env=env)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy.json"
    result = run(home, "secrets", "export", path, "--passphrase-stdin")
    assert (result.exit_code, result.stdout) == (0, f"{path}\n"), result.output
    return path


def values(home: Path) -> list[str]:
    settings = Settings.from_env({"CHINQIT_HOME": str(home)})
    return [getattr(settings, name.lower()) for name in SECRETS]


def test_a_sealed_copy_is_put_back_elsewhere(home: Path, copy: Path, tmp_path: Path) -> None:
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not any(value in copy.read_text() for value in values(home))
    elsewhere = tmp_path / "elsewhere"
    assert run(elsewhere, "secrets", "import", copy, "--passphrase-stdin").exit_code == 0
    assert values(elsewhere) == values(home)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (elsewhere / "secrets").iterdir())
    assert run(elsewhere, "secrets", "import", copy, "--passphrase-stdin").exit_code == 0  # they are there already


def test_secrets_are_not_overwritten(copy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    prepare_home(other)
    before = values(other)
    result = run(other, "secrets", "import", copy, "--passphrase-stdin")
    assert (result.exit_code, "Move it away first" in result.stderr) == (1, True)
    assert values(other) == before
    again = run(other, "secrets", "export", copy, "--passphrase-stdin")
    assert (again.exit_code, "File exists" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"salt": "zz", "sealed": "x"}', '{"salt": "00", "sealed": 1}']
)
def test_what_is_no_copy_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "copy.json"
    path.write_text(text)
    result = run(tmp_path / "home", "secrets", "import", path, "--passphrase-stdin")
    assert (result.exit_code, "does not open" in result.stderr) == (1, True)


def test_a_wrong_or_short_passphrase_is_refused(home: Path, copy: Path, tmp_path: Path) -> None:
    wrong = run(tmp_path / "elsewhere", "secrets", "import", copy, "--passphrase-stdin", passphrase="another sentence")
    assert (wrong.exit_code, "does not open" in wrong.stderr) == (1, True)
    assert not (tmp_path / "elsewhere" / "secrets").exists()
    short = run(home, "secrets", "export", tmp_path / "x.json", "--passphrase-stdin", passphrase="short")
    assert (short.exit_code, f"at least {secret_keys.SHORTEST_PASSPHRASE}" in short.stderr) == (1, True)


def test_a_lost_secret_is_told_at_the_start_until_it_is_accepted(home: Path) -> None:
    assert "WARNING" not in run(home, "init").stderr
    (home / "secrets" / "data_secret").write_text("0123456789abcdefghijklmnopqrstuvwxyz")
    again = run(home, "init")
    assert (again.exit_code, "WARNING: DATA_SECRET is not the one" in again.stderr) == (0, True)
    assert run(home, "secrets", "accept").stdout == "Accepted: DATA_SECRET.\n"
    assert "WARNING" not in run(home, "init").stderr
