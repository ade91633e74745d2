"""chinqit users."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session

from dashboard.cli.core import JSON, choice_of, database, echo_error, example, fail, print_rows, record
from dashboard.db import iso
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import links, passwords, second_factor, user_sessions, users
from dashboard.models.accounts import User
from dashboard.settings import Settings
from dashboard.vocabulary import Role

LAST_OWNER = "Nobody else owns the gateway. Make somebody else an owner first: chinqit users role EMAIL owner"
ROLE = choice_of(reversed(Role))
EMAIL = click.argument("email")


@click.group("users")
def users_group() -> None:
    """Add users of the dashboard, and withdraw their access."""


@users_group.command(
    "create",
    epilog=example('printf %s "$PASSWORD" | chinqit users create nadia@example.mr --role owner --password-stdin'),
)
@EMAIL
@click.option("--role", type=ROLE, required=True)
@click.option("--name", default="", help="The user's name in the dashboard.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
def users_create(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Add a user who signs in with EMAIL."""
    password = (
        sys.stdin.readline().rstrip("\r\n")
        if password_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    )
    try:
        with database() as session:
            organisation = site_settings.read(session).organisation
            user = users.add(session, users.NewPerson(email, role, password, name, organisation))
            record(session, "team.create", user.email)
            click.echo(f"{user.email} is {user.role}.")
    except users.InvalidPerson as error:
        fail(_invalid(email, error))
    except passwords.WeakPassword as error:
        fail(WEAK[error.code])


WEAK = {
    "too_short": f"The password needs at least {passwords.SHORTEST} characters.",
    "too_long": f"The password may have at most {passwords.LONGEST} characters.",
    "too_common": "This password is among the most common ones; choose another.",
    "too_personal": "This password is little more than your name, your address or your organisation's; choose another.",
}


@users_group.command("invite", epilog=example("chinqit users invite nadia@example.mr --role operator"))
@EMAIL
@click.option("--role", type=ROLE, required=True)
def users_invite(email: str, role: str) -> None:
    """Print a link with which EMAIL makes an account, once, for 48 hours. Nothing is sent."""
    try:
        with database() as session:
            token = links.invite(session, email, role, None)
            record(session, "team.invite", users.valid_email(email))
    except users.InvalidPerson as error:
        fail(_invalid(email, error))
    _print_link("join", token)


@users_group.command("reset", epilog=example("chinqit users reset nadia@example.mr"))
@EMAIL
def users_reset(email: str) -> None:
    """Print a link with which EMAIL chooses another password, once, for 48 hours."""
    with _person(email) as (session, user):
        if user.disabled_at is not None:
            fail(f"{user.email} is disabled. First: chinqit users enable {user.email}")
        token = links.reset(session, user, None)
        record(session, "team.reset", user.email)
    _print_link("reset", token)


@users_group.command("disable", epilog=example("chinqit users disable nadia@example.mr"))
@EMAIL
def users_disable(email: str) -> None:
    """Withdraw the access of EMAIL; every session ends at once."""
    with _person(email) as (session, user):
        users.disable(session, user)
        record(session, "team.disable", user.email)
        click.echo(f"{user.email} is disabled.")


@users_group.command("enable", epilog=example("chinqit users enable nadia@example.mr"))
@EMAIL
def users_enable(email: str) -> None:
    """Give EMAIL access again, with the password it had."""
    with _person(email) as (session, user):
        users.enable(session, user)
        record(session, "team.enable", user.email)
        click.echo(f"{user.email} is enabled.")


@users_group.command("unlock", epilog=example("chinqit users unlock nadia@example.mr"))
@EMAIL
def users_unlock(email: str) -> None:
    """Let EMAIL sign in again after too many wrong passwords."""
    with _person(email) as (session, user):
        user_sessions.unlock(session, user)
        record(session, "team.unlock", user.email)
        click.echo(f"{user.email} is unlocked.")


@users_group.command("reset-2fa", epilog=example("chinqit users reset-2fa nadia@example.mr"))
@EMAIL
def users_reset_second_factor(email: str) -> None:
    """Let EMAIL sign in with the password alone, when phone and recovery codes are lost; every session ends."""
    with _person(email) as (session, user):
        if not second_factor.is_on(user):
            fail(f"{user.email} has no second factor.")
        second_factor.reset(session, user)
        record(session, "team.reset_second_factor", user.email)
        click.echo(f"{user.email} signs in with the password alone.")


@users_group.command("role", epilog=example("chinqit users role nadia@example.mr operator"))
@EMAIL
@click.argument("role", type=ROLE)
def users_role(email: str, role: str) -> None:
    """Give EMAIL another role: owner, operator, desk or viewer."""
    with _person(email) as (session, user):
        before = user.role
        users.change_role(session, user, role)
        record(session, "team.role", user.email, role=(before, role))
        click.echo(f"{user.email} is {user.role}.")


@users_group.command("list", epilog=example("chinqit users list"))
@JSON
def users_list(as_json: bool) -> None:
    """List all users."""
    with database() as session:
        rows = [
            {
                "email": user.email,
                "role": user.role,
                "name": user.name,
                "state": "disabled" if user.disabled_at else "active",
                "seen_at": iso(user.seen_at),
            }
            for user in users.listed(session)
        ]
    print_rows(rows, as_json, "No user yet. Add one: chinqit users create EMAIL --role owner")


@contextmanager
def _person(email: str) -> Iterator[tuple[Session, User]]:
    """Somebody, in a transaction that commits at the end; fail for an unknown address and for the last owner."""
    with database() as session:
        user = users.find(session, email)
        if user is None:
            fail(f"Nobody signs in with {email}. All there are: chinqit users list")
        try:
            yield session, user
        except users.LastOwner:
            fail(LAST_OWNER)


def _invalid(email: str, error: users.InvalidPerson) -> str:
    if error.code == "invalid":
        return f"{email} is not an e-mail address."
    return f"{email} is a user already."


def _print_link(kind: str, token: str) -> None:
    click.echo(f"{Settings.from_env().address}/dashboard/{kind}/{token}")
    echo_error("Hand the link over yourself: nothing is sent. The link works once, for 48 hours.")
