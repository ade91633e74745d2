"""Budgets are set, changed, removed and brought back on their page, and told of before they are used up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event

from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.gateway.costs import budgets
from dashboard.gateway.monitoring import alerts
from dashboard.models.costs import Budget, BudgetUse
from dashboard.vocabulary import BudgetAction
from tests.support.dashboard_client import PARTIAL, Browser, World

PAGE = "/dashboard/usage/budgets/"


def typed(**more: str) -> dict[str, str]:
    usual = {"key_id": "", "period": "month", "amount": "20 000", "action": "stop", "per_minute": "60"}
    return usual | {"exempts_codes": "1"} | more


def rows(services: Services) -> list[Budget]:
    with services.sessions() as session:
        return [one.budget for one in budgets.standings(session)]


def use(services: Services, used: int) -> None:
    with services.sessions.begin() as session:
        session.query(BudgetUse).update({"used": used})


def test_a_budget_is_set_changed_and_refused_twice(owner: Browser, services: Services, world: World) -> None:
    assert "No budget yet" in owner.get(PAGE).text
    key = world.key("Boutique")
    assert owner.post(f"{PAGE}new", typed()).status_code == 303
    told = typed(key_id=key.id, period="day", amount="1500,50", action="slow", per_minute="7", exempts_codes="")
    assert owner.post(f"{PAGE}new", told).status_code == 303
    assert owner.post(f"{PAGE}new", typed()).status_code == 422
    page = owner.get(PAGE).text
    for shown in ("All keys together", "Boutique", "20,000.00", "1,500.50", "codes are sent all the same"):
        assert shown in page, shown
    of_all, of_key = rows(services)
    assert (of_key.action, of_key.per_minute, of_key.exempts_codes) == (BudgetAction.SLOW, 7, False)
    assert owner.post(f"{PAGE}{of_all.id}/edit", typed(amount="5")).status_code == 303
    changed = rows(services)[0]
    assert (changed.amount, changed.version, changed.key_id) == (50_000, 2, "")


def test_who_saves_second_is_shown_what_the_first_one_saved(owner: Browser, services: Services) -> None:
    owner.post(f"{PAGE}new", typed())
    edit = f"{PAGE}{rows(services)[0].id}/edit"
    version = re.findall(r'name="version"\s+value="([0-9a-f]+)"', owner.get(edit).text)[0]
    assert owner.post(edit, typed(amount="300", version=version)).status_code == 303
    answer = owner.post(edit, typed(amount="400", version=version))
    assert answer.status_code == 409 and "300.00" in answer.text and "Somebody else has saved" in answer.text
    assert rows(services)[0].amount == 3_000_000


@pytest.mark.parametrize("act", ["edit", "remove"])
def test_a_budget_that_changes_in_this_very_moment_is_refused_in_words(
    owner: Browser, services: Services, act: str
) -> None:
    owner.post(f"{PAGE}new", typed())
    engine = services.sessions.kw["bind"]

    def come_first(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("UPDATE budgets", "DELETE FROM budgets")):
            cursor.execute("UPDATE budgets SET version = version + 1")

    event.listen(engine, "before_cursor_execute", come_first)
    try:
        answer = owner.post(f"{PAGE}{rows(services)[0].id}/{act}", typed(amount="7"), headers=PARTIAL)
    finally:
        event.remove(engine, "before_cursor_execute", come_first)
    assert answer.status_code == 409 and "Somebody else has saved this meanwhile" in answer.text
    assert [(row.amount, row.version) for row in rows(services)] == [(200_000_000, 1)]


def test_what_was_removed_or_changed_is_brought_back(owner: Browser, services: Services) -> None:
    owner.post(f"{PAGE}new", typed())
    (row,) = rows(services)
    for act, told in (("edit", typed(amount="1")), ("remove", {})):
        assert owner.post(f"{PAGE}{row.id}/{act}", told).status_code == 303
        before = re.findall(r'name="before"\s+value="([^"]+)"', owner.get(PAGE).text)[0]
        assert owner.post(f"{PAGE}restore", {"before": before}).status_code == 303
        assert [one.amount for one in rows(services)] == [200_000_000]


@pytest.mark.parametrize(
    ("told", "fault"),
    [
        ({"amount": ""}, "Enter an amount in MRU"),
        ({"amount": "-5"}, "Enter an amount in MRU"),
        ({"amount": "1000000001"}, "Enter an amount in MRU"),
        ({"per_minute": "0"}, "Enter a whole number from 1 to"),
        ({"action": "explode"}, "Choose what is done then."),
        ({"period": "year"}, "Choose a day or a month."),
        ({"key_id": "nobody"}, "Choose a key of the list."),
    ],
)
def test_a_wrong_budget_is_refused_in_words(
    owner: Browser, services: Services, told: dict[str, str], fault: str
) -> None:
    answer = owner.post(f"{PAGE}new", typed(**told))
    assert answer.status_code == 422 and fault in answer.text and rows(services) == []


def test_people_are_told_at_80_percent_and_at_the_end(
    owner: Browser, viewer: Browser, services: Services, world: World
) -> None:
    owner.post(f"{PAGE}new", typed())
    key = world.key("Boutique")
    world.text(key)  # whoever has sent nothing yet is shown the first steps
    owner.post(f"{PAGE}new", typed(key_id=key.id, period="day"))
    told = {159_999_999: set(), 160_000_000: {"total_budget_low", "budget_low"}}
    told |= {200_000_000: {"total_budget_exhausted", "budget_exhausted"}}
    for used, codes in told.items():
        use(services, used)
        with services.sessions() as session:
            assert {alert.code for alert in alerts.budget_alerts(session)} == codes, used
    page = viewer.get("/dashboard/").text
    assert "The budget of the key “Boutique” is used up" in page and "The budget of all keys is used up" in page
    assert "20,000" not in page
    assert "20,000.00 / 20,000.00" in owner.get(PAGE).text


def test_the_command_does_the_same(services: Services, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chinqit_home", "database_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    world.key("Boutique")

    def chinqit(*words: str) -> Result:
        return CliRunner().invoke(main, ["budgets", *words])

    assert chinqit("set", "1e9").exit_code == 1 and chinqit("set", "5", "--key", "Nobody").exit_code == 1
    assert chinqit("set", "300").exit_code == 0
    told = chinqit("set", "20,5", "--key", "Boutique", "--period", "day", "--action", "slow", "--codes")
    assert told.exit_code == 0, told.output
    assert [(row.amount, row.action, row.exempts_codes) for row in rows(services)] == [
        (3_000_000, "stop", True),
        (205_000, "slow", False),
    ]
    listed = json.loads(chinqit("list", "--json").output)
    assert [(row["key"], row["amount"], row["used"]) for row in listed] == [
        ("all", "300.00", "0.00"),
        ("Boutique", "20.50", "0.00"),
    ]
    assert chinqit("remove").exit_code == 0 and chinqit("remove").exit_code == 1
    assert len(rows(services)) == 1
