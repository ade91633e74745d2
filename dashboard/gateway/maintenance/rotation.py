"""Rotation of the installation's secrets, while the gateway runs.

A new value is written beside the ones before and comes in force a moment later, when every running process has read it:
from then on it makes codes, signatures and cipher texts, and those before only read. What DATA_SECRET encrypted is
encrypted anew, in batches; a rotation that was broken off is gone on with.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import LargeBinary, Table, bindparam, select, update

from dashboard import secret_files
from dashboard.db import Sessions, core_table, read_session, utcnow
from dashboard.gateway import encryption
from dashboard.gateway.encryption import Purpose
from dashboard.models.accounts import User
from dashboard.models.alerts import AlertChannel
from dashboard.models.carriers import Carrier
from dashboard.models.doors import Door
from dashboard.models.otp import ReviewNumber
from dashboard.models.sandbox import SandboxMessage
from dashboard.models.webhooks import WebhookSecret
from dashboard.secret_files import Secret
from dashboard.settings import SECRETS, Settings

IN_FORCE_AFTER = timedelta(seconds=3)  # secret_files.FOLLOW_SECONDS, with room for a slow machine
SETTLE = timedelta(seconds=5)  # then nothing that the secret before encrypted is still on its way into the database
BATCH = 500  # rows in a transaction, so that no other writer waits for long
BYTES = 48
SEALED: Mapping[Purpose, tuple[Table, str]] = {  # where what is encrypted lies: table and column
    Purpose.CARRIER_SETTINGS: (core_table(Carrier), "sealed"),
    Purpose.SANDBOX: (core_table(SandboxMessage), "sealed"),
    Purpose.REVIEW_NUMBERS: (core_table(ReviewNumber), "sealed"),
    Purpose.WEBHOOK_SECRETS: (core_table(WebhookSecret), "sealed"),
    Purpose.DOOR_SECRETS: (core_table(Door), "sealed"),
    Purpose.ALERT_CHANNELS: (core_table(AlertChannel), "sealed"),
    Purpose.SECOND_FACTOR: (core_table(User), "totp_sealed"),
}


@dataclass
class Resealed:
    """How many values were encrypted anew, and how many no usable secret decrypts."""

    done: int = 0
    unreadable: int = 0


def begin(path: Path, name: str, in_force_after: timedelta) -> tuple[Secret, Secret]:
    """Write a new value, without retired ones; return the one before and the new one. Raise OSError or ValueError."""
    now = utcnow()
    with _locked(path):
        known = secret_files.read(path)
        new = Secret(secrets.token_urlsafe(BYTES), now + max(in_force_after, IN_FORCE_AFTER), name != "DATA_SECRET")
        _write(path, [new, *secret_files.without_retired(known, SECRETS[name], now)])
    return known[0], new


def finish(path: Path) -> None:
    """Note that nothing is encrypted any more with the values before the newest. Raise OSError or ValueError."""
    with _locked(path):
        newest, *before = secret_files.read(path)
        _write(path, [Secret(newest.value, newest.since), *before])


def is_unfinished(settings: Settings) -> bool:
    """Whether rows may still be encrypted with a DATA_SECRET before the newest."""
    return not settings.secrets("DATA_SECRET")[0].is_resealed


def forget_retired(settings: Settings) -> None:
    """Take values that are good for nothing any more out of the files that this user may write."""
    for name, path in settings.secret_paths:
        with suppress(OSError, ValueError), _locked(path):
            known = secret_files.read(path)
            kept = secret_files.without_retired(known, SECRETS[name], utcnow())
            if len(kept) < len(known):
                _write(path, kept)


def reseal(sessions: Sessions, settings: Settings) -> Resealed:
    """Encrypt anew what an earlier DATA_SECRET encrypted. Commits batch by batch: what is done stays done."""
    result = Resealed()
    for purpose, (table, column) in SEALED.items():
        ciphers = encryption.cipher(settings, purpose), encryption.newest_cipher(settings, purpose)
        last_id = 0
        while rows := _next(sessions, table, column, last_id):
            changed = [change for row_id, sealed in rows if (change := _change(ciphers, row_id, sealed, result))]
            if changed:
                _update(sessions, table, column, changed)
            last_id = rows[-1][0]
    return result


def _next(sessions: Sessions, table: Table, column: str, last_id: int) -> list[tuple[int, bytes]]:
    wanted = select(table.c.id, table.c[column]).where(table.c.id > last_id, table.c[column].is_not(None))
    with read_session(sessions) as session:
        return [(row[0], row[1]) for row in session.execute(wanted.order_by(table.c.id).limit(BATCH))]


def _change(
    ciphers: tuple[MultiFernet, MultiFernet], row_id: int, sealed: bytes, result: Resealed
) -> dict[str, int | bytes] | None:
    """What `_update` is to do with a row; None: nothing. Counts it in `result`."""
    usable, newest = ciphers
    try:
        newest.decrypt(sealed)
    except InvalidToken:
        try:
            again = usable.rotate(sealed)
        except InvalidToken:
            result.unreadable += 1
            return None
        result.done += 1
        return {"row_id": row_id, "before": sealed, "after": again}
    return None


def _update(sessions: Sessions, table: Table, column: str, changed: list[dict[str, int | bytes]]) -> None:
    """What somebody has changed meanwhile is encrypted with the newest already: it stays."""
    is_same = (table.c.id == bindparam("row_id"), table.c[column] == bindparam("before", type_=LargeBinary))
    statement = update(table).where(*is_same).values({column: bindparam("after", type_=LargeBinary)})
    with sessions.begin() as session:
        session.connection().execute(statement, changed)


def _write(path: Path, values: list[Secret]) -> None:
    secret_files.write(path, secret_files.text_of(values))
    secret_files.read(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold off others who rewrite a secret of this folder."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
