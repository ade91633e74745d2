"""chinqit contacts."""

from __future__ import annotations

from datetime import datetime
from typing import IO

import click
from sqlalchemy.orm import Session

from dashboard.cli.core import (
    JSON,
    choice_of,
    command_actor,
    database,
    example,
    fail,
    print_rows,
    record,
    session_maker,
)
from dashboard.db import utcnow
from dashboard.gateway.contacts import contacts, files, groups, imports
from dashboard.gateway.contacts.contacts import Consent, ContactFilters
from dashboard.gateway.contacts.groups import TooMany
from dashboard.gateway.contacts.imports import NewImport
from dashboard.gateway.contacts.tables import UnreadableTable
from dashboard.models.contacts import ContactImport
from dashboard.sms import numbers
from dashboard.vocabulary import ConsentState

MOST_LISTED = 200
UNREADABLE = {
    "not_a_table": "This is no CSV or XLSX file that can be read.",
    "no_numbers": "No column of this file holds Mauritanian numbers.",
    "too_many_rows": "The file has more than 50,000 rows.",
    "too_many_columns": f"The file has more than {contacts.MOST_DETAILS} further columns.",
}


@click.group("contacts")
def contacts_group() -> None:
    """People whom campaigns may write to, and their consent."""


@contacts_group.command("list", epilog=example("chinqit contacts list --group Members --limit 5"))
@click.option("--group", help="Those of this group alone.")
@click.option("--consent", type=choice_of(ConsentState), help="Those whose consent stands so.")
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=20, help="How many, the newest first.")
@JSON
def contacts_list(group: str | None, consent: str | None, limit: int, as_json: bool) -> None:
    """List contacts, the newest first. Numbers are cut."""
    with database() as session:
        wanted = ContactFilters(group_id=_group(session, group), consent=consent or "")
        found = contacts.page(session, wanted, most=limit)
        labels = groups.of_contacts(session, [row.id for row in found])
        rows = [
            {
                "number": numbers.masked(row.phone),
                "name": row.name,
                "groups": ", ".join(label.name for label in labels.get(row.id, ())),
                "consent": row.consent,
                "source": row.consent_source,
                "since": row.consent_on.isoformat() if row.consent_on else None,
                "by": row.consent_by,
            }
            for row in found
        ]
    print_rows(rows, as_json, "There are no contacts.")


@contacts_group.command("import", epilog=example("chinqit contacts import members.csv --group Members"))
@click.argument("file", type=click.File("rb"))
@click.option("--group", "labels", multiple=True, help="Put all of them into this group; may be given several times.")
@click.option("--consent-source", default="", help="Where it is known from that rows without a consent agreed.")
@click.option("--consent-date", type=click.DateTime(["%Y-%m-%d"]), help="Since when they agreed; today without it.")
def contacts_import(
    file: IO[bytes], labels: tuple[str, ...], consent_source: str, consent_date: datetime | None
) -> None:
    """Take the contacts of FILE, CSV or XLSX, with columns in any order. Rows that cannot be taken are printed.

    Without --consent-source, nothing is noted of the consent of rows that tell nothing of it.
    """
    today, source = utcnow().date(), " ".join(consent_source.split())
    day = consent_date.date() if consent_date else today
    if day > today:
        fail("The day lies ahead.")
    if len(source) > contacts.LONGEST_SOURCE or any(len(label) > groups.LONGEST_NAME for label in labels):
        fail(f"A source has at most {contacts.LONGEST_SOURCE} characters, a group {groups.LONGEST_NAME}.")
    usual = Consent(ConsentState.GIVEN, source, day) if source else Consent()
    wanted = tuple(name for label in labels for name in groups.names(label))
    try:
        with session_maker() as sessions:
            new = NewImport(file.read(), wanted, usual, today, command_actor().name)
            import_id = imports.take(sessions, new)
    except UnreadableTable as fault:
        fail(f"{UNREADABLE[fault.code]} Nothing was imported.")
    except TooMany:
        fail(f"With this file there would be more than {groups.MOST} groups. Nothing was imported.")
    with database() as session:
        made = session.get_one(ContactImport, import_id)
        record(session, "contacts.import", str(import_id), rows=(0, made.added + made.known))
        for row in imports.faults(session, import_id, None):
            click.echo(f"Row {row.line}: {row.code}", err=True)
        click.echo(f"Added: {made.added}. Known already: {made.known}. Left out: {made.bad}.")
        if made.kept_withdrawn:
            click.echo(f"Withdrawn before, and left so: {made.kept_withdrawn}.")


@contacts_group.command("export", epilog=example("chinqit contacts export > contacts.csv"))
@click.option("--group", help="Those of this group alone.")
def contacts_export(group: str | None) -> None:
    """Print all contacts as CSV, with whole numbers, as `import` reads them."""
    with database() as session:
        for line in files.lines(session, _group(session, group)):
            click.echo(line, nl=False)
        record(session, "contacts.export")


def _group(session: Session, name: str | None) -> int | None:
    if not name:
        return None
    known = {group.search_name: group.id for group in groups.listed(session)}
    if contacts.plain(name) not in known:
        fail(f"There is no group {name!r}.")
    return known[contacts.plain(name)]
