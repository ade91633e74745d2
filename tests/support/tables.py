"""Databases that have all tables: migrated once a run, and copied from then on."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from dashboard.cli import migrate
from dashboard.settings import Settings, prepare_home
from tests.support import run
from tests.support.postgres import Server
from tests.support.stack import in_home


def once(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that one process of the run fills, and that all of them read."""
    here = run.folder()
    assert here
    made = here / name
    with (here / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            draft = Path(tempfile.mkdtemp(dir=here))
            make(draft)
            draft.rename(made)
    return made


def sqlite(home: Path) -> str:
    """Put a database with all tables and no row into a home folder; return its address."""

    def make(draft: Path) -> None:
        _migrate(draft, in_home(draft))

    shutil.copy2(once("sqlite", make) / "chinqit.db", home)
    return in_home(home)


def postgresql(server: Server) -> str:
    """A new database with all tables and no row; return its address."""

    def make(draft: Path) -> None:
        address = server.create()
        _migrate(draft, address)
        (draft / "name").write_text(address.partition("@/")[2].partition("?")[0])

    return server.create((once("postgresql", make) / "name").read_text())


def _migrate(home: Path, address: str) -> None:
    prepare_home(home)
    migrate.upgrade(Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": address}))
