"""Statistics of codes: the funnel, filters in the address, and the way to the message log."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.statistics import rollup
from dashboard.models.api_keys import ApiKey
from dashboard.models.messages import Message
from dashboard.models.otp import Otp
from tests.support.dashboard_client import Browser, World

URL = "/dashboard/otp/"
MAURITEL, MATTEL = "+22244000001", "+22233000001"


def page(browser: Browser, query: str = "") -> str:
    answer = browser.get(URL + query)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def funnel(text: str) -> dict[str, int]:
    stages = re.findall(r"<li>(.*?)</li>", text.split('<ol class="funnel">')[1].split("</ol>")[0], re.S)
    plain = [re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", stage)).split() for stage in stages]
    return {words[0]: int(words[1]) for words in plain}


def kpi(text: str, name: str) -> str:
    found = re.search(rf"<dt>{name}</dt><dd><b>(.*?)</b>", text)
    assert found, name
    return re.sub("<[^>]+>", "", found[1])


def move_back(services: Services, message: Message, length: timedelta) -> None:
    with services.sessions.begin() as session:
        session.get_one(Message, message.id).created_at -= length
        session.query(Otp).filter_by(message_id=message.id).one().created_at -= length


@pytest.fixture
def shop(world: World) -> ApiKey:
    return world.key("Shop")


@pytest.fixture
def traffic(world: World, services: Services, shop: ApiKey) -> None:
    """Two verified in French, one failed in Arabic elsewhere, one of three days ago that nobody typed in."""
    old = world.code(shop, MAURITEL[:-1] + "9", "en", **world.sent())
    move_back(services, old, timedelta(days=3))
    for number in ("1", "2"):
        code = world.code(shop, MAURITEL[:-1] + number, **world.sent())
        world.guess_right(shop, code)
    failed = {"status": "failed", "failed_at": utcnow(), "error_code": "barred", "due_at": None}
    world.code(shop, MATTEL, "ar", channel="whatsapp", **failed)
    rollup.fold_for(services.sessions, 5)


def test_what_became_of_codes_leads_to_them_in_the_log(owner: Browser, traffic: None) -> None:
    lost = page(owner).split('aria-labelledby="loss-t"')[1].split("</section>")[0]
    [(address, name)] = re.findall(r'<a href="([^"]+)">\s*([^<]+?)\s*</a>', lost)
    assert name == "Failed", "of what did not happen there is nothing to show"
    assert owner.get(unescape(address)).text.count('<tr class="click" id="m-') == 1
    assert "<a " not in page(owner, "?language=ar").split('aria-labelledby="loss-t"')[1].split("</section>")[0]


def test_the_funnel_counts_each_stage(owner: Browser, traffic: None) -> None:
    text = page(owner)
    assert funnel(text) == {"Requested": 4, "Sent": 3, "Delivered": 3, "Verified": 2}
    assert kpi(text, "Verified") == "50%"
    assert kpi(text, "Failed") == "1"


def test_a_period_holds_what_was_asked_for_in_it(owner: Browser, traffic: None) -> None:
    assert funnel(page(owner, "?period=24h"))["Requested"] == 3
    for period in ("7d", "30d", "90d"):
        assert funnel(page(owner, f"?period={period}"))["Requested"] == 4


@pytest.mark.parametrize(
    ("query", "requested"),
    [("channel=whatsapp", 1), ("channel=sms", 3), ("language=fr", 2), ("operator=mattel", 1), ("operator=mauritel", 3)],
)
def test_a_filter_in_the_address_narrows(owner: Browser, traffic: None, query: str, requested: int) -> None:
    assert funnel(page(owner, f"?{query}"))["Requested"] == requested


def test_a_key_narrows(owner: Browser, traffic: None, world: World, shop: ApiKey) -> None:
    other = world.key("Other")
    assert funnel(page(owner, f"?key={shop.id}"))["Requested"] == 4
    assert "No code was asked for in this period" in page(owner, f"?key={other.id}")


def test_unknown_filters_are_ignored(owner: Browser, traffic: None) -> None:
    assert funnel(page(owner, "?period=1y&operator=nobody&channel=fax&key=x&language=de"))["Requested"] == 4


def test_reasons_of_failures_are_counted(owner: Browser, traffic: None) -> None:
    reasons = page(owner).split('id="why-t"')[1].split("</section>")[0]
    assert "<dd>1</dd>" in reasons
    assert "The number is barred: messages to it are forbidden." in reasons


def test_the_median_is_read_from_the_histogram(owner: Browser, world: World, services: Services, shop: ApiKey) -> None:
    for number, seconds in enumerate((6, 7, 45)):
        code = world.code(shop, MAURITEL[:-1] + str(number), **world.sent())
        world.guess_right(shop, code)
        with services.sessions.begin() as session:
            row = session.query(Otp).filter_by(message_id=code.id).one()
            row.verified_at = row.created_at + timedelta(seconds=seconds)
    rollup.fold_for(services.sessions, 5)
    text = page(owner)
    assert kpi(text, "Time to verify, median") == "7.2 sec"  # of the bin from 5 to 8, which holds two
    columns = text.split('id="ch-verify"')[1].split("</figure>")[0]
    shares = re.findall(r"<bdi>(.+?) s</bdi></th><td class=\"n\">([\d.]+)%", columns)
    assert [label for label, _share in shares] == ["0–10", "10–20", "20–30", "30–40", "40–50", "50–60", "&gt; 60"]
    assert [share for share in shares if share[1] != "0"] == [("0–10", "66.7"), ("40–50", "33.3")]


def test_a_row_leads_to_just_its_messages(owner: Browser, traffic: None) -> None:
    table = page(owner, "?period=24h").split('id="t-operator"')[1].split("</table>")[0]
    links = [link.replace("&amp;", "&") for link in re.findall(r'class="row-link" href="([^"]+)"', table)]
    assert len(links) == 2
    counts = {}
    for link in links:
        rows = owner.get(link).get_data(as_text=True).count('<tr class="click"')
        counts[parse_qs(urlsplit(link).query)["operator"][0]] = rows
    assert counts == {"mauritel": 2, "mattel": 1}


def test_the_log_filters_by_operator_and_period(owner: Browser, traffic: None) -> None:
    def shown(query: str) -> int:
        return owner.get(f"/dashboard/messages/?{query}").get_data(as_text=True).count('<tr class="click"')

    assert [shown(query) for query in ("", "operator=mauritel", "operator=chinguitel")] == [4, 3, 0]
    assert [shown(f"period={period}") for period in ("24h", "7d")] == [3, 4]
    assert shown("operator=mauritel&period=24h&kind=otp&status=delivered") == 2
    assert shown("q=44000009&period=24h") == 0


def test_htmx_gets_the_results_alone(owner: Browser, traffic: None) -> None:
    text = owner.partial(URL + "?period=30d", "div#results").get_data(as_text=True)
    assert "<html" not in text
    assert 'aria-current="true">30 days</a>' in text


def test_every_chart_has_its_table(owner: Browser, traffic: None) -> None:
    charts = page(owner, "?period=30d").split("data-chart")[1:]
    rows = [chart.split("</figure>")[0].count('<tr><th scope="row">') for chart in charts]
    assert rows == [30, 7]


def test_an_empty_gateway_is_told_so_and_an_empty_period_too(owner: Browser, world: World) -> None:
    assert "No code yet" in page(owner) and "longer period" not in page(owner)
    world.code(world.key())
    assert "No code was asked for in this period" in page(owner, "?operator=mattel")


@pytest.mark.parametrize(("language", "title"), [("fr", "Codes à usage unique"), ("ar", "رموز التحقق")])
def test_it_speaks_the_readers_language(owner: Browser, traffic: None, language: str, title: str) -> None:
    owner.headers = {"Accept-Language": language}
    text = page(owner)
    assert f"<h1>{title}</h1>" in text
    assert "Requested" not in text


@pytest.mark.parametrize("narrow", ["", "?operator=mauritel"])
def test_each_stage_of_the_funnel_leads_to_as_many_messages(owner: Browser, traffic: None, narrow: str) -> None:
    text = page(owner, narrow)
    stages = text.split('<ol class="funnel">')[1].split("</ol>")[0]
    links = re.findall(r'<a href="([^"]+)">\s*(.*?)\s*</a>', stages)
    counts = {name: owner.get(unescape(link)).text.count('<tr class="click"') for link, name in links}
    assert counts == {name: count for name, count in funnel(text).items() if count}
    assert len(counts) == 4
    assert "<a " not in page(owner, "?language=fr").split('<ol class="funnel">')[1].split("</ol>")[0]
