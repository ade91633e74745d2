"""`chinqit backup` and `restore`: every row, from and into both kinds of database, and nothing overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from dashboard.cli.registry import main
from dashboard.db import Sessions, make_sessions
from dashboard.gateway.accounts import users
from dashboard.gateway.accounts.users import NewPerson
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.maintenance.backup import TABLES
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import judge
from dashboard.models.accounts import UserSession
from dashboard.models.messages import Message
from dashboard.settings import Settings, prepare_home
from tests.support.postgres import Server

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings) -> Command:
    """Run a command on a database."""

    def run(*args: object, home: Path | None = None, url: str | None = None) -> Result:
        secrets = {name: getattr(settings, name.lower()) for name in ("SECRET_KEY", "OTP_SECRET", "DATA_SECRET")}
        env = {"CHINQIT_HOME": str(home or settings.chinqit_home), "DATABASE_URL": url or settings.database_url}
        return CliRunner().invoke(main, [str(arg) for arg in args], env=env | secrets)

    return run


@pytest.fixture
def filled(sessions: Sessions) -> None:
    with sessions.begin() as session:
        person = users.add(session, NewPerson("nadia@example.org", "owner", "Thé vert à 6 heures", "Nadia"))
        key, _ = keys.create(session, NewKey("Boutique", networks=("10.0.0.0/8",)))
        session.flush()
        drafts = [
            (Caller.from_row(key), outbox.Draft.text(f"+2223808{n:04}", "Bonjour à tous, مرحبا")) for n in range(30)
        ]
        outbox.submit_all(session, drafts)
        session.add(UserSession(digest="0" * 64, user_id=person.id))


@pytest.fixture
def file(command: Command, filled: None, tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    result = command("backup", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}\n"), result.output
    return path


def rows_of(sessions: Sessions) -> dict[str, list[Any]]:
    """Without the note that a backup was made, which is written after it."""
    with sessions() as session:
        rows = {table.name: sorted(map(repr, session.execute(select(table)))) for table in TABLES}
    return rows | {"settings": [row for row in rows["settings"] if judge.BACKUP_ROW not in row]}


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Another home with an empty database."""
    home = tmp_path / "elsewhere"
    prepare_home(home)
    if request.param == "sqlite":
        return home, f"sqlite:///{home / 'chinqit.db'}"
    server: Server = request.getfixturevalue("postgres")
    return home, server.create()


def test_a_restored_database_has_every_row_and_goes_on_counting(
    command: Command, file: Path, sessions: Sessions, elsewhere: tuple[Path, str]
) -> None:
    home, url = elsewhere
    result = command("restore", file, home=home, url=url)
    assert result.exit_code == 0, result.output
    assert "30 messages wait" in result.stdout
    restored = make_sessions(url.replace("postgresql://", "postgresql+psycopg://"))
    assert rows_of(restored) == rows_of(sessions)
    with restored.begin() as session:
        assert session.scalars(select(UserSession)).all() == []
        row = session.scalars(select(Message).order_by(Message.id.desc())).first()
        assert row is not None
        key = keys.listed(session)[0]
        newer, _ = outbox.submit(session, Caller.from_row(key), outbox.Draft.text("+22238080000", "après"))
        assert newer > row.id
    restored.kw["bind"].dispose()
    again = command("restore", file, home=home, url=url)
    assert (again.exit_code, "holds data" in again.stderr) == (1, True)


def test_what_waited_can_be_left_unsent(command: Command, file: Path, tmp_path: Path) -> None:
    home = tmp_path / "later"
    prepare_home(home)
    url = f"sqlite:///{home / 'chinqit.db'}"
    result = command("restore", file, "--without-waiting", home=home, url=url)
    assert (result.exit_code, result.stdout) == (0, "30 messages that waited have expired.\n"), result.output
    restored = make_sessions(url)
    with restored() as session:
        assert session.scalars(select(Message.status).distinct()).all() == ["expired"]
    restored.kw["bind"].dispose()


def test_a_backup_is_for_its_owner_alone_and_overwrites_nothing(command: Command, file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    again = command("backup", file)
    assert (again.exit_code, "is there already" in again.stderr) == (1, True)
    assert file.read_bytes() == before
    lost = command("backup", file.parent / "no-folder" / "x.db")
    assert (lost.exit_code, "There is no folder" in lost.stderr) == (1, True)
    assert [path for path in file.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_of_a_folder_s_backups_the_newest_are_kept(command: Command, filled: None, tmp_path: Path) -> None:
    folder = tmp_path / "nights"
    folder.mkdir()
    for day in range(1, 5):
        (folder / f"chinqit-2026010{day}T020000Z.db").touch()
    (folder / "of-mine.db").touch()
    result = command("backup", folder, "--keep", 2)
    assert result.exit_code == 0, result.output
    kept = sorted(path.name for path in folder.iterdir())
    assert kept == ["chinqit-20260104T020000Z.db", Path(result.stdout.strip()).name, "of-mine.db"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty"])
def test_a_damaged_backup_is_refused(command: Command, file: Path, tmp_path: Path, damage: str) -> None:
    content = bytearray(file.read_bytes())
    if damage == "flipped":
        content[4096:12288] = b"\xff" * 8192
    broken = {"cut": content[: len(content) // 2], "flipped": content, "text": b"hello", "empty": b""}[damage]
    path = tmp_path / "broken.db"
    path.write_bytes(bytes(broken))
    home = tmp_path / "elsewhere"
    prepare_home(home)
    result = command("restore", path, home=home, url=f"sqlite:///{home / 'chinqit.db'}")
    assert (result.exit_code, "no whole backup" in result.stderr) == (1, True), result.output
    assert not (home / "chinqit.db").exists()
