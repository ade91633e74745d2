"""chinqit sandbox."""

from __future__ import annotations

import json

import click

from dashboard import db
from dashboard.cli.core import JSON, echo_error, example, recipient_type
from dashboard.db import make_sessions
from dashboard.gateway.sandbox.inbox import SandboxInbox
from dashboard.settings import Settings


@click.group("sandbox")
def sandbox_group() -> None:
    """Look at the sandbox phone."""


@sandbox_group.command("inbox", epilog=example("chinqit sandbox inbox 38089336 --json"))
@click.argument("phone_number", metavar="PHONE", callback=recipient_type)
@JSON
def sandbox_inbox(phone_number: str, as_json: bool) -> None:
    """Show what PHONE received, oldest first."""
    settings = Settings.from_env()
    texts = SandboxInbox(make_sessions(settings.database_url), settings).inbox(phone_number)
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
        echo_error(f"Nothing has arrived on {phone_number} yet.")
