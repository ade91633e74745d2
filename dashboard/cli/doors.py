"""chinqit doors."""

from __future__ import annotations

import json
from typing import Any

import click
from sqlalchemy.orm import Session

from dashboard.cli.api_keys import key_argument
from dashboard.cli.core import JSON, choice_of, echo_error, example, fail, print_rows, record
from dashboard.db import iso
from dashboard.gateway.api_keys import keys
from dashboard.gateway.doors import doors
from dashboard.models.api_keys import ApiKey
from dashboard.settings import Settings
from dashboard.vocabulary import COMMAND_LINE, Dialect, KeyState, Scope

DIALECT = click.argument("dialect", type=choice_of(Dialect))
ABOUT = {
    Dialect.SUPABASE: "Enter both in Supabase under Authentication, Hooks, Send SMS. The secret is not shown again.",
    Dialect.CHINGUISOFT: "Calls bear the API key in the header Validation-token. The answer tells the code to who "
    "calls: whoever has this key and this address reads each code, and must judge it on a server.",
}


@click.group("doors")
def doors_group() -> None:
    """Addresses where a key takes calls that were written for another service. All are closed until you open them."""


@doors_group.command("list", epilog=example("chinqit doors list my-app"))
@key_argument
@JSON
def doors_list(session: Session, key: ApiKey, as_json: bool) -> None:
    """List the open doors of KEY."""
    rows = [
        {
            "dialect": door.dialect,
            "address": _address(doors.address(door)),
            "openedAt": iso(door.opened_at),
            "openedBy": door.opened_by,
        }
        for door in doors.of_key(session, key)
    ]
    print_rows(rows, as_json, "No door is open. Open one: chinqit doors open KEY supabase")


@doors_group.command("open", epilog=example("chinqit doors open my-app supabase"))
@key_argument
@DIALECT
@JSON
def doors_open(session: Session, key: ApiKey, dialect: str, as_json: bool) -> None:
    """Let KEY take calls of DIALECT, from the next one on. Its limits, caps and budgets hold for them."""
    if keys.state(key) is not KeyState.ACTIVE:
        fail(f"{key.name} is {keys.state(key)}; use another key.")
    if Scope.OTP not in key.scopes:
        fail(f"{key.name} may not send codes: it lacks the scope otp.")
    try:
        cipher = doors.cipher(Settings.from_env())
        door, secret = doors.open_door(session, cipher, key, Dialect(dialect), COMMAND_LINE)
    except doors.AlreadyOpen:
        fail("This door is open. For a new secret, close it and open it again.")
    record(session, "doors.open", key.name, dialect=(None, dialect))
    told: dict[str, Any] = {"address": _address(doors.address(door))} | ({"secret": secret} if secret else {})
    click.echo(json.dumps(told) if as_json else "\n".join(told.values()))
    echo_error(ABOUT[Dialect(dialect)])


@doors_group.command("close", epilog=example("chinqit doors close my-app supabase"))
@key_argument
@DIALECT
def doors_close(session: Session, key: ApiKey, dialect: str) -> None:
    """Take no calls of DIALECT any more, from the next one on. Its address and secret are good for nothing then."""
    if not doors.close(session, key, Dialect(dialect), COMMAND_LINE):
        fail("This door is not open.")
    record(session, "doors.close", key.name, dialect=(dialect, None))


def _address(path: str) -> str:
    return f"{Settings.from_env().address}{path}"
