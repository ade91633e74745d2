"""`chinqit secrets rotate`: what is encrypted is encrypted anew, what was made before is still good, all is told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.fernet import InvalidToken
from sqlalchemy import insert, select

from dashboard import secret_files
from dashboard.cli.registry import main
from dashboard.db import Sessions, core_table, utcnow
from dashboard.gateway import encryption
from dashboard.gateway.alerts import channels
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.api_keys import keys
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.gateway.encryption import Purpose
from dashboard.gateway.maintenance import rotation, secret_keys
from dashboard.gateway.messages import idempotency
from dashboard.gateway.messages.idempotency import StoredResult
from dashboard.models.registry import metadata
from dashboard.models.sandbox import SandboxMessage
from dashboard.secret_files import Secret
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Language
from tests.support.fixtures.databases import on_sqlite

TEXT = b"un texte"
WAITS = """
import sys, time
from dashboard.gateway.maintenance import rotation
from dashboard.db import make_sessions
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Language
rotation.BATCH = 5
before = rotation._update
def slowly(*told):
    before(*told)
    print("a batch", flush=True)
    time.sleep(60)
rotation._update = slowly
settings = Settings.from_env()
rotation.reseal(make_sessions(settings.database_url), settings)
"""


@pytest.fixture
def own(settings: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The environment of a gateway whose secrets are put back as they were; nothing is waited for."""
    for name in ("chinqit_home", "database_url", "redis_url"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    monkeypatch.setattr(rotation, "IN_FORCE_AFTER", timedelta(0))
    monkeypatch.setattr(rotation, "SETTLE", timedelta(0))
    texts = {path: path.read_text() for _, path in settings.secret_paths}
    yield settings
    for path, text in texts.items():
        path.write_text(text)
        secret_files.read(path)


def run(*words: str, typed: str = "", home: Path | None = None) -> Result:
    return CliRunner(env={"CHINQIT_HOME": str(home)} if home else None).invoke(main, list(words), input=typed)


def rotate(kind: str, *more: str) -> Result:
    result = run("secrets", "rotate", kind, *more)
    assert result.exit_code == 0, result.output
    return result


def put_texts(sessions: Sessions, settings: Settings, count: int) -> None:
    cipher = encryption.cipher(settings, Purpose.SANDBOX)
    rows = [
        {"phone": "+22238089336", "channel": "sms", "message_uuid": f"u{n}", "sealed": cipher.encrypt(TEXT)}
        | {"received_at": utcnow()}
        for n in range(count)
    ]
    with sessions.begin() as session:
        session.execute(insert(core_table(SandboxMessage)), rows)


def sealed(sessions: Sessions) -> list[bytes]:
    with sessions() as session:
        return list(session.scalars(select(SandboxMessage.sealed).order_by(SandboxMessage.id)))


def readable_by_the_newest(sessions: Sessions, settings: Settings) -> list[bool]:
    found = []
    for token in sealed(sessions):
        try:
            found.append(encryption.newest_cipher(settings, Purpose.SANDBOX).decrypt(token) == TEXT)
        except InvalidToken:
            found.append(False)
    return found


def test_every_column_of_what_is_encrypted_is_known() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if "sealed" in column.name
    }
    assert columns == {(table.name, column) for table, column in rotation.SEALED.values()}
    assert set(rotation.SEALED) == set(Purpose)


def test_what_is_encrypted_is_encrypted_anew_in_batches(
    own: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 3)
    put_texts(sessions, own, 8)
    with sessions.begin() as session:
        channels.create(
            session,
            channels.cipher(own),
            NewChannel(AlertChannelKind.WEBHOOK, "https://example.org/hook", Language.FRENCH),
        )
    result = rotate("data-secret")
    assert "Encrypted again: 9." in result.stdout
    assert readable_by_the_newest(sessions, own) == [True] * 8
    assert not rotation.is_unfinished(own)
    with sessions() as session:
        acts = [(entry.act, entry.subject) for entry in trail.page(session, AuditFilters(area="secrets"), size=2)]
        assert secret_keys.unfit(session, own) == []
    assert acts == [
        ("secrets.reseal", f"DATA_SECRET {own.secrets('DATA_SECRET')[0].id}"),
        ("secrets.rotate", "DATA_SECRET"),
    ]


