"""chinqit users."""

from __future__ import annotations

import sys

import click

from dashboard.cli.core import JSON, choice_of, database, example, fail, print_rows
from dashboard.gateway.accounts import passwords, users
from dashboard.vocabulary import Role


@click.group("users")
def users_group() -> None:
    """Make and list administrators."""


@users_group.command(
    "create",
    epilog=example('printf %s "$PASSWORD" | chinqit users create nadia@example.mr --role owner --password-stdin'),
)
@click.argument("email")
@click.option("--role", type=choice_of(reversed(Role)), required=True)
@click.option("--name", default="", help="How the dashboard calls them.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def users_create(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Make an administrator who signs in with EMAIL."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    try:
        with database() as session:
            user = users.add(session, users.NewPerson(email, role, password, name))
            click.echo(f"{user.email} is {user.role}.")
    except users.InvalidPerson as error:
        fail(
            f"{email} is not an e-mail address." if error.code == "invalid" else f"{email} is an administrator already."
        )
    except passwords.WeakPassword as error:
        fail(WEAK[error.code])


WEAK = {
    "too_short": f"The password needs at least {passwords.SHORTEST} characters.",
    "too_long": f"The password may have at most {passwords.LONGEST} characters.",
    "too_common": "This password is among the most common ones; choose another.",
}


@users_group.command("list", epilog=example("chinqit users list"))
@JSON
def users_list(as_json: bool) -> None:
    """List all administrators."""
    with database() as session:
        rows = [{"email": user.email, "role": user.role, "name": user.name} for user in users.listed(session)]
    print_rows(rows, as_json, "No administrator yet. Make one: chinqit users create EMAIL --role owner")
