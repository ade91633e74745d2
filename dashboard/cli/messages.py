"""chinqit messages."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from dashboard.cli.core import (
    JSON,
    choice_of,
    command_actor,
    database,
    example,
    fail,
    print_rows,
    recipient_type,
    record,
)
from dashboard.db import iso, utcnow
from dashboard.gateway.message_log import search
from dashboard.gateway.message_log.search import Filters, Sought
from dashboard.gateway.messages import cancel, resend, status
from dashboard.gateway.messages.resend import Obstacle
from dashboard.settings import Settings
from dashboard.sms import numbers
from dashboard.vocabulary import Channel, Kind, Lane, Status
from dashboard.wakeup import Wakeup

MOST_LISTED = 200
OBSTACLES = {
    Obstacle.CODE: "a code is never sent again",
    Obstacle.TRIAL: "it tested a carrier",
    Obstacle.ON_ITS_WAY: "it is being sent",
    Obstacle.TEXT_GONE: "its text is no longer kept",
    Obstacle.KEY_ENDED: "its key was revoked or has expired",
    Obstacle.DONE: "somebody sent it again just now",
    Obstacle.OPTED_OUT: "its number opted out of texts",
    Obstacle.CAP: "its key has reached the cap of the day",
    Obstacle.BUDGET: "it would cost more than a budget has left",
}


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
@click.option("--number", callback=recipient_type, help="Of one number or e-mail address.")
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
                "number": numbers.masked(row.phone),
                "status": row.status,
                "error": row.error_code,
                "carrier": row.carrier,
            }
            for row in search.page(session, filters, limit=limit)
        ]
    print_rows(rows, as_json, "No message fits.")


@messages_group.command("cancel", epilog=example("chinqit messages cancel 550e8400-e29b-41d4-a716-446655440000"))
@click.argument("message_ids", metavar="ID...", nargs=-1, required=True)
def messages_cancel(message_ids: tuple[str, ...]) -> None:
    """Cancel texts that still wait: they end as `expired`. Codes, and texts that a worker is sending, stay."""
    with database() as session:
        done = cancel.cancel(session, [message_id.lower() for message_id in message_ids])
        for message_id in done.uuids:
            record(session, "messages.cancel", message_id)
    if done.has_events:
        Wakeup(Settings.from_env().redis_url).notify_again(Lane.WEBHOOKS, 1)
    for message_id in done.uuids:
        click.echo(message_id)
    if len(done.uuids) < len(set(message_ids)):
        fail(f"{len(set(message_ids)) - len(done.uuids)} not cancelled: they are no texts that wait.")


@messages_group.command("resend", epilog=example("chinqit messages resend 550e8400-e29b-41d4-a716-446655440000"))
@click.argument("message_ids", metavar="ID...", nargs=-1, required=True)
def messages_resend(message_ids: tuple[str, ...]) -> None:
    """Send texts again as new messages; print their ids. Codes are never sent again."""
    with database() as session:
        found = {message_id: status.find(session, message_id.lower()) for message_id in message_ids}
        ids = [message.id for message in found.values() if message is not None]
        times = resend.times(session, ids)
        done = resend.resend(session, {row_id: times[row_id] for row_id in ids}, command_actor().name)
        for old in done.new:
            record(session, "messages.send_again", old)
    wakeup = Wakeup(Settings.from_env().redis_url)
    for lane in done.lanes:
        wakeup.notify_again(lane, 1)
    for new in done.new.values():
        click.echo(new)
    refused = {message_id: "no such message" for message_id, message in found.items() if message is None}
    refused |= {message_id: OBSTACLES[why] for message_id, why in done.refused.items()}
    if refused:
        fail("\n".join(f"{message_id}: {why}" for message_id, why in refused.items()))


@messages_group.command("show", epilog=example("chinqit messages show 550e8400-e29b-41d4-a716-446655440000 --json"))
@click.argument("message_id", metavar="ID")
@JSON
def messages_show(message_id: str, as_json: bool) -> None:
    """Show what became of the message ID. Never its text."""
    with database() as session:
        message = status.find(session, message_id.lower())
        if message is None:
            fail(f"There is no message {message_id}.")
        described = status.described(message, status.steps_of(session, [message]).get(message.id, ()))
    if as_json:
        click.echo(json.dumps(described))
        return
    for name, value in described.items():
        if name == "statusHistory":
            for step in value:
                click.echo(f"  {step['at']}  {step['status']}")
        elif value is not None:
            click.echo(f"{name:<13} {value}")
