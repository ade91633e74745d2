"""chinqit migrate, and the version of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.cli.core import example
from dashboard.db import error_reason, make_sessions
from dashboard.resources import resource
from dashboard.settings import Settings, SettingsError

VERSIONS = resource("migrations/versions")


@click.command(epilog=example("DATABASE_URL=postgresql://chinqit@/chinqit chinqit migrate"))
def migrate() -> None:
    """Bring the database to this version's tables."""
    upgrade(Settings.from_env())
    click.echo("The database is up to date.")


def newest_version() -> str:
    """The number of the newest migration: the files are numbered."""
    return max(path.name.split("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def database_version(session: Session) -> str | None:
    """The number of the last migration that was run, or None on an empty database."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    version: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def upgrade_if_needed(settings: Settings, echo: Callable[[str], None]) -> None:
    """Run the migrations that are missing. Raise SettingsError when the database does not answer or is newer."""
    sessions = make_sessions(settings.database_url)
    try:
        with sessions() as session:
            version = database_version(session)
    except SQLAlchemyError as error:
        raise SettingsError(f"{database_name(settings)} does not answer: {error_reason(error)}") from None
    finally:
        sessions.kw["bind"].dispose()
    newest = newest_version()
    if version is not None and version > newest:
        raise SettingsError(f"The database is newer ({version}) than this version of the gateway ({newest}).")
    if version != newest:
        echo("Preparing the database ...")
        upgrade(settings)


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Run the migrations that are missing, up to a revision."""
    with _alembic(settings) as (command, config):
        command.upgrade(config, revision)


def downgrade(settings: Settings, revision: str) -> None:
    """Take the migrations after a revision back; for tests."""
    with _alembic(settings) as (command, config):
        command.downgrade(config, revision)


@contextmanager
def _alembic(settings: Settings) -> Iterator[tuple[Any, Any]]:
    """Alembic's commands, and what they take for this database."""
    from alembic import command  # 7 MB, for what most processes never do
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    config.attributes["engine"] = engine = make_sessions(settings.database_url).kw["bind"]
    try:
        yield command, config
    finally:
        engine.dispose()


def database_name(settings: Settings) -> str:
    return "SQLite" if settings.database_url.startswith("sqlite") else "PostgreSQL"
