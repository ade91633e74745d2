"""chinqit upgrade: whether this version can take over beside the one that runs, and the step that does it."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.cli import migrate
from dashboard.cli.core import example, fail
from dashboard.db import error_reason, make_sessions, read_session
from dashboard.gateway.maintenance import secret_keys
from dashboard.gateway.monitoring import judge
from dashboard.models.site_settings import Setting
from dashboard.settings import Settings

CONTRACTS = "used_before"  # in a migration that takes something away: the newest version that still used it
ROOM = 2  # times the file: SQLite may write a table anew


@dataclass(frozen=True)
class Step:
    """A migration that is missing."""

    version: str
    title: str
    used_before: str | None  # code of this version or older breaks when it has run

    def runs_beside(self, version: str | None) -> bool:
        """Whether code that made this version of the database goes on when it has run."""
        return version is None or self.used_before is None or version > self.used_before


@click.command(epilog=example("chinqit upgrade --check", "chinqit upgrade"))
@click.option("--check", "only_check", is_flag=True, help="Change nothing.")
def upgrade(only_check: bool) -> None:
    """Say whether this version can take over while the older one runs, and bring the database to it; exit 1 if not."""
    settings = Settings.from_env()
    sessions = make_sessions(settings.database_url)
    try:
        with read_session(sessions) as session:
            version, objections = migrate.database_version(session), list(_objections(session, settings))
    except SQLAlchemyError as error:
        fail(f"{migrate.database_name(settings)} does not answer: {error_reason(error)}")
    finally:
        sessions.kw["bind"].dispose()
    click.echo(f"The database has version {version or 'none'}, this code needs {migrate.newest_version()}.")
    for step in missing(version):
        beside = "beside what runs" if step.runs_beside(version) else "STOP THE GATEWAY FIRST"
        click.echo(f"  {step.version}  {step.title}: {beside}")
    for objection in objections:
        click.echo(f"NOT NOW: {objection}")
    if objections:
        sys.exit(1)
    if only_check:
        click.echo("Ready: run chinqit upgrade, then restart one machine after the other.")
        return
    migrate.upgrade(settings)
    click.echo("The database is up to date. Restart one machine after the other.")


def missing(version: str | None) -> list[Step]:
    """The migrations after a version of the database, the oldest first."""
    paths = sorted(migrate.VERSIONS.glob("[0-9]*.py"))
    return [_step(path) for path in paths if version is None or path.name.split("_")[0] > version]


def _step(path: Path) -> Step:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    told = [node.value for node in assigned if ast.unparse(node.targets[0]) == CONTRACTS]
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Step(path.name.split("_")[0], title, ast.literal_eval(told[0]) if told else None)


def _objections(session: Session, settings: Settings) -> Iterator[str]:
    version = migrate.database_version(session)
    if version is not None and version > migrate.newest_version():
        yield f"the database is newer ({version}) than this code ({migrate.newest_version()})"
        return
    if version is None:
        return
    for step in missing(version):
        if not step.runs_beside(version):
            yield f"{step.version} removes what the running version uses; stop the gateway, then: chinqit migrate"
    for transaction in migrate.open_transactions(session):
        yield f"a migration would wait for the transaction of {transaction}"
    file = make_url(settings.database_url).database or ""
    if settings.database_url.startswith("sqlite"):
        size, free = Path(file).stat().st_size, shutil.disk_usage(Path(file).parent).free
        if free < ROOM * size:
            yield f"{free // 2**20} MB are free on the disk, {ROOM * size // 2**20} may be needed"
    if inspect(session.connection()).has_table(Setting.__tablename__):
        for name in secret_keys.unfit(session, settings):
            yield f"{name} is not the one with which the database was written"
        for _ in judge.backup_alerts(session):
            yield "the newest backup is too old; run: chinqit backup"
