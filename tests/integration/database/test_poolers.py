"""PgBouncer between the gateway and PostgreSQL; a Valkey whose master changes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rq import Queue

from dashboard import redis
from dashboard.cli import migrate
from dashboard.db import make_sessions
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.settings import Settings, SettingsError, prepare_home
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup
from tests.support import poolers
from tests.support.postgres import Server
from tests.support.stack import until


@pytest.fixture
def pooled(postgres: Server, tmp_path: Path) -> Iterator[Settings]:
    """A migrated database by way of PgBouncer in transaction mode."""
    home, name = tmp_path / "home", postgres.create().partition("@/")[2].partition("?")[0]
    prepare_home(home)
    try:
        with poolers.bouncer(postgres, name, tmp_path) as address:
            url = f"{address}?prepare_threshold=none"
            settings = Settings.from_env({"CHINQIT_HOME": str(home), "DATABASE_URL": url})
            migrate.upgrade(settings)
            yield settings
    except poolers.BouncerMissing:
        pytest.skip("NO PGBOUNCER: install Debian's pgbouncer")


def test_messages_are_taken_and_claimed_by_way_of_a_pooler(pooled: Settings) -> None:
    """More threads than it has connections, and each statement more often than psycopg needs to prepare it."""
    sessions = make_sessions(pooled.database_url)
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("app"))
        session.flush()
        caller = authentication.Caller.from_row(key)

    def send_and_claim(_number: int) -> int:
        with sessions.begin() as session:
            outbox.submit(session, caller, Draft.text("+22238089336", "a"))
        with sessions() as session:
            return len(outbox.claim(session, Lane.SMS, 1))

    with ThreadPoolExecutor(12) as pool:
        claimed = list(pool.map(send_and_claim, range(120)))
    with sessions() as session:
        left = outbox.waiting(session)[Lane.SMS]
    sessions.kw["bind"].dispose()
    assert sum(claimed) + left == 120 and sum(claimed) > 60


def test_the_wake_ups_follow_the_master_that_a_sentinel_names(tmp_path: Path) -> None:
    with poolers.watched_by_sentinel(tmp_path) as watched:
        wakeup = Wakeup(watched.address)
        assert wakeup.fault() is None and wakeup.notify_again(Lane.SMS, 4)
        watched.master.kill()
        watched.master.wait(10)
        assert wakeup.fault() is not None
        until(lambda: wakeup.fault() is None, 20)
        assert wakeup.notify_again(Lane.WEBHOOKS, 4)
        promoted = redis.connect(f"redis://127.0.0.1:{watched.replica_port}")
        assert len(Queue(Lane.WEBHOOKS, connection=promoted, serializer="json")) == 1
        promoted.close()
        wakeup.redis.close()


def test_a_server_that_answers_and_takes_no_writes_is_no_good(tmp_path: Path) -> None:
    """As a master does that came back as a replica."""
    with poolers.watched_by_sentinel(tmp_path) as watched:
        wakeup = Wakeup(f"redis://127.0.0.1:{watched.replica_port}")
        assert wakeup.redis.ping()
        assert "read only" in (wakeup.fault() or "")
        wakeup.redis.close()


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("redis+sentinel://127.0.0.1:26379/mymaster", True),
        ("redis+sentinel://:p%40ss@a.example,b.example:26380/mymaster/2", True),
        ("redis+sentinel://a.example", False),
        ("redis+sentinel:///mymaster", False),
        ("redis+sentinel://a.example:port/mymaster", False),
    ],
)
def test_an_address_of_sentinels_names_them_and_the_master(tmp_path: Path, url: str, fits: bool) -> None:
    prepare_home(tmp_path / "home")
    environ = {"CHINQIT_HOME": str(tmp_path / "home"), "REDIS_URL": url}
    if fits:
        assert Settings.from_env(environ).redis_url == url
    else:
        with pytest.raises(SettingsError, match=r"redis\+sentinel"):
            Settings.from_env(environ)
