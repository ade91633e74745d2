"""Migration 0008 carries over what was counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import create_engine, text

from dashboard.cli import migrate
from dashboard.settings import Settings, prepare_home

BEFORE = {  # uuid → what was counted, as 0004 to 0007 wrote it
    "never counted": ("queued", None, None),
    "on its way": ("sending", "sending", ""),
    "sent": ("sent", "sent", "+"),
    "failed later": ("failed", "failed", "+unreachable"),
    "refused": ("failed", "failed", "barred"),
    "never left": ("expired", "expired", ""),
    "expired later": ("expired", "expired", "+"),
    "arrived": ("delivered", "delivered", "+"),
}
AFTER = {
    "never counted": (None, None),
    "on its way": (None, None),
    "sent": (True, None),
    "failed later": (True, "unreachable"),
    "refused": (False, "barred"),
    "never left": (False, None),
    "expired later": (True, None),
    "arrived": (None, None),
}
INSERT = text("""
    INSERT INTO messages (uuid, key_id, kind, channel, phone, encoding, segments, status, lane, priority, attempts,
        unknowns, valid_until, created_at, tallied_status, tallied_more)
    SELECT :uuid, id, 'message', 'sms', '+22238089336', 'gsm7', 1, :status, 'sms', 1, 1,
        0, created_at, created_at, :tallied_status, :tallied_more
    FROM api_keys
""")
KEY = text("""
    INSERT INTO api_keys (id, name, mode, scopes, networks, created_at, sms_fallback)
    VALUES ('key', 'shop', 'live', '[]', '[]', '2026-11-01 00:00:00', false)
""")


def test_what_was_counted_is_carried_over_and_back(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    prepare_home(tmp_path / "home")
    address = new_database(tmp_path / "home")
    settings = Settings.from_env({"CHINQIT_HOME": str(tmp_path / "home"), "DATABASE_URL": address})
    engine = create_engine(settings.database_url)
    try:
        migrate.upgrade(settings, revision="0007")
        with engine.begin() as connection:
            connection.execute(KEY)
            for uuid, (status, tallied, more) in BEFORE.items():
                params = {"uuid": uuid, "status": status, "tallied_status": tallied, "tallied_more": more}
                connection.execute(INSERT, params)
        migrate.upgrade(settings, revision="0008")
        with engine.begin() as connection:  # as if it had been killed before its number was written
            connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))
        migrate.upgrade(settings, revision="0008")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT uuid, tallied_sent, tallied_error FROM messages")).all()
        found = {row.uuid: (None if row[1] is None else bool(row[1]), row[2]) for row in rows}
        assert found == AFTER
        migrate.downgrade(settings, revision="0007")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT uuid, tallied_more FROM messages")).all()
        assert {row.uuid: row[1] or "" for row in rows} == {uuid: row[2] or "" for uuid, row in BEFORE.items()}
    finally:
        engine.dispose()