def test_a_rotation_that_was_killed_is_told_and_gone_on_with(own: Settings, sessions: Sessions) -> None:
    put_texts(sessions, own, 12)
    path = dict(own.secret_paths)["DATA_SECRET"]
    rotation.begin(path, "DATA_SECRET", timedelta(0))
    with subprocess.Popen([sys.executable, "-c", WAITS], env=dict(os.environ), stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"a batch\n"
        process.kill()
    assert readable_by_the_newest(sessions, own) == [True] * 5 + [False] * 7
    doctor = run("doctor")
    assert "WRONG  secrets   DATA_SECRET: its rotation is not finished" in doctor.output
    newest = own.secrets("DATA_SECRET")[0]
    again = rotate("data-secret")
    assert f"Continuing the rotation to DATA_SECRET {newest.id}." in again.stderr
    assert own.secrets("DATA_SECRET")[0].id == newest.id
    assert "Encrypted again: 7." in again.stdout
    assert readable_by_the_newest(sessions, own) == [True] * 12
    assert "not finished" not in run("doctor").output


def test_texts_of_a_secret_that_is_gone_are_told_and_left(own: Settings, sessions: Sessions) -> None:
    put_texts(sessions, replace(own, data_secret="another secret of at least 32 characters", secret_paths=()), 2)
    before = sealed(sessions)
    result = rotate("data-secret")
    assert "2 were encrypted with a secret that is lost" in result.stderr
    assert sealed(sessions) == before


def test_a_call_that_came_before_a_rotation_is_known_after_it(own: Settings, sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("Shop"))
        session.flush()
        caller = Caller.from_row(key)
        first = idempotency.call(own, caller, "/messages/send", "order 1", {"message": "x"})
        idempotency.keep(session, first, StoredResult.of({"messageId": "m"}))
    rotate("data-secret")
    again = idempotency.call(own, caller, "/messages/send", "order 1", {"message": "x"})
    other = idempotency.call(own, caller, "/messages/send", "order 1", {"message": "y"})
    assert again.token != first.token
    with sessions.begin() as session:
        found = idempotency.find_all(session, [again])
        assert found == {again.token: StoredResult.of({"messageId": "m"})}
        mismatched = idempotency.find_all(session, [other])[other.token]
    assert isinstance(mismatched, idempotency.Mismatch)


@on_sqlite
def test_with_time_to_bring_it_to_other_machines_the_old_one_stays_in_force(own: Settings, tmp_path: Path) -> None:
    before = own.usable_secrets("OTP_SECRET")
    rotate("otp-secret", "--after", "60")
    new = own.secrets("OTP_SECRET")[0]
    assert own.usable_secrets("OTP_SECRET") == (*before, new.value)
    copy, elsewhere = tmp_path / "copy.json", tmp_path / "elsewhere"
    sentence = "quatre chameaux au puits\n"
    assert run("secrets", "export", str(copy), "--passphrase-stdin", typed=sentence).exit_code == 0
    (elsewhere / "secrets").mkdir(parents=True)
    (elsewhere / "secrets" / "otp_secret").write_text(before[0])
    (elsewhere / "secrets" / "data_secret").write_text(own.data_secret)
    for _ in range(2):
        told = run("secrets", "import", str(copy), "--passphrase-stdin", typed=sentence, home=elsewhere)
        assert told.exit_code == 0, told.output
        there = Settings.from_env({"CHINQIT_HOME": str(elsewhere)})
        assert there.usable_secrets("OTP_SECRET") == (*before, new.value)


@on_sqlite
def test_retired_values_leave_the_files(own: Settings) -> None:
    path = dict(own.secret_paths)["OTP_SECRET"]
    long_ago = utcnow() - timedelta(hours=1)
    secret_files.write(
        path, secret_files.text_of([Secret("n" * 20 + "abcdefghijkl", long_ago), Secret(path.read_text())])
    )
    secret_files.read(path)
    rotation.forget_retired(own)
    assert [secret.value for secret in own.secrets("OTP_SECRET")] == ["n" * 20 + "abcdefghijkl"]


def test_the_doctor_tells_how_old_secrets_are(own: Settings) -> None:
    rotate("secret-key")
    output = run("doctor").output
    new = own.secrets("SECRET_KEY")[0]
    assert f"SECRET_KEY {new.id} 0 days old and 1 before it, OTP_SECRET" in output


@on_sqlite
def test_a_secret_of_the_environment_is_changed_there(
    own: Settings, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_texts(sessions, own, 2)
    monkeypatch.setenv("DATA_SECRET", "another secret of at least 32 characters")
    refused = run("secrets", "rotate", "data-secret")
    assert (refused.exit_code, "Set DATA_SECRET_PREVIOUS to its value" in refused.stderr) == (1, True)
    monkeypatch.setenv("DATA_SECRET_PREVIOUS", own.data_secret)
    result = rotate("data-secret")
    assert "Encrypted again: 2." in result.stdout and "Keep DATA_SECRET_PREVIOUS for 24.0 hours" in result.stdout
    assert readable_by_the_newest(sessions, Settings.from_env()) == [True, True]


@on_sqlite
def test_a_folder_that_cannot_be_written_changes_nothing(own: Settings, sessions: Sessions) -> None:
    path = dict(own.secret_paths)["OTP_SECRET"]
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch()
    with sessions() as session:
        head = trail.head(session)
    try:
        result = run("secrets", "rotate", "otp-secret")
    finally:
        draft.unlink(missing_ok=True)
    assert (result.exit_code, f"Cannot write {path}" in result.stderr) == (1, True)
    assert len(own.secrets("OTP_SECRET")) == 1
    with sessions() as session:
        assert trail.head(session) == head
