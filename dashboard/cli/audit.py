"""chinqit audit."""

from __future__ import annotations

import json

import click

from dashboard.cli.core import JSON, command_actor, database, echo_error, example
from dashboard.gateway.audit import chain, export, trail
from dashboard.settings import Settings

FAULTS = {
    "changed": "entry {id} was changed",
    "missing": "entries before {id} are missing",
    "rewired": "entry {id} follows another one than it did",
    "cut_off": "the entries from {id} on were cut off",
}


@click.group("audit")
def audit_group() -> None:
    """Check and export the log of who changed what."""


@audit_group.command("verify", epilog=example("chinqit audit verify"))
@click.option(
    "--head",
    metavar="ID:HASH",
    help="The newest entry as you noted it elsewhere; the home folder's note is checked too.",
)
@JSON
def audit_verify(head: str | None, as_json: bool) -> None:
    """Find changed, removed, reordered and cut-off entries; exit with 1 when there are some."""
    home = Settings.from_env().chinqit_home
    with database() as session:
        found = trail.verify(session, home)
        if head is not None:
            number, _, digest = head.partition(":")
            if not (number.isascii() and number.isdigit() and digest):
                raise click.UsageError("--head is ID:HASH, as `chinqit audit verify` prints it.")
            by_note = chain.faults(trail.entries(session), chain.Head(int(number), digest))
            found += [fault for fault in by_note if fault not in found]
        newest = trail.head(session)
    if as_json:
        newest_row = {"id": newest.id, "hash": newest.hash} if newest else None
        click.echo(json.dumps({"faults": [fault._asdict() for fault in found], "head": newest_row}))
    else:
        for fault in found:
            echo_error(FAULTS[fault.code].format(id=fault.id))
        if newest and not found:
            click.echo(f"{newest.id} entries, the chain is whole. The newest: {newest.id}:{newest.hash}")
        elif not found:
            click.echo("No entry yet.")
    if found:
        raise click.exceptions.Exit(1)


@audit_group.command("export", epilog=example("chinqit audit export --format jsonl > audit.jsonl"))
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def audit_export(kind: str) -> None:
    """Print all entries, the oldest first, with what is needed to hash them again."""
    with database() as session:
        for line in export.lines(kind, trail.entries(session)):
            click.echo(line, nl=False)


@audit_group.command("accept", epilog=example("chinqit audit accept"))
@click.confirmation_option(
    prompt="Accept the newest entry of the database, although the note in the home folder differs?"
)
def audit_accept() -> None:
    """Accept the newest entry, after a restored backup; this is recorded as an entry, too."""
    home = Settings.from_env().chinqit_home
    (home / chain.NOTE).unlink(missing_ok=True)
    with database() as session:
        trail.record(session, command_actor(), "audit.note_anew")
    click.echo("Noted.")
