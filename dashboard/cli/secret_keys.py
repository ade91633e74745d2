"""chinqit secrets: new ones in the place of old ones, a sealed copy of them, and whether they fit the database."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import click

from dashboard import secret_files
from dashboard.cli.core import SECRETS_ADVICE, database, echo_error, example, fail, record
from dashboard.db import iso, make_sessions, utcnow
from dashboard.gateway.maintenance import rotation, secret_keys
from dashboard.secret_files import Secret
from dashboard.settings import SECRETS, Settings, home_from_env, prepare_folder, secrets_from_env

PASSPHRASE = click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")
KINDS = {name.lower().replace("_", "-"): name for name in SECRETS}
LONGEST_WAIT = 7 * 24 * 60  # minutes
FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))


@click.group("secrets")
def secrets_group() -> None:
    """Rotate the secrets, copy them to a safe place, and put them back."""


@secrets_group.command("export", epilog=example("chinqit secrets export chinqit-secrets.json"))
@FILE
@PASSPHRASE
def export(path: Path, passphrase_stdin: bool) -> None:
    """Write the three secrets to FILE, encrypted with a passphrase. Keep it apart from the backups of the database."""
    settings = Settings.from_env()
    passphrase = _passphrase(passphrase_stdin, confirm=True)
    if len(passphrase) < secret_keys.SHORTEST_PASSPHRASE:
        fail(f"The passphrase needs at least {secret_keys.SHORTEST_PASSPHRASE} characters; a sentence is best.")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"Cannot write {path}: {error.strerror}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(secret_keys.sealed(settings, passphrase))
    click.echo(path)


@secrets_group.command("import", epilog=example("chinqit secrets import chinqit-secrets.json"))
@FILE
@PASSPHRASE
def import_(path: Path, passphrase_stdin: bool) -> None:
    """Put the secrets of FILE into the home folder. One that FILE does not hold is never overwritten."""
    home = home_from_env()
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        fail(f"Cannot read {path}: {getattr(error, 'strerror', None) or 'it is not text'}.")
    try:
        values = secret_keys.opened(text, _passphrase(passphrase_stdin, confirm=False))
    except secret_keys.WrongPassphrase:
        fail(f"The passphrase does not open {path}.")
    folder = prepare_folder(home)
    for name in SECRETS:
        own = folder / name.lower()
        if own.exists():
            merged = secret_keys.merged(own.read_text(), values[name])
            if merged is None:
                fail(f"There is another {own}. Move it away first: mv {own} {own}.old")
            values[name] = merged
    for name in SECRETS:
        own = folder / name.lower()
        if not own.exists() or own.read_text().strip() != values[name].strip():
            secret_files.write(own, values[name])
    click.echo(f"The secrets are in {folder}.")
    for name in secrets_from_env():
        echo_error(f"{name} is set in the environment and comes before the one in {folder}.")


@secrets_group.command("accept", epilog=example("chinqit secrets accept"))
def accept() -> None:
    """Take the present secrets as those of the database from now on, after one was changed on purpose or lost."""
    settings = Settings.from_env()
    with database() as session:
        wrong = secret_keys.unfit(session, settings)
        secret_keys.accept(session, settings)
        if wrong:
            record(session, "secrets.accept", " ".join(wrong))
    click.echo(f"Accepted: {', '.join(wrong)}." if wrong else "They fit the database already.")


@secrets_group.command("rotate", epilog=example("chinqit secrets rotate otp-secret"))
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option(
    "--after",
    "minutes",
    type=click.IntRange(0, LONGEST_WAIT),
    default=0,
    help="Minutes until the new secret is in force.",
)
def rotate(kind: str, minutes: int) -> None:
    """Put a new secret in force, and encrypt again what the old one encrypted. Running processes need no restart.

    What was made with the old one stays valid: codes for ten minutes, sessions for twelve hours, calls with an
    Idempotency-Key for a day. With --after there is time to bring the new one to other machines: chinqit secrets
    export, and import there. A rotation that was interrupted is continued.
    """
    settings, name = Settings.from_env(), KINDS[kind]
    path = dict(settings.secret_paths).get(name)
    if path is None:
        _rotate_given(settings, name)
        return
    newest = settings.secrets(name)[0]
    if newest.is_resealed:
        newest = _begin(path, name, timedelta(minutes=minutes))
    else:
        echo_error(f"Continuing the rotation to {name} {newest.id}.")
    if newest.is_resealed:
        return
    wait = newest.since - utcnow() + rotation.SETTLE if newest.since else timedelta(0)
    if wait > timedelta(minutes=1):
        click.echo("Once it is in force, run this again: it encrypts again what the old one encrypted.")
        return
    time.sleep(max(0.0, wait.total_seconds()))
    _reseal(settings, newest)
    try:
        rotation.finish(path)
    except (OSError, ValueError) as error:
        fail(f"Cannot write {path}: {error}.")


def _begin(path: Path, name: str, in_force_after: timedelta) -> Secret:
    """Write a new secret, and what the database and the audit log know of it."""
    with database() as session:
        try:
            before, new = rotation.begin(path, name, in_force_after)
        except (OSError, ValueError) as error:
            fail(f"Cannot write {path}: {error}.")
        secret_keys.accept(session, Settings.from_env())
        record(session, "secrets.rotate", name, id=(before.id, new.id))
    click.echo(f"{name} {new.id} is in force from {iso(new.since)}; {before.id} is no longer used after it.")
    return new


def _rotate_given(settings: Settings, name: str) -> None:
    """The environment holds it: people change it there. What it encrypted is encrypted anew here."""
    if not getattr(settings, f"{name.lower()}_previous"):
        fail(
            f"{name} is set in the environment. Set {name}_PREVIOUS to its value and {name} to a new one there "
            f"(openssl rand -base64 36), restart all processes, and run this again."
        )
    if name == "DATA_SECRET":
        _reseal(settings, settings.secrets(name)[0])
    click.echo(f"Keep {name}_PREVIOUS for {round(SECRETS[name] / timedelta(hours=1), 1)} hours, then remove it.")


def _reseal(settings: Settings, newest: Secret) -> None:
    sessions = make_sessions(settings.database_url)
    try:
        resealed = rotation.reseal(sessions, settings)
    finally:
        sessions.kw["bind"].dispose()
    with database() as session:
        record(session, "secrets.reseal", f"DATA_SECRET {newest.id}", rows=(None, resealed.done))
    click.echo(f"Encrypted again: {resealed.done}.")
    if resealed.unreadable:
        echo_error(f"{resealed.unreadable} were encrypted with a secret that is lost; they stay as they are.")


def check(settings: Settings) -> None:
    """Say on stderr when a secret is not the one with which the database was written; else note it."""
    with database() as session:
        wrong = secret_keys.unfit(session, settings)
        if not wrong:
            secret_keys.accept(session, settings)
    for name in wrong:
        echo_error(f"WARNING: {name} is not the one this database was written with. {SECRETS_ADVICE}")


def _passphrase(from_stdin: bool, *, confirm: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True))
