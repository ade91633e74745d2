"""Rows that waited as `sms@7` wait for carrier 7 after the migration; a run that was cut off is run again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from dashboard.cli import migrate
from dashboard.db import engine_options, utcnow
from dashboard.settings import Settings, prepare_home

ROWS = {"sms": None, "sms@7": 7, "sms@0": 0, "whatsapp@12": 12, "whatsapp": None}


@pytest.fixture
def old(new_database: Callable[[Path], str], tmp_path: Path) -> Settings:
    """A database as it was before, with rows that wait and rows that are settled."""
    prepare_home(tmp_path / "home")
    address = new_database(tmp_path / "home")
    settings = Settings.from_env({"CHINQIT_HOME": str(tmp_path / "home"), "DATABASE_URL": address})
    migrate.upgrade(settings, "0008")
    engine = engine_of(settings)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO api_keys (id, name, mode, scopes, networks, sms_fallback, created_at)"
                " VALUES ('k', 'k', 'live', '[]', '[]', :no, :now)"
            ),
            {"no": False, "now": utcnow()},
        )
        for number, lane in enumerate(ROWS, start=1):
            for status, due in (("queued", True), ("sent", False)):
                connection.execute(
                    text(
                        "INSERT INTO messages (uuid, key_id, kind, channel, phone, encoding, segments, status, lane,"
                        " priority, attempts, due_at, valid_until, created_at) VALUES (:uuid, 'k', 'message', 'sms',"
                        " '+22222000001', 'gsm7', 1, :status, :lane, 1, 0, :due, :later, :now)"
                    ),
                    {
                        "uuid": f"{number}-{status}",
                        "status": status,
                        "lane": lane,
                        "now": utcnow(),
                        "due": utcnow() if due else None,
                        "later": utcnow() + timedelta(days=1),
                    },
                )
    engine.dispose()
    return settings


def engine_of(settings: Settings) -> Engine:
    return create_engine(settings.database_url, **engine_options(settings.database_url))


def lanes(settings: Settings) -> set[tuple[str, int | None]]:
    engine = engine_of(settings)
    with engine.connect() as connection:
        found = {(row[0], row[1]) for row in connection.execute(text("SELECT lane, carrier_id FROM messages"))}
    engine.dispose()
    return found


def test_what_waited_for_a_carrier_waits_for_it_still(old: Settings) -> None:
    migrate.upgrade(old)
    assert lanes(old) == {(lane.partition("@")[0], carrier_id) for lane, carrier_id in ROWS.items()}


def test_a_run_that_was_cut_off_is_run_again(old: Settings) -> None:
    engine = engine_of(old)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE messages ADD COLUMN carrier_id INTEGER"))
    engine.dispose()
    migrate.upgrade(old)
    assert lanes(old) == {(lane.partition("@")[0], carrier_id) for lane, carrier_id in ROWS.items()}
