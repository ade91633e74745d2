"""chinqit secrets: a sealed copy of them, and whether they fit the database."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from dashboard.cli.core import SECRETS_ADVICE, database, echo_error, example, fail
from dashboard.gateway.maintenance import secret_keys
from dashboard.settings import SECRETS, Settings, home_from_env, prepare_folder, secrets_from_env, write_secret

PASSPHRASE = click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")
FILE = click.argument("path", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))


@click.group("secrets")
def secrets_group() -> None:
    """Copy the secrets to a safe place, and put them back."""


@secrets_group.command("export", epilog=example("chinqit secrets export chinqit-secrets.json"))
@FILE
@PASSPHRASE
def export(path: Path, passphrase_stdin: bool) -> None:
    """Write the three secrets to FILE, sealed with a passphrase. Keep it apart from the backups of the database."""
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
    """Put the secrets of FILE into the home folder. Secrets that are there are not overwritten."""
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
        if own.exists() and own.read_text().strip() != values[name]:
            fail(f"There is another {own}. Move it away first: mv {own} {own}.old")
    for name in SECRETS:
        if not (folder / name.lower()).exists():
            write_secret(folder / name.lower(), values[name])
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
    click.echo(f"Accepted: {', '.join(wrong)}." if wrong else "They fit the database already.")


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
