"""The schema that migrations make is the one that the models mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect

from dashboard.cli import migrate
from dashboard.db import Base, engine_options
from dashboard.resources import ROOT
from dashboard.settings import Settings, prepare_home

FOLDER = ROOT / "dashboard" / "migrations"
FILES = sorted((FOLDER / "versions").glob("*.py"))


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = create_engine(settings.database_url, **engine_options(settings.database_url))
    yield engine
    engine.dispose()


UNSEEN = pytest.mark.filterwarnings("ignore:.*expression-based index")  # SQLite does not reflect them


@UNSEEN
def test_models_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


@UNSEEN
def test_conditions_of_partial_indexes_agree(engine: Engine) -> None:
    """The comparison above does not look at them."""
    inspector, name = inspect(engine), engine.dialect.name
    for table in Base.metadata.tables.values():
        made = {index["name"]: index for index in inspector.get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in made and any(not hasattr(part, "table") for part in index.expressions):
                continue  # on an expression, which is not reflected
            wanted = index.dialect_options[name]["where"]
            found = made[index.name].get("dialect_options", {}).get(f"{name}_where")
            assert plain(found) == plain(wanted), index.name


def plain(condition: object) -> str:
    return "" if condition is None else re.sub(r"[()\s]|::\w+", "", str(condition)).lower()


def test_migrating_again_changes_nothing(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    prepare_home(tmp_path / "home")
    address = new_database(tmp_path / "home")
    settings = Settings.from_env({"CHINQIT_HOME": str(tmp_path / "home"), "DATABASE_URL": address})
    migrate.upgrade(settings)
    migrate.upgrade(settings)
    engine = create_engine(settings.database_url)
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


def test_files_are_numbered_without_gaps_and_follow_each_other() -> None:
    assert [path.name[:5] for path in FILES] == [f"{number:04d}_" for number in range(1, len(FILES) + 1)]
    script = ScriptDirectory(str(FOLDER))
    assert script.get_heads() == [f"{len(FILES):04d}"]
    for path in FILES:
        revision = script.get_revision(path.name[:4])
        assert revision.down_revision == (None if path.name[:4] == "0001" else f"{int(path.name[:4]) - 1:04d}")


def test_a_migration_names_no_class_of_ours() -> None:
    """What they share lies beside them, and changes as little as they do."""
    for path in FILES:
        assert "dashboard" not in path.read_text().replace("from dashboard.migrations import", ""), path.name
    assert "dashboard" not in (FOLDER / "big_indexes.py").read_text()
