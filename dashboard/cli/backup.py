"""chinqit backup and restore."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy import create_engine, inspect, make_url

from dashboard.cli import migrate
from dashboard.cli.core import database, echo_error, example, fail
from dashboard.db import make_sessions, read_session, utcnow
from dashboard.gateway import workers
from dashboard.gateway.maintenance import backup as backups
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import judge
from dashboard.settings import Settings

NAME = "chinqit-{:%Y%m%dT%H%M%SZ}.db"
PATTERN = "chinqit-*T*Z.db"


@click.command(epilog=example("chinqit backup /var/backups/chinqit/ --keep 14", "chinqit backup before-upgrade.db"))
@click.argument("place", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(1), help="FILE is a folder: delete all but the newest so many backups in it."
)
def backup(place: Path, keep: int | None) -> None:
    """Copy the database to FILE, or into a folder under the time's name, while the gateway runs.

    The copy is checked. It is a SQLite file, also when the gateway uses PostgreSQL, and holds texts and numbers: only
    you can read it. The secrets are not in it; keep them apart (`chinqit secrets export`).
    """
    settings = Settings.from_env()
    path = place / NAME.format(utcnow()) if place.is_dir() else place
    if keep and path == place:
        fail(f"{place} is no folder; --keep counts the backups of one.")
    if path.exists():
        fail(f"{path} is there already; choose another name.")
    if not path.parent.is_dir():
        fail(f"There is no folder {path.parent}.")
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    try:
        rows = _write(settings, draft)
        draft.replace(path)
    except (OSError, backups.Damaged) as error:
        fail(f"No backup was made: {getattr(error, 'strerror', None) or error}")
    finally:
        draft.unlink(missing_ok=True)
    with database() as session:
        judge.note_backup(session)
    echo_error(f"{sum(rows.values())} rows, {path.stat().st_size / 2**20:.1f} MB, checked.")
    click.echo(path)
    if keep:
        for old in sorted(place.glob(PATTERN))[:-keep]:
            old.unlink()


def _write(settings: Settings, draft: Path) -> dict[str, int]:
    """Write the copy and check it; return its rows by table."""
    if _file(settings):
        backups.snapshot(Path(_file(settings)), draft)
        draft.chmod(0o600)
        return backups.check(draft)
    draft.touch(mode=0o600)
    _make_tables(settings, draft)
    target, source = create_engine(f"sqlite:///{draft}"), make_sessions(settings.database_url).kw["bind"]
    try:
        copied = backups.copy(source, target)
    finally:
        target.dispose()
        source.dispose()
    backups.close(draft)
    if backups.check(draft) != copied:
        raise backups.Damaged("it does not hold the rows that were copied")
    return copied


@click.command(epilog=example("chinqit restore chinqit-20261127T020000Z.db"))
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--without-waiting", is_flag=True, help="Do not send what waited when the backup was made.")
def restore(path: Path, without_waiting: bool) -> None:
    """Put the backup FILE into an empty database, SQLite or PostgreSQL, and bring it to this version.

    The gateway must not run. Nothing is overwritten: a database that holds data is refused.
    """
    settings = Settings.from_env()
    try:
        rows = backups.check(path)
    except backups.Damaged as error:
        fail(f"{path} is no whole backup: {error}")
    _refuse_unless_empty(settings)
    with tempfile.TemporaryDirectory(dir=settings.chinqit_home, prefix=".restore-") as folder:
        draft = Path(folder) / "restored.db"
        backups.snapshot(path, draft)
        draft.chmod(0o600)
        _make_tables(settings, draft)  # a backup of an older version gets this version's
        backups.close(draft)
        if _file(settings):
            target = Path(_file(settings))
            for suffix in ("-wal", "-shm"):
                target.with_name(target.name + suffix).unlink(missing_ok=True)
            draft.replace(target)
        else:
            migrate.upgrade(settings)
            source, into = create_engine(f"sqlite:///{draft}"), make_sessions(settings.database_url).kw["bind"]
            try:
                backups.copy(source, into)
            finally:
                source.dispose()
                into.dispose()
    echo_error(f"{sum(rows.values())} rows restored.")
    sessions = make_sessions(settings.database_url)
    with sessions.begin() as session:
        backups.forget_processes(session)
        if without_waiting:
            click.echo(f"{outbox.expire_waiting(session)} messages that waited have expired.")
        else:
            click.echo(f"{sum(outbox.waiting(session).values())} messages wait; they are sent when the gateway starts.")
    sessions.kw["bind"].dispose()


def _file(settings: Settings) -> str:
    """The file of a SQLite database, or nothing."""
    url = make_url(settings.database_url)
    return url.database or "" if url.get_backend_name() == "sqlite" else ""


def _make_tables(settings: Settings, path: Path) -> None:
    migrate.upgrade(replace(settings, database_url=f"sqlite:///{path}"))


def _refuse_unless_empty(settings: Settings) -> None:
    if _file(settings) and not Path(_file(settings)).exists():
        return
    sessions = make_sessions(settings.database_url)
    try:
        with read_session(sessions) as session:
            if backups.holds_data(session.connection()):
                cure = f"mv {_file(settings)} {_file(settings)}.old" if _file(settings) else "make one with createdb"
                fail(f"The database holds data. Restore into an empty one: {cure}")
            if inspect(session.connection()).has_table("processes") and workers.alive(session):
                fail("The gateway runs. Stop it first.")
    finally:
        sessions.kw["bind"].dispose()
