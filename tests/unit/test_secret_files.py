"""Files of secrets: which values are good when, and that a running process follows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import secret_files
from dashboard.secret_files import Secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIFE = timedelta(minutes=10)
FIRST = Secret("first value of the secret, as it was made")


def later(value: str, minutes: float, *, is_resealed: bool = True) -> Secret:
    return Secret(value, NOW + timedelta(minutes=minutes), is_resealed)


def test_a_plain_value_stays_what_it_is() -> None:
    assert secret_files.parse(" a value with spaces \n") == (Secret("a value with spaces"),)
    assert secret_files.usable((FIRST,), LIFE, NOW) == (FIRST,)


def test_values_are_written_and_read_alike() -> None:
    values = (later("third", 1, is_resealed=False), later("second", -5), FIRST)
    assert secret_files.parse(secret_files.text_of(values)) == values
    assert "first value" not in repr(FIRST)
    assert len({value.id for value in values}) == 3


@pytest.mark.parametrize(
    "text", ["", " \n", '{"secrets":[]}', '{"secrets":[{"value": "x"}]}', '{"secrets":', '{"secrets":7}']
)
def test_what_is_no_list_of_secrets_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is (empty|damaged)"):
        secret_files.parse(text)


@pytest.mark.parametrize(
    ("minutes", "good"),
    [
        (0.1, ["first", "new"]),  # to come: others may use it already
        (0, ["new", "first"]),
        (-9.9, ["new", "first"]),
        (-10, ["new"]),
    ],
)
def test_the_one_before_is_good_until_what_it_made_is_over(minutes: float, good: list[str]) -> None:
    values = [later("new", minutes), Secret("first")]
    assert [secret.value for secret in secret_files.usable(values, LIFE, NOW)] == good
    assert len(secret_files.without_retired(values, LIFE, NOW)) == len(good)


def test_the_one_before_is_good_while_something_is_encrypted_with_it() -> None:
    values = [later("new", -60, is_resealed=False), later("old", -120), Secret("first")]
    assert [secret.value for secret in secret_files.usable(values, LIFE, NOW)] == ["new", "old"]


def test_a_running_process_reads_a_changed_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "otp_secret"
    secret_files.write(path, FIRST.value)
    assert secret_files.follow(path) == (FIRST,)
    monkeypatch.setattr(secret_files, "FOLLOW_SECONDS", 0)
    secret_files.write(path, "another")
    assert secret_files.follow(path) == (Secret("another"),)
    path.write_text("")
    assert secret_files.follow(path) == (Secret("another"),)  # the last one known
    path.unlink()
    assert secret_files.follow(path) == (Secret("another"),)
    with pytest.raises(FileNotFoundError):
        secret_files.follow(tmp_path / "never")


def test_a_file_keeps_its_mode_and_no_draft_is_left(tmp_path: Path) -> None:
    path = tmp_path / "otp_secret"
    secret_files.write(path, "one")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    secret_files.write(path, "two")
    assert (path.read_text(), path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == ("two", 0o640, [path])
