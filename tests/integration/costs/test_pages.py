"""The page of a month and the page of prices."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from random import Random

import pytest

from dashboard.db import core_table, utcnow
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import charges, prices, spending
from dashboard.gateway.costs.spending import Month
from dashboard.models.costs import Charge, DailyCost
from tests.support import ledger
from tests.support.dashboard_client import Browser, World
from tests.support.http_carriers import HTTP

PAGE, PRICES = "/dashboard/usage/", "/dashboard/usage/prices/"
OCTOBER = date(2026, 10, 5)


@pytest.fixture(autouse=True)
def carrier(services: Services) -> None:
    with services.sessions.begin() as session:
        wanted = NewCarrier("http", "mauritel", HTTP | {"url": "http://127.0.0.1:9/"})
        carriers.add(session, carriers.cipher(services.settings), wanted)


def put(services: Services, key_id: str, operator: str = "4", day: date = OCTOBER, **figures: int) -> None:
    subject = {"day": day, "key_id": key_id, "channel": "sms", "operator": operator, "carrier": "mauritel"}
    with services.sessions.begin() as session:
        session.execute(core_table(DailyCost).insert().values(**subject, **(charges.NOTHING | figures)))


def enter(browser: Browser, **more: str) -> int:
    told = {"subject": "mauritel sms", "operator": "", "amount": "0,32", "from_day": "2026-01-01"}
    return browser.post(f"{PRICES}new", told | more).status_code


def test_a_month_is_shown_with_what_was_lost(operator: Browser, services: Services, world: World) -> None:
    shop, bank = world.key("Boutique"), world.key("Banque")
    put(services, shop.id, messages=3, segments=10, cost=50_000_000, failed_cost=10_000_000, failed_segments=2)
    put(services, bank.id, "3", messages=1, segments=4, cost=50_000_000, wasted_cost=25_000_000, wasted_segments=2)
    put(services, bank.id, day=date(2026, 9, 30), messages=9, segments=9, cost=77_770_000)
    page = operator.get(f"{PAGE}?month=2026-10").text
    for told in ("Boutique", "Banque", "Mattel", "Mauritel", "10,000.00", "1,000.00", "10%", "2,500.00", "25%"):
        assert told in page, told
    assert "17,777.00" not in page and "7,777.00" in operator.get(f"{PAGE}?month=2026-09").text


def test_months_are_walked_and_none_is_to_come(operator: Browser) -> None:
    page = operator.get(f"{PAGE}?month=2026-10").text
    assert "month=2026-09" in page and "month=2026-11" in page and "October 2026" in page
    now, after = utcnow().date(), (utcnow().date().replace(day=28) + timedelta(days=9))
    for address in (PAGE, f"{PAGE}?month=2999-01", f"{PAGE}?month=x", f"{PAGE}?month={after:%Y-%m}"):
        page = operator.get(address).text
        assert f"{now:%B %Y}" in page and "Month after" not in page


def test_it_says_when_nothing_was_sent_and_when_prices_are_missing(
    operator: Browser, owner: Browser, services: Services, world: World
) -> None:
    page = operator.get(PAGE).text
    assert "Nothing was sent in this month" in page and "No price has been entered" in page
    put(services, world.key("Boutique").id, messages=1, segments=3, unpriced_segments=3)
    page = operator.get(f"{PAGE}?month=2026-10").text
    assert "3 segments left while no price was known" in page and "Enter prices" in page
    assert enter(owner) == 303
    assert "No price has been entered" not in operator.get(PAGE).text


def test_the_file_has_a_line_a_day_and_exact_money(operator: Browser, services: Services, world: World) -> None:
    put(services, world.key("Boutique").id, messages=1, segments=1, cost=3_255)
    answer = operator.get(f"{PAGE}export.csv?month=2026-10")
    (row,) = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    assert (row["day"], row["key"], row["carrier"]) == ("2026-10-05", "Boutique", "mauritel")
    assert row["cost"] == "0.3255" and "usage-2026-10.csv" in answer.headers["Content-Disposition"]


def test_prices_are_entered_shown_as_what_they_are_and_removed(owner: Browser, services: Services) -> None:
    assert "No price yet" in owner.get(PRICES).text
    tomorrow = (utcnow() + timedelta(days=1)).date().isoformat()
    assert enter(owner, amount="0.3") == enter(owner, from_day="2026-02-01") == 303
    assert enter(owner, from_day=tomorrow, amount="0,3255", is_refunded="1", operator="3") == 303
    page = owner.get(PRICES).text
    for told in ("In force", "Replaced", "To come", "0.3255", "Mattel", "failures given back", "All operators"):
        assert told in page, told
    with services.sessions() as session:
        ids = [row.id for row in prices.listed(session)]
    for price_id in ids:
        assert owner.post(f"{PRICES}{price_id}/remove").status_code == 303
    assert "No price yet" in owner.get(PRICES).text


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"amount": ""}, "Enter an amount in MRU"),
        ({"amount": "0,00001"}, "Enter an amount in MRU"),
        ({"from_day": "yesterday"}, "Enter a date"),
        ({"subject": "nobody sms"}, "Choose a carrier of the list."),
        ({"operator": "9"}, "Choose an operator of the list."),
    ],
)
def test_a_wrong_price_is_refused_in_words(
    owner: Browser, services: Services, typed: dict[str, str], fault: str
) -> None:
    told = {"subject": "mauritel sms", "operator": "", "amount": "0,32", "from_day": "2026-01-01"}
    answer = owner.post(f"{PRICES}new", told | typed)
    assert answer.status_code == 422 and fault in answer.text
    with services.sessions() as session:
        assert prices.listed(session) == []


def test_a_message_says_what_it_cost_to_operators_alone(
    operator: Browser, viewer: Browser, services: Services, world: World
) -> None:
    sent = world.text(world.key("Boutique"))
    told = {"key_id": sent.key_id, "carrier": "mauritel", "operator": "4", "channel": "sms", "segments": 1}
    with services.sessions.begin() as session:
        marks = {"is_ucs2": False, "wasted": 0, "is_refunded": False, "taken_at": utcnow(), "cost": 3_255}
        session.add(Charge(message_id=sent.id, **told, **marks))
    assert "0.3255 MRU" in operator.get(f"/dashboard/messages/{sent.uuid}").text
    assert "0.3255" not in viewer.get(f"/dashboard/messages/{sent.uuid}").text


def test_a_month_is_compared_with_the_one_before_and_leads_to_the_log(
    operator: Browser, services: Services, world: World
) -> None:
    shop = world.key("Boutique")
    put(services, shop.id, messages=1, segments=1, cost=15_000)
    put(services, shop.id, day=date(2026, 9, 30), messages=1, segments=1, cost=10_000)
    page = operator.get(f"{PAGE}?month=2026-10").text
    assert page.count("+50%") == 2 and "1.00" in page  # of the key and of the carrier
    assert f"key={shop.id}&amp;operator=mauritel&amp;period=dates&amp;from=2026-10-01&amp;to=2026-10-31" in page


def test_a_month_under_way_is_compared_with_as_many_days(services: Services, world: World) -> None:
    shop = world.key("Boutique")
    for day in (1, 20, 30):
        put(services, shop.id, day=date(2026, 9, day), segments=1, cost=day)
    with services.sessions() as session:
        for today, cost in ((date(2026, 10, 1), 1), (date(2026, 10, 20), 21), (date(2026, 10, 31), 51)):
            before = spending.of_month_before(session, Month(date(2026, 10, 1)), today)
            assert spending.total(before)["cost"] == cost
        whole = spending.of_month_before(session, Month(date(2026, 10, 1)), date(2026, 12, 3))
        assert spending.total(whole)["cost"] == 51


def test_the_statement_of_a_key_is_printed_in_two_languages(
    operator: Browser, services: Services, world: World
) -> None:
    shop, bank = world.key("Boutique"), world.key("Banque")
    put(services, shop.id, messages=2, segments=4, failed_segments=1, cost=9_765, refunded=3_255)
    put(services, shop.id, "3", messages=1, segments=1, cost=1)
    put(services, bank.id, messages=1, segments=1, cost=70_000)
    address = f"/dashboard/usage/statement/{shop.id}?month=2026-10"
    told = {"fr": ("Relevé", "0,9766", "0,3255", "Mattel"), "ar": ("كشف", "0,9766", 'dir="rtl"', "Mauritel")}
    for language, words in told.items():
        page = operator.get(f"{address}&language={language}").text
        for word in words:
            assert word in page, (language, word)
        assert "7,0000" not in page and "7,00" not in page
    assert operator.get("/dashboard/usage/statement/00000000-0000-4000-8000-000000000000").status_code == 404


def test_a_statement_is_the_ledger_and_the_sum_over_messages(services: Services, world: World) -> None:
    """A month at random, with refunds, failures and texts without a price: equal to the last 1/10,000."""
    random, month = Random(7), Month(date(2026, 10, 1))
    keys = [world.key(name).id for name in ("Boutique", "Banque")]
    rows = [ledger.row(random, number, keys, month) for number in range(3_000)]
    with services.sessions.begin() as session:
        session.execute(core_table(Charge).insert(), rows)
    charges.fold_for(services.sessions, 60)
    with services.sessions() as session:
        for key_id in keys:
            stated = spending.total(spending.of_month(session, month, key_id))
            assert dict(stated) == ledger.sums(one for one in rows if one["key_id"] == key_id)
