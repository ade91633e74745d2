"""chinqit messages."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from dashboard.cli.core import JSON, choice_of, database, example, fail, phone_type, print_rows
from dashboard.db import iso, utcnow
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters, Sought
from dashboard.gateway.messages import status
from dashboard.vocabulary import Channel, Kind, Status

MOST_LISTED = 200


@click.group("messages")
def messages_group() -> None:
    """Follow messages."""


@messages_group.command(
    "list",
    epilog=example("chinqit messages list --status failed --since 2", "chinqit messages list --number 38089336 --json"),
)
@click.option("--status", "chosen", type=choice_of(Status))
@click.option("--kind", type=choice_of(Kind))
@click.option("--channel", type=choice_of(Channel))
@click.option("--number", callback=phone_type, help="Of one number.")
@click.option("--since", type=click.FloatRange(0), metavar="HOURS", help="Accepted within so many hours.")
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=20, help="How many, the newest first.")
@JSON
def messages_list(
    chosen: str | None,
    kind: str | None,
    channel: str | None,
    number: str | None,
    since: float | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages, the newest first. Never their texts; numbers are cut."""
    filters = Filters(
        status=chosen,
        kind=kind,
        channel=channel,
        sought=Sought(phone=number) if number else Sought(),
        since=utcnow() - timedelta(hours=since) if since is not None else None,
    )
    with database() as session:
        rows = [
            {
                "id": row.uuid,
                "at": iso(row.created_at),
                "kind": row.kind,
                "channel": row.channel,
                "number": f"{row.phone[:6]}••••{row.phone[-2:]}",
                "status": row.status,
                "error": row.error_code,
                "carrier": row.carrier,
            }
            for row in search.page(session, filters, limit=limit)
        ]
    print_rows(rows, as_json, "No message fits.")


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
