"""chinqit incoming."""

from __future__ import annotations

import click

from dashboard.cli.core import JSON, database, example, phone_type, print_rows
from dashboard.db import iso
from dashboard.gateway.inbound import inbox, keywords
from dashboard.sms import numbers

MOST_LISTED = 200


@click.group("incoming")
def incoming_group() -> None:
    """Follow texts that phones send."""


@incoming_group.command(
    "list", epilog=example("chinqit incoming list --limit 5", "chinqit incoming list --number 38089336 --json")
)
@click.option("--number", callback=phone_type, help="From one number.")
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=20, help="How many, the newest first.")
@JSON
def incoming_list(number: str | None, limit: int, as_json: bool) -> None:
    """List texts received, the newest first. Never their words; numbers are cut."""
    with database() as session:
        rows = [
            {
                "id": row.uuid,
                "at": iso(row.received_at),
                "number": numbers.masked(row.sender) if numbers.of_carrier(row.sender) else row.sender[:4] + "••••",
                "to": row.recipient,
                "carrier": row.carrier,
                "parts": row.parts,
            }
            for row in inbox.page(session, number or "", most=limit)
        ]
    print_rows(rows, as_json, "No text has come.")


@incoming_group.command("keywords", epilog=example("chinqit incoming keywords --json"))
@JSON
def incoming_keywords(as_json: bool) -> None:
    """List the words that phones send alone, what they mean, and what is answered."""
    with database() as session:
        rows = [
            {
                "keyword": rule.keyword.value,
                "words": [word for _language, word in rule.all_words()],
                "answers": {language.value: answer for language, answer in rule.answers.items()},
            }
            for rule in keywords.rules(session)
        ]
    print_rows(rows, as_json, "There are none.")
