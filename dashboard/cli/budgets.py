"""chinqit budgets."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.cli import api_keys
from dashboard.cli.core import JSON, choice_of, command_actor, database, example, fail, print_rows, record
from dashboard.db import iso
from dashboard.gateway import site_settings
from dashboard.gateway.costs import budgets, prices
from dashboard.gateway.costs.budgets import EVERYBODY, BudgetChanged, NewBudget
from dashboard.models.api_keys import ApiKey
from dashboard.models.costs import Budget
from dashboard.settings import Settings
from dashboard.vocabulary import BudgetAction, BudgetPeriod

ALL = "all"
KEY = click.option("--key", "key_name", default=ALL, show_default=True, help="Name or id of a key; all: all together.")
PERIOD = click.option(
    "--period",
    type=choice_of(BudgetPeriod),
    default=BudgetPeriod.MONTH.value,
    show_default=True,
    help="What it is for.",
)


@click.group("budgets")
def budgets_group() -> None:
    """What keys may spend in a day or a month."""


@budgets_group.command("list", epilog=example("chinqit budgets list"))
@JSON
def budgets_list(as_json: bool) -> None:
    """List budgets in MRU, with what is used of them."""
    with database() as session:
        names = dict(iter(session.execute(select(ApiKey.id, ApiKey.name))))
        rows = [
            {
                "key": names.get(one.budget.key_id, one.budget.key_id) or ALL,
                "period": one.budget.period,
                "amount": prices.plain(one.budget.amount),
                "used": prices.plain(one.used),
                "at its end": one.budget.action,
                "codes": "exempt" if one.budget.exempts_codes else "count",
                "starts again": iso(one.starts_again_at),
            }
            for one in budgets.standings(session)
        ]
    print_rows(rows, as_json, "There is no budget.")


@budgets_group.command(
    "set", epilog=example("chinqit budgets set 20000", "chinqit budgets set 500 --key Shop --period day --action slow")
)
@click.argument("amount")
@KEY
@PERIOD
@click.option("--action", type=choice_of(BudgetAction), default=BudgetAction.STOP.value, show_default=True)
@click.option("--per-minute", type=click.IntRange(1, budgets.MOST_PER_MINUTE), default=60, show_default=True)
@click.option("--codes/--no-codes", "holds_codes", default=False, help="Whether codes are refused, too.")
def budgets_set(amount: str, key_name: str, period: str, action: str, per_minute: int, holds_codes: bool) -> None:
    """Let texts cost at most AMOUNT MRU in a month or a day; then they are refused, or slowed."""
    with database() as session:
        key_id = _key_id(session, key_name)
        before = _find(session, key_id, period)
        was = prices.plain(before.amount) if before else None
        zone = site_settings.read(session).timezone or Settings.from_env().timezone
        try:
            limit = prices.parse(amount, budgets.HIGHEST)
        except ValueError:
            fail("The amount is a number of MRU with at most four digits after the point, such as 20000.")
        more: dict[str, Any] = {"per_minute": per_minute, "exempts_codes": not holds_codes}
        wanted = NewBudget(key_id, BudgetPeriod(period), limit, zone, BudgetAction(action), **more)
        try:
            budgets.save(session, wanted, before.version if before else 0, command_actor().name)
        except BudgetChanged:
            fail("Somebody else has changed it meanwhile; try again.")
        record(session, "budgets.save", key_name, period=(None, period), amount=(was, prices.plain(limit)))


@budgets_group.command("remove", epilog=example("chinqit budgets remove --key Shop --period day"))
@KEY
@PERIOD
def budgets_remove(key_name: str, period: str) -> None:
    """Remove a budget."""
    with database() as session:
        found = _find(session, _key_id(session, key_name), period)
        if found is None:
            fail("There is no such budget.")
        try:
            budgets.remove(session, found.id, found.version)
        except BudgetChanged:
            fail("Somebody else has changed it meanwhile; try again.")
        record(session, "budgets.remove", key_name, period=(period, None), amount=(prices.plain(found.amount), None))


def _key_id(session: Session, name: str) -> str:
    return EVERYBODY if name == ALL else api_keys.find_key(session, name).id


def _find(session: Session, key_id: str, period: str) -> Budget | None:
    return session.scalars(select(Budget).where(Budget.key_id == key_id, Budget.period == period)).one_or_none()
