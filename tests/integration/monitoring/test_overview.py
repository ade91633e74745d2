"""The overview: what it counts, what it warns of, and that it always answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import workers
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.monitoring import judge
from dashboard.gateway.statistics import rollup
from dashboard.gateway.webhooks import endpoints
from dashboard.models.accounts import User
from dashboard.models.api_keys import ApiKey
from dashboard.models.monitoring import Process
from dashboard.models.webhooks import WebhookEndpoint
from tests.support.dashboard_client import Browser, World

HOME = "/dashboard/"
LIVE = "div#live"


def page(browser: Browser, url: str = HOME) -> str:
    answer = browser.get(url)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def fold(services: Services) -> None:
    rollup.fold_for(services.sessions, 5)


def run(services: Services, *roles: str) -> None:
    """Signs of life, as processes write them."""
    now = utcnow()
    with services.sessions.begin() as session:
        session.add_all(Process(name=role, role=role, started_at=now, beat_at=now) for role in roles)


def mark(text: str) -> str:
    found = re.search(r"seen=(\w+)", text)
    assert found
    return found[1]


def kpi(text: str, name: str) -> str:
    found = re.search(rf"<dt>{name}</dt><dd><b>(.*?)</b>", text)
    assert found, name
    return re.sub("<[^>]+>", "", found[1])


@pytest.fixture
def shop(world: World) -> ApiKey:
    return world.key("Shop")


def test_it_is_the_first_page_and_the_first_in_the_menu(owner: Browser) -> None:
    nav = page(owner).partition("<nav")[2].partition("</nav>")[0]
    assert re.findall(r'<a href="(/dashboard/[^"]*)"', nav)[0] == HOME
    assert owner.get("/").location == HOME


def test_strangers_sign_in_first(stranger: Browser) -> None:
    assert "/sign-in" in (stranger.get(HOME).location or "")


def test_a_new_gateway_is_led_to_its_first_key(owner: Browser) -> None:
    text = page(owner)
    assert "From the first key to the first real message" in text
    assert 'class="btn primary" href="/dashboard/keys/"' in text


def test_the_first_step_is_done_once_there_is_a_key(owner: Browser, shop: ApiKey) -> None:
    text = page(owner)
    assert text.count('<span class="vh">Done</span>') == 1


def test_the_steps_tick_themselves_off_and_end_with_the_first_real_message(
    owner: Browser, viewer: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    with services.sessions.begin() as session:
        told = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
        carriers.add(session, carriers.cipher(services.settings), NewCarrier("http", "mauritel", told))
    world.text(shop, status="queued")
    text = page(owner)
    assert text.count('<span class="vh">Done</span>') == 4  # key, test, carrier, and a second person: the viewer
    assert "belongs to nobody" not in text  # that step is done
    world.text(shop, **world.sent())
    assert page(owner).count('<span class="vh">Done</span>') == 4, "the sandbox phone is no carrier"
    world.text(shop, **world.sent(carrier="mauritel"))
    assert "From the first key" not in page(owner) and "From the first key" not in page(viewer)


def test_it_counts_what_was_sent_in_the_last_hour(
    owner: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    for _ in range(3):
        world.text(shop, **world.sent())
    world.text(shop, status="failed", failed_at=utcnow(), error_code="unreachable", due_at=None)
    fold(services)
    text = page(owner)
    assert kpi(text, "Messages a minute") == "0.1"  # 4 in 60 minutes
    assert kpi(text, "Delivered, of all messages") == "75%"
    assert kpi(text, "Verified, of all codes") == "–"
    assert "The carrier could not be reached." in text


@pytest.mark.parametrize(("zone", "is_yesterday"), [("UTC", True), ("Etc/GMT-3", True), ("Etc/GMT+3", False)])
def test_yesterday_is_the_reader_s(
    owner: Browser, world: World, shop: ApiKey, services: Services, zone: str, is_yesterday: bool
) -> None:
    """A message of two in the morning, UTC, is of the day before where it is three hours earlier."""
    with services.sessions.begin() as session:
        session.execute(update(User).values(timezone=zone))
    yesterday = utcnow().astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    at = datetime.combine(yesterday, time(2), UTC)
    world.text(shop, **world.sent(created_at=at, sending_at=at, sent_at=at, delivered_at=at))
    fold(services)
    shown = re.search(r'period=yesterday">(\d+)</a>', page(owner))
    assert shown and int(shown[1]) == is_yesterday


def test_the_last_backup_is_told(owner: Browser, world: World, shop: ApiKey, services: Services) -> None:
    world.text(shop)
    assert re.search(r"Last backup</span>.*?None", page(owner))
    with services.sessions.begin() as session:
        judge.note_backup(session)
    assert re.search(r"Last backup</span>.*?s-operational.*?(just now|\d+ sec\. ago)", page(owner))


def test_a_tile_shows_an_operators_verified_share(
    owner: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    first = world.code(shop, "+22222000001", **world.sent())
    world.code(shop, "+22222000002", **world.sent())
    world.guess_right(shop, first)
    fold(services)
    text = page(owner)
    assert kpi(text, "Verified, of all codes") == "50%"
    tile = text.split(">Chinguitel</a>")[1].split("</li>")[0]
    assert "<b>50%</b>" in tile
    assert "<b>–</b>" in text.split(">Mauritel</a>")[1].split("</li>")[0]


def test_without_workers_relay_and_valkey_it_says_so_and_what_to_do(owner: Browser, world: World, shop: ApiKey) -> None:
    world.text(shop)
    text = page(owner)
    for said in (
        "No worker delivers SMS",
        "chinqit worker whatsapp",
        "The relay does not run",
        "Valkey does not answer",
    ):
        assert said in text


def test_it_warns_of_nothing_that_runs(owner: Browser, world: World, shop: ApiKey, services: Services) -> None:
    world.text(shop)
    run(services, "sms", "whatsapp", "webhooks", "relay")
    text = page(owner)
    assert "No worker" not in text
    assert "relay does not run" not in text


def test_a_worker_that_is_silent_for_long_is_gone(
    owner: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    world.text(shop)
    run(services, "sms", "whatsapp", "webhooks", "relay")
    with services.sessions.begin() as session:
        session.get_one(Process, "sms").beat_at -= 2 * workers.ALIVE
    assert "No worker delivers SMS" in page(owner)


def test_an_old_backlog_is_told_with_its_age(owner: Browser, world: World, shop: ApiKey) -> None:
    world.text(shop, due_at=utcnow() - timedelta(minutes=7))
    text = page(owner)
    assert kpi(text, "Waiting") == "1"
    assert "the oldest message waits for 7 min" in text


def test_a_key_that_ends_within_a_week_is_told(owner: Browser, world: World, shop: ApiKey) -> None:
    world.key("Bank", expires_at=utcnow() + timedelta(days=3, minutes=1))
    world.key("Later", expires_at=utcnow() + timedelta(days=30))
    world.text(shop)
    text = page(owner)
    assert "The key “Bank” ends in 3 days" in text
    assert "“Later”" not in text


def test_webhooks_that_fail_and_their_missing_worker_are_told_without_secrets(
    owner: Browser, viewer: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    world.text(shop)
    run(services, "sms", "whatsapp", "relay")
    with services.sessions.begin() as session:
        box = endpoints.cipher(services.settings)
        for host in ("slow", "gone", "fine", "resting"):
            endpoints.create(
                session, box, endpoints.NewEndpoint(shop.id, f"https://{host}.example.org/hook?token=s3cret")
            )
        by_host = {row.url[8:].split(".")[0]: row for row in session.scalars(select(WebhookEndpoint))}
        by_host["slow"].failing_since = utcnow() - timedelta(hours=3)
        by_host["gone"].disabled_at, by_host["gone"].disabled_for = utcnow(), "gone"
        by_host["gone"].description = "Orders"
        by_host["resting"].disabled_at, by_host["resting"].disabled_for = utcnow(), "asked"
    text = page(owner)
    assert "No worker calls webhooks" in text and "chinqit worker webhooks" in text
    assert "The webhook “slow.example.org · Shop” has been failing for 3 hours" in text
    assert "The webhook “Orders” was disabled" in text and "410 Gone" in text
    assert "https://slow.example.org/hook<" in text and "/hook<" not in page(viewer)
    assert "fine.example.org" not in text and "resting.example.org" not in text and "s3cret" not in text


def test_messages_of_tomorrow_mean_that_the_clock_was_set_back(owner: Browser, world: World, shop: ApiKey) -> None:
    world.text(shop, created_at=utcnow() + timedelta(hours=2))
    assert "The clock was set back" in page(owner)


def test_a_poll_brings_nothing_when_nothing_changed(
    owner: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    world.text(shop, **world.sent())
    fold(services)
    for _ in range(2):  # a minute may end between two looks
        seen = mark(page(owner))
        answer = owner.partial(f"{HOME}?seen={seen}", LIVE)
        if answer.status_code == 204:
            break
    assert (answer.status_code, answer.data) == (204, b"")


def test_a_poll_brings_the_block_when_something_changed(
    owner: Browser, world: World, shop: ApiKey, services: Services
) -> None:
    world.text(shop, **world.sent())
    fold(services)
    seen = mark(page(owner))
    world.text(shop, status="failed", failed_at=utcnow(), error_code="barred", due_at=None)
    answer = owner.partial(f"{HOME}?seen={seen}", LIVE)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert text.lstrip().startswith('<div id="live"')
    assert "number is barred" in text


def test_every_chart_has_its_table(owner: Browser, world: World, shop: ApiKey, services: Services) -> None:
    world.text(shop, **world.sent())
    fold(services)
    charts = page(owner).split("data-chart")[1:]
    assert len(charts) == 2
    rows = [chart.split("</figure>")[0].count('<tr><th scope="row">') for chart in charts]
    assert rows == [60, 24]


@pytest.mark.parametrize(("language", "title"), [("fr", "Vue d’ensemble"), ("ar", "نظرة عامة")])
def test_it_speaks_the_readers_language(owner: Browser, world: World, shop: ApiKey, language: str, title: str) -> None:
    world.text(shop)
    owner.headers = {"Accept-Language": language}
    text = page(owner)
    assert f"<h1>{title}</h1>" in text
    assert "Needs attention" not in text


def test_a_viewer_sees_masked_numbers(enter: Callable[[str], Browser], world: World, shop: ApiKey) -> None:
    world.text(shop, "+22238089336", status="failed", failed_at=utcnow(), error_code="barred", due_at=None)
    viewer = enter("viewer")
    assert "38 08 93 36" not in page(viewer)
    assert "••" in viewer.get("/dashboard/messages/").text
