"""chinqit bills."""

from __future__ import annotations

from datetime import datetime
from typing import BinaryIO

import click

from dashboard.cli.core import database, echo_error, example, fail, record
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import CarrierNotFound
from dashboard.gateway.costs import bills, prices
from dashboard.gateway.costs.bills import Bill, NoColumns, Reason
from dashboard.gateway.costs.spending import Month
from dashboard.gateway.spreadsheets import Unreadable

FAULTS = {
    "empty": "The file is empty.",
    "broken": "The file cannot be read. Save it as CSV or XLSX and try again.",
    "too_large": "The file holds too many lines. Check it in parts.",
    "phone": "No column of phone numbers was found in the file.",
    "day": "No column of days was found in the file.",
}
REASONS = {
    Reason.NOT_SENT: "billed, but nothing was sent to the number",
    Reason.TOO_OFTEN: "billed more often than sent",
    Reason.PARTS: "other number of segments",
    Reason.PRICE: "other price",
    Reason.NOT_REFUNDED: "failed, and not given back",
    Reason.NOT_BILLED: "sent, but not billed",
}


@click.group("bills")
def bills_group() -> None:
    """Operators' bills."""


@bills_group.command(
    "check",
    epilog=example(
        "chinqit bills check october.xlsx --carrier mauritel",
        "chinqit bills check october.csv --carrier mauritel --month 2026-10 > differences.csv",
    ),
)
@click.argument("file", type=click.File("rb"))
@click.option("--carrier", required=True, help="Whose bill it is.")
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Only this month of it, and all that was sent in it.")
def bills_check(file: BinaryIO, carrier: str, month: datetime | None) -> None:
    """Hold a bill, as CSV or XLSX, against what was sent, and print the differences as CSV.

    A summary goes to stderr. Nothing of the bill is kept.
    """
    bill = _read(file)
    period = Month.of(month.date()) if month else None
    lines = [line for line in bill.lines if period is None or period.first <= line.day <= period.last]
    if bill.unread_count:
        numbers = ", ".join(str(number) for number, _text in bill.unread[:10])
        echo_error(f"Lines that could not be read: {bill.unread_count}; the first stand at {numbers}.")
    if len(lines) < len(bill.lines):
        echo_error(f"Lines of other months, left out: {len(bill.lines) - len(lines)}.")
    if not lines:
        fail("The bill has no line of this month.")
    with database() as session:
        try:
            name = carriers.find(session, carrier).name
        except CarrierNotFound:
            fail(f"No carrier is called {carrier}.")
        found = bills.compare(session, name, lines, (period.first, period.last) if period else None)
        disputed = prices.plain(sum(found.disputed.values()))
        record(session, "bills.check", name, lines=(None, found.lines), amount=(None, disputed))
    echo_error(f"{found.lines} lines of {found.first} to {found.last}: {found.matched} agree, {disputed} MRU too much.")
    for reason, count in sorted(found.counts.items(), key=lambda one: list(Reason).index(one[0])):
        echo_error(f"{count:>6}  {REASONS[reason]} ({prices.plain(found.disputed[reason])} MRU)")
    if found.cut_numbers:
        echo_error(f"{found.cut_numbers} texts could not be compared: their numbers are no longer kept.")
    for line in bills.lines_of(found):
        click.echo(line, nl=False)


def _read(file: BinaryIO) -> Bill:
    """The bill; ends the command where it is none."""
    data = file.read(bills.LARGEST + 1)
    if len(data) > bills.LARGEST:
        fail(f"The file is larger than {bills.LARGEST // 2**20} MiB. Check it in parts.")
    try:
        return bills.read(data)
    except Unreadable as error:
        fail(FAULTS[error.code])
    except NoColumns as error:
        fail(FAULTS[error.name])
