"""Pages whose full content has to fit: the log with every column, the sandbox and the overview on a phone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.alerts import incidents
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.gateway.webhooks import endpoints
from dashboard.gateway.webhooks.endpoints import NewEndpoint
from dashboard.models.accounts import User
from dashboard.models.api_keys import ApiKey
from dashboard.vocabulary import LogColumn
from tests.support.browser import NARROW, TOO_WIDE, WIDE, Tab
from tests.support.dashboard_client import World
from tests.support.furnished import spend

LOG = "/dashboard/messages/"


@pytest.mark.parametrize("locale", ["fr-FR", "ar-MR", "en-GB"])
def test_the_log_with_every_column_does_not_scroll_sideways(
    open_tab: Callable[..., Tab], world: World, locale: str
) -> None:
    key = world.key("Une application au nom plutôt long")
    failed = world.sent(status="failed", error_code="address_refused", carrier="un-fournisseur-lointain")
    world.text(key, body="Un message qui dit beaucoup de choses " * 3, **failed)
    world.text(key, status="sending", claim="worker")
    tab = open_tab("operator", locale=locale, viewport=WIDE)
    with world.services.sessions.begin() as session:
        session.execute(update(User).values(log_columns=",".join(LogColumn)))
    tab.open(LOG)
    table = tab.page.locator(".scroll")
    expect(table.locator("th[scope=col]")).to_have_count(len(LogColumn) + 3)
    assert table.evaluate("element => element.scrollWidth - element.clientWidth") == 0


@pytest.mark.parametrize("locale", ["fr-FR", "ar-MR"])
def test_the_form_of_an_override_shows_what_its_choices_ask_for_and_fits_a_phone(
    open_tab: Callable[..., Tab], locale: str
) -> None:
    tab = open_tab("operator", locale=locale, viewport=NARROW)
    page = tab.page
    tab.open("/dashboard/limits/new")
    page.locator("#f-scope input[value=phone]").check()
    expect(page.locator("#f-key")).to_be_hidden()
    expect(page.locator("#f-until")).to_be_hidden()
    page.locator("#f-scope input[value=key]").check()
    expect(page.locator("#f-phone")).to_be_hidden()
    page.locator("#f-lasting").select_option("day")
    day, reason = page.locator("#f-until").bounding_box(), page.locator("#f-reason").bounding_box()
    assert day and reason and (day["x"], day["width"]) == (reason["x"], reason["width"])
    assert tab.faults() == []


def test_on_a_phone_the_send_form_is_in_reach_and_handsets_are_as_long_as_their_texts(
    open_tab: Callable[..., Tab], world: World
) -> None:
    key = world.key(mode="test")
    for number in range(4):
        world.text(key, f"+2223808933{number}")
    worker.drain(WorkerContext.open(world.services.sessions, world.services.settings), "sms", lambda: True)
    tab = open_tab("operator", viewport=NARROW)
    tab.open("/dashboard/sandbox/")
    expect(tab.page.locator("#composer .primary")).to_be_in_viewport()
    heights = tab.page.locator(".handset").evaluate_all("all => all.map(one => one.offsetHeight)")
    assert len(heights) == 4 and max(heights) < 300


def test_on_a_phone_what_is_far_below_the_screen_is_not_laid_out_before_it_is_near(
    open_tab: Callable[..., Tab], world: World
) -> None:
    key = world.key()
    for number in range(45):
        world.text(key, f"+222380893{number:02}")
    tab = open_tab("operator", viewport=NARROW)
    tab.open(LOG)
    rows = tab.page.locator(".msgs tbody tr[id]")
    is_drawn = "row => row.firstElementChild.checkVisibility({ contentVisibilityAuto: true })"
    expect(rows).to_have_count(45)
    assert rows.first.evaluate(is_drawn) and not rows.last.evaluate(is_drawn)
    rows.last.scroll_into_view_if_needed()
    expect(rows.last.locator("time")).to_be_in_viewport()
    assert tab.page.evaluate(TOO_WIDE) == []


def test_several_alerts_are_a_line_each_with_since_when(open_tab: Callable[..., Tab], world: World) -> None:
    world.text(world.key(), **world.sent())
    with world.services.sessions.begin() as session:
        incidents.observe(session, [Alert(AlertCode.NO_RELAY)], utcnow() - timedelta(minutes=5))
    tab = open_tab("operator", viewport=NARROW)
    tab.open("/dashboard/")
    notices = tab.page.locator("#attention .notice")
    relay = notices.filter(has_text="The relay does not run")
    assert notices.count() > 1
    expect(relay.locator(".since time")).to_be_visible()
    expect(relay.get_by_text("chinqit relay")).to_be_hidden()
    relay.locator("summary").click()
    expect(relay.get_by_text("chinqit relay")).to_be_visible()
    assert tab.faults() == []


@pytest.mark.parametrize("locale", ["fr-FR", "ar-MR"])
def test_filters_stand_in_one_row_and_headings_at_one_height(
    open_tab: Callable[..., Tab], world: World, locale: str
) -> None:
    world.text(world.key("Une application au nom plutôt long qui dit aussi de quelle région elle vient"))
    tab = open_tab("owner", locale=locale, viewport=WIDE)
    headings = set()
    for url in (LOG, "/dashboard/limits/", "/dashboard/otp/"):
        tab.open(url)
        headings.add(tab.page.locator("h1").evaluate("it => Math.round(it.getBoundingClientRect().top)"))
        tops = "all => [...new Set(all.map(one => Math.round(one.getBoundingClientRect().top)))]"
        assert len(tab.page.locator("#filters :is(select, input[type=search])").evaluate_all(tops)) <= 1
    assert len(headings) == 1
    tab.open(LOG + "?period=dates&from=2026-11-12")
    assert tab.faults() == []


def test_a_webhook_s_address_has_the_whole_width_of_a_phone(open_tab: Callable[..., Tab], world: World) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        box = endpoints.cipher(world.services.settings)
        endpoints.create(session, box, NewEndpoint(key.id, "https://hooks.example.org/chinqit?of=shop"))
    tab = open_tab("owner", viewport=NARROW)
    tab.open("/dashboard/webhooks/")
    row, address = (tab.page.locator(f".hooks tbody {part}").first.bounding_box() for part in ("tr", "th"))
    assert row and address and address["width"] > row["width"] - 2 * 20
    assert tab.faults() == []


def test_what_is_too_long_is_refused_in_words_and_never_cut_while_it_is_pasted(
    open_tab: Callable[..., Tab], world: World
) -> None:
    world.key("Boutique")
    tab = open_tab()
    page = tab.page
    for place, opens, field, most, told in (
        ("keys/", "keys/new", "#f-name", 80, "on one line: 80"),
        ("webhooks/", "webhooks/new", "#f-description", 80, "on one line: 80"),
        ("lookup/?phone=38089336", "", "#f-note", 280, "at most 280 characters"),
        ("texts/", "", "#f-body", 400, "The text is too long"),
    ):
        tab.open(f"/dashboard/{place}")
        if opens:
            page.locator(f"[hx-get='/dashboard/{opens}']").first.click()
        box = page.locator(field)
        box.fill("")
        box.focus()
        page.keyboard.insert_text("x" * (most + 1))  # as a paste does
        expect(box).to_have_value("x" * (most + 1))
        box.evaluate("it => it.form.requestSubmit()")
        expect(page.locator("main, #dialog").get_by_text(told).first).to_be_visible()
        expect(box).to_have_value("x" * (most + 1))


def test_a_key_on_a_phone_breaks_no_address_and_leaves_no_tile_alone(
    open_tab: Callable[..., Tab], world: World
) -> None:
    key = world.key()
    with world.services.sessions.begin() as session:
        session.execute(update(ApiKey).values(created_by="khadija.mint.mohamed@exemple.mr"))
    tab = open_tab(locale="ar-MR", viewport=NARROW, color_scheme="dark")
    tab.open(f"/dashboard/keys/{key.id}")
    lines = tab.page.get_by_text("khadija.mint.mohamed@exemple.mr").evaluate("it => it.getClientRects().length")
    assert lines == 1
    row, tiles = tab.page.locator("dl.kpis").first.bounding_box(), tab.page.locator("dl.kpis").first.locator(".kpi")
    boxes = [tile.bounding_box() for tile in tiles.all()]
    assert row and len(boxes) == 5
    widths: dict[float, float] = {}
    for box in boxes:
        assert box
        widths[round(box["y"])] = widths.get(round(box["y"]), 0) + box["width"]
    assert all(abs(width - row["width"]) < 4 for width in widths.values()), widths


@pytest.mark.parametrize("locale", ["fr-FR", "ar-MR", "en-GB"])
def test_a_printed_statement_shows_every_column(open_tab: Callable[..., Tab], world: World, locale: str) -> None:
    key = world.key("Boutique")
    spend(world, key)
    tab = open_tab(locale=locale, viewport={"width": 680, "height": 962})  # A4 within its margins, in CSS pixels
    tab.open(f"/dashboard/usage/statement/{key.id}")
    tab.page.emulate_media(media="print")
    table = tab.page.locator(".statement .scroll")
    expect(table.locator("tbody tr")).to_have_count(3)
    assert table.evaluate("it => it.scrollWidth - it.clientWidth") == 0
