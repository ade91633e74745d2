"""chinqit messages."""

from __future__ import annotations

import json

import click

from dashboard.cli.core import JSON, database, example, fail
from dashboard.gateway.messages import status


@click.group("messages")
def messages_group() -> None:
    """Follow messages."""


@messages_group.command("show", epilog=example("chinqit messages show 550e8400-e29b-41d4-a716-446655440000 --json"))
@click.argument("message_id", metavar="ID")
@JSON
def messages_show(message_id: str, as_json: bool) -> None:
    """Show what became of the message ID. Never its text."""
    with database() as session:
        message = status.find(session, message_id.lower())
        if message is None:
            fail(f"There is no message {message_id}.")
        described = status.described(message)
    if as_json:
        click.echo(json.dumps(described))
        return
    for name, value in described.items():
        if name == "statusHistory":
            for step in value:
                click.echo(f"  {step['at']}  {step['status']}")
        elif value is not None:
            click.echo(f"{name:<13} {value}")
