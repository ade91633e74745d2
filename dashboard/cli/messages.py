"""chinqit sandbox and chinqit messages."""

from __future__ import annotations

import json

import click

from dashboard import db
from dashboard.cli.core import JSON, database, example, fail, main, phone_type, told
from dashboard.db import make_sessions
from dashboard.gateway.messages import status
from dashboard.gateway.sandbox.inbox import Handset
from dashboard.settings import Settings


@main.group("sandbox")
def sandbox_group() -> None:
    """Look at the sandbox phone."""


@sandbox_group.command("inbox", epilog=example("chinqit sandbox inbox 38089336 --json"))
@click.argument("phone_number", metavar="PHONE", callback=phone_type)
@JSON
def sandbox_inbox(phone_number: str, as_json: bool) -> None:
    """Show what PHONE received, oldest first."""
    settings = Settings.from_env()
    texts = Handset(make_sessions(settings.database_url), settings).inbox(phone_number)
    rows = [
        {
            "text": text.text,
            "channel": text.channel,
            "messageId": text.message_uuid,
            "receivedAt": db.iso(text.received_at),
        }
        for text in texts
    ]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['receivedAt']}  {row['channel']}\n{row['text']}\n")
    if not rows:
        told(f"Nothing has arrived on {phone_number} yet.")


@main.group("messages")
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
