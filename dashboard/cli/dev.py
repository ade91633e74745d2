"""chinqit dev."""

from __future__ import annotations

import time

import click

from dashboard.cli.core import database, echo_error, example, fail
from dashboard.db import make_sessions
from dashboard.dev import seed
from dashboard.dev.clients import generate
from dashboard.gateway.otp.codes import Keyring
from dashboard.settings import Settings


@click.group("dev")
def dev_group() -> None:
    """Commands for developers of the gateway."""


@dev_group.command("seed", epilog=example("chinqit dev seed --messages 10000 --days 30"))
@click.option("--messages", type=click.IntRange(1, 20_000_000), required=True, help="How many.")
@click.option(
    "--days", type=click.IntRange(1, 90), default=30, show_default=True, help="Over how many days, up to now."
)
@click.option("--yes", is_flag=True, help="Also where real messages are.")
def dev_seed(messages: int, days: int, yes: bool) -> None:
    """Fill the database with made-up messages and codes. Nothing of it is sent."""
    with database() as session:
        if not yes and seed.real_messages(session):
            fail("This database holds real messages, which made-up ones would mix with. If you want that: --yes")
    settings, began = Settings.from_env(), time.monotonic()
    sessions = make_sessions(settings.database_url)
    seed.seed(sessions, Keyring.of(settings), messages, days, _tell_of(messages))
    click.echo(f"{messages:,} messages over {days} days, in {time.monotonic() - began:.0f} s.")


@dev_group.command("clients", epilog=example("chinqit dev clients"))
def dev_clients() -> None:
    """Write the client libraries again, from openapi.json; for people who change the API."""
    for path in generate.write():
        click.echo(path)


def _tell_of(messages: int) -> seed.Tell:
    def tell(done: int) -> None:
        if done % 100_000 == 0 and done < messages:
            echo_error(f"{done:,} of {messages:,} ...")

    return tell
