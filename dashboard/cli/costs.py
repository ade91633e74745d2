"""chinqit prices and chinqit usage."""

from __future__ import annotations

from datetime import date, datetime

import click

from dashboard.cli.core import JSON, choice_of, database, example, fail, print_rows, record
from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import CarrierNotFound
from dashboard.gateway.costs import prices, spending
from dashboard.gateway.costs.prices import NewPrice
from dashboard.gateway.costs.spending import Month
from dashboard.sms import numbers
from dashboard.vocabulary import Channel

DAY = click.DateTime(["%Y-%m-%d"])
ALL = "all"


@click.group("prices")
def prices_group() -> None:
    """What carriers ask for a segment, from which day on."""


@prices_group.command("list", epilog=example("chinqit prices list"))
@JSON
def prices_list(as_json: bool) -> None:
    """List prices in MRU, the newest day first. Days are UTC's."""
    with database() as session:
        rows = [
            {
                "id": row.id,
                "carrier": row.carrier,
                "channel": row.channel,
                "operator": numbers.OPERATORS.get(row.operator, ALL),
                "price": prices.plain(row.amount),
                "from": row.from_day.isoformat(),
                "refunded": row.is_refunded,
            }
            for row in prices.listed(session)
        ]
    print_rows(rows, as_json, "There is no price.")


@prices_group.command("set", epilog=example("chinqit prices set mauritel 0.32", "chinqit prices set meta 0,46"))
@click.argument("carrier")
@click.argument("amount")
@click.option("--channel", type=choice_of(Channel), default=Channel.SMS.value, show_default=True)
@click.option("--operator", default=ALL, show_default=True, help="mauritel, mattel, chinguitel or all.")
@click.option("--from", "from_day", type=DAY, help="The first day (UTC) of the price; today when left out.")
@click.option(
    "--refunded", is_flag=True, help="The carrier gives the price back when a text fails after it was accepted."
)
def prices_set(
    carrier: str, amount: str, channel: str, operator: str, from_day: datetime | None, refunded: bool
) -> None:
    """Let CARRIER ask for AMOUNT MRU a segment. Texts that were accepted keep their cost."""
    digit = prices.ALL_OPERATORS if operator == ALL else numbers.digit_of(operator)
    if digit is None:
        fail(f"No operator is called {operator}.")
    day = from_day.date() if from_day else utcnow().date()
    with database() as session:
        try:
            named = carriers.find(session, carrier)
            new = NewPrice(named.name, channel, digit, day, prices.parse(amount), refunded)
        except CarrierNotFound:
            fail(f"No carrier is called {carrier}.")
        except ValueError:
            fail("The amount is a number of MRU with at most four digits after the point, such as 0.32.")
        prices.save(session, new)
        record(session, "prices.save", named.name, price=(None, prices.plain(new.amount)))


@prices_group.command("remove", epilog=example("chinqit prices remove 3"))
@click.argument("price_id", type=int)
def prices_remove(price_id: int) -> None:
    """Remove the price PRICE_ID. Texts that were accepted keep their cost."""
    with database() as session:
        if not prices.remove(session, price_id):
            fail("There is no such price.")
        record(session, "prices.remove", str(price_id))


@click.command("usage", epilog=example("chinqit usage", "chinqit usage --month 2026-10 > october.csv"))
@click.option("--month", type=click.DateTime(["%Y-%m"]), help="Another month than this one.")
def usage(month: datetime | None) -> None:
    """Print what texts cost in a month as CSV: a line a day, key, channel, operator and carrier, in MRU."""
    day: date = month.date() if month else utcnow().date()
    with database() as session:
        for line in spending.lines(session, Month.of(day)):
            click.echo(line, nl=False)
