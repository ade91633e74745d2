"""What a message takes on the disk, with its code and attempts; how many old ones the relay deletes in a minute, and
what a batch holds up.

python -m tests.bench.retention [MESSAGES]      (60000, on both databases)
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, text, update

from dashboard.cli import migrate
from dashboard.db import Sessions, make_sessions, utcnow
from dashboard.dev import seed
from dashboard.gateway import site_settings
from dashboard.gateway.maintenance import retention
from dashboard.gateway.otp.codes import Keyring
from dashboard.gateway.site_settings import Preferences
from dashboard.models.messages import Message
from dashboard.settings import Settings, prepare_home
from tests.bench import table
from tests.bench.table import Demand
from tests.support.postgres import Postgres

MESSAGES, DAYS = 60_000, 365
PACE = Demand(200_000)
SIZE = {
    "sqlite": text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"),
    "postgresql": text("SELECT pg_database_size(current_database())"),
}
HELD_UP = Demand(100, at_most=True)  # milliseconds that others wait for a batch on SQLite, where one writes at a time


def run(name: str, sessions: Sessions, messages: int) -> None:
    """Fill the database with messages of a year ago, and have them deleted."""
    empty = size(name, sessions)
    seed.seed(sessions, Keyring({"bench": b"bench" * 8}), messages, 30)
    print(table.line(f"a message, {name}", (size(name, sessions) - empty) / messages / 1_000, "kB"))
    with sessions.begin() as session:
        session.execute(update(Message).values(created_at=utcnow() - timedelta(days=DAYS + 1)))
        site_settings.save(session, Preferences(messages_days=DAYS))
    times, is_left, began = [], True, time.monotonic()
    while is_left:
        start = time.monotonic()
        with sessions.begin() as session:
            is_left = retention.step(session, "messages")
        times.append(time.monotonic() - start)
    took = time.monotonic() - began
    with sessions() as session:
        left = session.scalar(select(func.count()).select_from(Message)) or 0
    print(table.line(f"deleted, {name}", (messages - left) / took * 60, "messages/min", PACE))
    if name == "sqlite":
        print(table.line("  longest batch but one", sorted(times)[-2] * 1_000, "ms", HELD_UP))
    print(table.line("  left", left, "messages", Demand(0, at_most=True)))


def size(name: str, sessions: Sessions) -> int:
    """That of the database, in bytes."""
    with sessions() as session:
        return int(session.scalars(SIZE[name]).one())


def main() -> None:
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    with ExitStack() as held:
        home = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="chinqit-bench-")))
        prepare_home(home)
        server = Postgres(durable=True)
        held.callback(server.stop)
        for name, url in (("sqlite", f"sqlite:///{home / 'chinqit.db'}"), ("postgresql", server.create())):
            migrate.upgrade(Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": url}))
            sessions = make_sessions(url)
            run(name, sessions, messages)
            sessions.kw["bind"].dispose()


if __name__ == "__main__":
    main()
