"""chinqit webhooks."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from dashboard.cli.core import JSON, choice_of, database, example, fail, print_rows, record
from dashboard.db import iso
from dashboard.gateway.webhooks import endpoints
from dashboard.gateway.webhooks.endpoints import EndpointNotFound
from dashboard.vocabulary import Envelope


@click.group("webhooks")
def webhooks_group() -> None:
    """Endpoints that are told of events. They are created and removed in the dashboard or by the API."""


@webhooks_group.command("list", epilog=example("chinqit webhooks list --json"))
@JSON
def webhooks_list(as_json: bool) -> None:
    """List all endpoints, those in trouble first. Of their addresses the host alone is shown."""
    with database() as session:
        rows = [
            {
                "id": endpoint.id,
                "key": endpoint.key.name,
                "host": urlsplit(endpoint.url).netloc,
                "state": endpoints.state(endpoint),
                "envelope": endpoint.envelope,
                "events": endpoint.events,
                "lastAttemptAt": iso(endpoint.last_at),
            }
            for endpoint in endpoints.listed(session)
        ]
    print_rows(rows, as_json, "No webhook.")


@webhooks_group.command("envelope", epilog=example("chinqit webhooks envelope 6f0c3c7e-0d9e-4d3b-8b42-5f1e3f1a9a77 v2"))
@click.argument("webhook_id")
@click.argument("envelope", type=choice_of(Envelope))
def webhooks_envelope(webhook_id: str, envelope: str) -> None:
    """Wrap the events of WEBHOOK_ID as Standard Webhooks does, or as /api/v2 of the hosted service does.

    It holds from the next call on, also for events that wait.
    """
    with database() as session:
        try:
            endpoint = endpoints.find(session, webhook_id.lower())
        except EndpointNotFound:
            fail(f"No webhook has the id {webhook_id!r}; `chinqit webhooks list` shows ids.")
        endpoint.envelope = envelope
        record(session, "webhooks.change", endpoint.id)
