"""`chinqit doctor` on databases in trouble. What it says of settings and processes is tested with the command."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from dashboard import db as databases
from dashboard.cli import doctor, migrate
from dashboard.cli.doctor import Finding
from dashboard.db import Sessions, utcnow
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.maintenance import secret_keys
from dashboard.gateway.messages import outbox
from dashboard.gateway.monitoring import alerts, judge
from dashboard.models.messages import Message
from dashboard.models.site_settings import Setting
from dashboard.settings import Settings, prepare_home
from tests.support import oidc_provider
from tests.support.fixtures.databases import on_sqlite

OTHER = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    """The environment is that of a prepared gateway."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    return settings


def of(subject: str) -> list[Finding]:
    return [finding for finding in doctor.examine() if finding.subject == subject]


@pytest.mark.parametrize(
    ("database", "version"), [("sqlite", "0001"), ("sqlite", "0006"), ("postgresql", "0001")], indirect=["database"]
)
def test_a_database_of_an_older_version_is_to_be_migrated(
    new_database: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Settings, version: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", new_database(tmp_path))
    migrate.upgrade(Settings.from_env(), version)
    (finding,) = of("database")
    needed = f"version {version}, this gateway needs {migrate.newest_version()}"
    assert (finding.ok, finding.message, finding.advice) == (False, needed, "Run: chinqit migrate")


def test_the_doctor_and_the_overview_judge_alike(home: Settings, sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("Shop"))
        session.flush()
        outbox.submit(
            session,
            Caller.from_row(key),
            outbox.Draft.text("+22238089336", "Bonjour"),
        )
    assert [finding.ok for finding in of("outbox")] == [True]
    with sessions.begin() as session:
        session.execute(update(Message).values(due_at=utcnow() - 1.5 * alerts.LONG_WAIT))
    (finding,) = of("outbox")
    with sessions() as session:
        (alert,) = alerts.backlog_alerts(alerts.lanes(session))
    assert alert.subject == "sms" and alert.length > alerts.LONG_WAIT
    assert not finding.ok and finding.message.startswith("sms: the oldest message waits for 9")


@on_sqlite
def test_the_provider_that_people_sign_in_with_is_asked(
    home: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of("sign-in") == []
    with oidc_provider.running() as provider:
        told = {"OIDC_ISSUER": provider.issuer, "OIDC_CLIENT_ID": "gateway", "OIDC_ALLOW_PRIVATE": "1"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        (well,) = of("sign-in")
        assert well.ok and well.message.endswith("/dashboard/sign-in/provider/back")
        monkeypatch.setenv("OIDC_ONLY", "1")
        assert [finding.ok for finding in of("sign-in")] == [True, False]  # and no owner could come in
        monkeypatch.setenv("OIDC_LABEL", "Another")  # nothing is remembered of it
        provider.edit_document = lambda document: document.update(issuer="https://evil.test")
        lying = of("sign-in")[0]
        assert not lying.ok and "it calls itself 'https://evil.test'" in lying.message
        provider.edit_document, provider.is_down = lambda _document: None, True
        assert "unreachable (HTTP 503)" in of("sign-in")[0].message
    assert "unreachable (unreachable)" in of("sign-in")[0].message


def test_a_clock_that_was_set_back_is_seen(home: Settings, sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("Shop"))
        session.flush()
        outbox.submit(
            session,
            Caller.from_row(key),
            outbox.Draft.text("+22238089336", "Bonjour"),
        )
        session.execute(update(Message).values(created_at=utcnow() + timedelta(hours=1)))
    assert [finding.message for finding in of("clock")] == ["the clock was set back: messages are dated in the future"]


@pytest.fixture
def locked(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SQLite's write lock is held by another program."""
    if not home.database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL has no such lock")
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(home.database_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


def test_a_database_that_takes_no_writes_is_named_with_the_driver_s_reason(locked: None) -> None:
    (finding,) = of("database")
    assert finding.message == "SQLite cannot be written to: database is locked"


def test_what_was_found_is_kept_when_a_later_look_fails(home: Settings, sessions: Sessions) -> None:
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE webhook_endpoints RENAME TO elsewhere"))
    try:
        findings = doctor.examine()
    finally:
        with sessions.begin() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO webhook_endpoints"))
    by_subject = {finding.subject: finding for finding in findings}
    assert set(by_subject) == {
        *(
            "settings",
            "timezone",
            "files",
            "disk",
            "valkey",
            "database",
            "clock",
            "workers",
            "outbox",
            "guesses",
            "pumping",
            "webhooks",
            "carriers",
        ),
        *("operators", "secrets", "backup"),
    }
    assert by_subject["database"].ok and by_subject["carriers"].ok
    assert not by_subject["webhooks"].ok and "webhook_endpoints" in by_subject["webhooks"].message


@on_sqlite
def test_files_that_others_can_read_are_named(home: Settings) -> None:
    prepare_home(home.chinqit_home)
    assert [finding.ok for finding in of("files")] == [True]
    home.chinqit_home.chmod(0o755)
    try:
        (finding,) = of("files")
    finally:
        home.chinqit_home.chmod(0o700)
    assert (finding.ok, finding.advice) == (False, f"chmod -R go= {home.chinqit_home}")
    assert str(home.chinqit_home) in finding.message


@on_sqlite
def test_a_disk_that_is_nearly_full_is_told(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.ok for finding in of("disk")] == [True]
    monkeypatch.setattr(judge, "LEAST_FREE", 1.0)
    monkeypatch.setattr(judge, "ENOUGH_FREE", 2**60)
    (finding,) = of("disk")
    assert (finding.ok, finding.advice) == (False, f"Make room on the disk of {home.chinqit_home}.")


@on_sqlite
def test_backups_that_stopped_are_told(home: Settings, sessions: Sessions) -> None:
    assert [finding.ok for finding in of("backup")] == [True]  # who never made one may have another way
    with sessions.begin() as session:
        judge.note_backup(session)
    assert [finding.ok for finding in of("backup")] == [True]
    with sessions.begin() as session:
        long_ago = (utcnow() - 2 * judge.OLDEST_BACKUP).isoformat()
        session.execute(update(Setting).where(Setting.name == judge.BACKUP_ROW).values(value=long_ago))
    (finding,) = of("backup")
    assert (finding.ok, finding.message) == (False, "The newest backup is 72 hours old")


@on_sqlite
def test_a_secret_that_is_not_the_database_s_is_told(
    home: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [finding.ok for finding in of("secrets")] == [True]  # no one has written with a secret yet
    with sessions.begin() as session:
        secret_keys.accept(session, home)
    assert [finding.ok for finding in of("secrets")] == [True]
    monkeypatch.setenv("DATA_SECRET", OTHER)
    (finding,) = of("secrets")
    assert (finding.ok, finding.message) == (False, "DATA_SECRET is not the one this database was written with")
    monkeypatch.setenv("OTP_SECRET", OTHER[::-1])
    assert len(of("secrets")) == 2
    monkeypatch.setenv("OTP_SECRET_PREVIOUS", home.otp_secret)
    assert len(of("secrets")) == 1  # a rotation
