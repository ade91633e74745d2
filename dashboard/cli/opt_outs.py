"""chinqit opt-outs."""

from __future__ import annotations

from typing import IO

import click

from dashboard.cli import api_keys
from dashboard.cli.core import JSON, command_actor, database, example, fail, phone_type, print_rows, record
from dashboard.db import iso
from dashboard.gateway.opt_outs import lists, opt_outs
from dashboard.sms import numbers

MOST_LISTED = 200
PHONE = click.argument("phone", callback=phone_type)
KEY = click.option("--key", help="Texts of this key alone, by id or name; without it, of all keys.")


@click.group("opt-outs")
def opt_outs_group() -> None:
    """Numbers that want no texts. Codes are still sent to them."""


@opt_outs_group.command("list", epilog=example("chinqit opt-outs list --limit 5"))
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=20, help="How many, the newest first.")
@JSON
def opt_outs_list(limit: int, as_json: bool) -> None:
    """List numbers that want no texts, the newest first. Numbers are cut."""
    with database() as session:
        rows = [
            {
                "number": numbers.masked(row.phone),
                "key": row.key.name if row.key else None,
                "word": row.word,
                "since": iso(row.created_at),
            }
            for row in opt_outs.page(session, most=limit)
        ]
    print_rows(rows, as_json, "No number is on the list.")


@opt_outs_group.command("add", epilog=example("chinqit opt-outs add 38089336"))
@PHONE
@KEY
def opt_outs_add(phone: str, key: str | None) -> None:
    """Send no more texts to PHONE, within a second."""
    with database() as session:
        key_id = api_keys.find_key(session, key).id if key else None
        opt_outs.add(session, [phone], key_id, by=command_actor().name)
        record(session, "opt_outs.add", " ".join(filter(None, (numbers.masked(phone), key_id))))


@opt_outs_group.command("remove", epilog=example("chinqit opt-outs remove 38089336"))
@PHONE
@KEY
def opt_outs_remove(phone: str, key: str | None) -> None:
    """Send texts to PHONE again."""
    with database() as session:
        key_id = api_keys.find_key(session, key).id if key else None
        if not opt_outs.remove(session, phone, key_id):
            fail("This number is not on the list.")
        record(session, "opt_outs.remove", " ".join(filter(None, (numbers.masked(phone), key_id))))


@opt_outs_group.command("import", epilog=example("chinqit opt-outs import list.csv"))
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@KEY
def opt_outs_import(file: IO[str], key: str | None) -> None:
    """Put the numbers of FILE on the list: one a line, or the first cell of CSV. One bad line refuses all of it."""
    try:
        phones = lists.read(file.read())
    except lists.BadLine as bad:
        fail(f"Line {bad.line} is no number of a mobile phone. Nothing was imported.")
    except UnicodeDecodeError:
        fail("The file is not UTF-8. Nothing was imported.")
    with database() as session:
        key_id = api_keys.find_key(session, key).id if key else None
        added = opt_outs.add(session, phones, key_id, by=command_actor().name)
        record(session, "opt_outs.add", key_id or "", rows=(0, added.new))
    click.echo(f"Added: {added.new}. On the list already: {added.known}.")


@opt_outs_group.command("export", epilog=example("chinqit opt-outs export > list.csv"))
def opt_outs_export() -> None:
    """Print the whole list as CSV, with whole numbers."""
    with database() as session:
        for line in lists.lines(session):
            click.echo(line, nl=False)
        record(session, "opt_outs.export")
