"""Databases that have all tables: migrated once a run, and copied from then on."""

from __future__ import annotations

import shutil
from pathlib import Path

from dashboard.cli import migrate
from dashboard.settings import Settings, prepare_home
from tests.support import run
from tests.support.postgres import Server
from tests.support.stack import in_home


def sqlite(home: Path) -> str:
    """Put a database with all tables and no row into a home folder; return its address."""

    def make(draft: Path) -> None:
        _migrate(draft, in_home(draft))

    shutil.copy2(run.once("sqlite", make) / "chinqit.db", home)
    return in_home(home)


def postgresql(server: Server) -> str:
    """A new database with all tables and no row; return its address."""

    def make(draft: Path) -> None:
        address = server.create()
        _migrate(draft, address)
        (draft / "name").write_text(address.partition("@/")[2].partition("?")[0])

    return server.create((run.once("postgresql", make) / "name").read_text())


def _migrate(home: Path, address: str) -> None:
    prepare_home(home)
    migrate.upgrade(Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": address}))
