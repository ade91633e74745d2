"""chinqit run, init, worker, relay and setup-link."""

from __future__ import annotations

import os
import shlex
import sys

import click

from dashboard import supervisor
from dashboard.cli import migrate, secret_keys
from dashboard.cli.core import choice_of, database, echo_error, example, fail, record
from dashboard.gateway.accounts import users
from dashboard.settings import Settings, home_from_env, prepare_home
from dashboard.vocabulary import Lane

BANNER = """
  Chinqit Gateway serves at   {address}
{setup}
  Make an API key             {command} keys create my-app
  Try it                      curl {address}/messages/send -H 'X-API-Key: KEY' \\
                                -H 'Content-Type: application/json' \\
                                -d '{{"phoneNumber": "22999900", "message": "Bonjour"}}'
  See it on the sandbox phone {command} sandbox inbox 22999900
  Read on                     {address}/docs/

  Ctrl-C ends it.
"""
SETUP = "  Set up (once, 30 minutes)   {address}/dashboard/setup/{token}"


@click.command(epilog=example("PORT=8080 chinqit run"))
def run() -> None:
    """Run the gateway: web, workers, relay and, unless REDIS_URL is set, a Valkey of its own."""
    home = home_from_env()
    is_new = not (home / "secrets").exists()
    prepare_home(home)
    if is_new:
        echo_error(f"Prepared {home}")
    settings = Settings.from_env()
    parts = supervisor.Supervisor(settings)
    parts.reserve()
    migrate.upgrade_if_needed(settings, echo_error)
    secret_keys.check(settings)
    token = _setup_token()
    sys.exit(parts.run(lambda: click.echo(_banner(settings, token))))


@click.command(epilog=example("chinqit restart", "SMS_WORKERS=4 chinqit restart"))
def restart() -> None:
    """Restart `chinqit run` with the code on the disk and the settings of this command. No request is refused."""
    supervisor.restart(Settings.from_env())
    click.echo("The gateway runs with the present code and settings.")


@click.command(epilog=example("chinqit init"))
def init() -> None:
    """Make the home folder, its secrets and the database; a second run changes nothing."""
    prepare_home(home_from_env())
    settings = Settings.from_env()
    migrate.upgrade_if_needed(settings, echo_error)
    secret_keys.check(settings)
    click.echo(f"Ready in {home_from_env()}")


@click.command(epilog=example("chinqit worker sms"))
@click.argument("lane", type=choice_of(Lane))
def worker(lane: str) -> None:
    """Send the messages of one LANE, until ended."""
    os.execv(sys.executable, [*supervisor.MODULE, "jobs.worker", lane])  # noqa: S606


@click.command(epilog=example("chinqit relay"))
def relay() -> None:
    """Wake workers for messages that wait, every second, until ended."""
    os.execv(sys.executable, [*supervisor.MODULE, "jobs.relay"])  # noqa: S606


@click.command("setup-link", epilog=example("chinqit setup-link"))
def setup_link() -> None:
    """Print a new one-time link for the first user, the owner."""
    settings = Settings.from_env()
    with database() as session:
        if users.any_exist(session):
            fail("There is a user already. Make another with: chinqit users create EMAIL --role owner")
        token = users.make_setup_link(session)
        record(session, "sign_in.setup_link")
    click.echo(f"{settings.address}/dashboard/setup/{token}")


def _setup_token() -> str | None:
    """A fresh set-up token, or None when there is an administrator."""
    with database() as session:
        return None if users.any_exist(session) else users.make_setup_link(session)


def _banner(settings: Settings, token: str | None) -> str:
    setup = (
        SETUP.format(address=settings.address, token=token)
        if token
        else f"  Dashboard                   {settings.address}/dashboard/"
    )
    return BANNER.format(address=settings.address, setup=setup, command=_command(settings))


def _command(settings: Settings) -> str:
    """How this user calls `chinqit` for this home."""
    own = os.path.relpath(os.path.join(os.path.dirname(sys.executable), "chinqit"))  # noqa: PTH118, PTH120
    usual = {"CHINQIT_HOME": home_from_env({}), "HOST": "127.0.0.1", "PORT": 8000, "PUBLIC_URL": ""}
    asked = {name: getattr(settings, name.lower()) for name in usual}
    other = [f"{name}={shlex.quote(str(value))}" for name, value in asked.items() if value != usual[name]]
    return " ".join([*other, own])
