"""What a month cost, what it will have cost, and the commands."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.db import Sessions, core_table
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import charges, spending
from dashboard.gateway.costs.spending import Month
from dashboard.models.costs import DailyCost
from tests.support.dashboard_client import World
from tests.support.http_carriers import HTTP

NOVEMBER = Month(date(2026, 11, 1))


def put(sessions: Sessions, day: date, cost: int, key_id: str = "k", **more: int) -> None:
    figures = charges.NOTHING | {"messages": 1, "segments": 1, "cost": cost} | more
    subject = {"day": day, "key_id": key_id, "channel": "sms", "operator": "4", "carrier": "smsc"}
    with sessions.begin() as session:
        session.execute(core_table(DailyCost).insert().values(**subject, **figures))


def expected(sessions: Sessions, today: date, month: Month = NOVEMBER) -> int | None:
    with sessions() as session:
        return spending.forecast(session, month, today)


def test_a_month_is_the_sum_of_its_days(sessions: Sessions) -> None:
    for day, cost in ((date(2026, 10, 31), 1), (date(2026, 11, 1), 20), (date(2026, 11, 30), 300)):
        put(sessions, day, cost)
    put(sessions, date(2026, 12, 1), 4_000)
    with sessions() as session:
        (spent,) = spending.of_month(session, NOVEMBER)
        assert spending.total([spent])["cost"] == 320
        assert list(spending.by_day(session, NOVEMBER.first, NOVEMBER.last)) == [date(2026, 11, 1), date(2026, 11, 30)]
    assert (str(NOVEMBER.previous), str(NOVEMBER.next), NOVEMBER.last) == ("2026-10", "2026-12", date(2026, 11, 30))


def test_the_forecast_goes_by_what_weekdays_cost(sessions: Sessions) -> None:
    today = date(2026, 11, 16)  # a Monday
    by_weekday = (100, 100, 100, 100, 700, 100, 0)
    for back in range(1, 29):
        day = today - timedelta(days=back)
        put(sessions, day, by_weekday[day.weekday()])
    so_far = sum(by_weekday[date(2026, 11, day).weekday()] for day in range(1, 16))
    rest = sum(by_weekday[date(2026, 11, day).weekday()] for day in range(16, 31))
    assert expected(sessions, today) == so_far + rest
    put(sessions, today, 5_000)  # more than usual today: it is not forgotten
    assert expected(sessions, today) == so_far + rest - 100 + 5_000
    assert expected(sessions, today, NOVEMBER.previous) is None


def test_nothing_is_forecast_from_a_few_days(sessions: Sessions) -> None:
    assert expected(sessions, date(2026, 11, 4)) is None
    put(sessions, date(2026, 11, 1), 100)
    assert expected(sessions, date(2026, 11, 5)) is None
    assert expected(sessions, date(2026, 11, 6)) is not None


@pytest.fixture
def run(services: Services, monkeypatch: pytest.MonkeyPatch, world: World) -> object:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    with services.sessions.begin() as session:
        wanted = NewCarrier("http", "mauritel", HTTP | {"url": "http://127.0.0.1:9/"})
        carriers.add(session, carriers.cipher(services.settings), wanted)
    return None


def command(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


@pytest.mark.usefixtures("run")
def test_prices_are_set_listed_and_removed_by_command() -> None:
    told = ("--operator", "mattel", "--from", "2026-01-01", "--refunded")
    assert command("prices", "set", "mauritel", "0,3255", *told).exit_code == 0
    (row,) = json.loads(command("prices", "list", "--json").stdout)
    assert (row["price"], row["operator"], row["from"], row["refunded"]) == ("0.3255", "Mattel", "2026-01-01", True)
    assert command("prices", "remove", str(row["id"])).exit_code == 0
    assert command("prices", "remove", str(row["id"])).exit_code != 0


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "words", [("nobody", "0.3"), ("mauritel", "0.00001"), ("mauritel", "0.3", "--operator", "orange")]
)
def test_a_wrong_price_is_refused(words: tuple[str, ...]) -> None:
    assert command("prices", "set", *words).exit_code != 0
    assert json.loads(command("prices", "list", "--json").stdout) == []


@pytest.mark.usefixtures("run")
def test_a_month_is_printed_as_csv(services: Services, world: World) -> None:
    key = world.key("=Shop")
    put(services.sessions, date(2026, 11, 3), 12_345, key.id, failed_cost=45)
    rows = list(csv.DictReader(io.StringIO(command("usage", "--month", "2026-11").stdout.removeprefix("\ufeff"))))
    assert [(row["day"], row["key"], row["operator"], row["cost"]) for row in rows] == [
        ("2026-11-03", "'=Shop", "Mauritel", "1.2345")
    ]
    assert rows[0]["failed_cost"] == "0.0045"
