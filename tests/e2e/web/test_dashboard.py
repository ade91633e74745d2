"""The pages in Chromium: accessibility, keyboard, live rows, no word in the console under the strict policy."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.models.accounts import UserSession
from dashboard.models.api_keys import ApiKey
from tests.support.browser import LOOKS, POLL_MS, Tab
from tests.support.dashboard_client import PASSWORD, World
from tests.support.furnished import LIST, furnish

pytestmark = pytest.mark.timeout(240)


def test_a_key_is_made_by_keyboard_alone_and_shown_once(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/keys/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Create a key")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#f-name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".err-sum")).to_be_focused()
    page.locator("#f-name").fill("Shop")
    page.keyboard.press("Enter")
    secret = page.locator("#secret")
    expect(secret).to_contain_text("cq_test_")  # the first key is one to try with
    shown = secret.inner_text()
    assert tab.faults() == []
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_contain_text("Shop")
    expect(secret).to_have_count(0)
    assert shown not in page.content()
    page.reload()
    expect(page.locator("#keys")).to_contain_text("Shop")
    assert shown not in page.content()
    expect(page.locator("#keys tbody tr")).to_have_count(1)


def test_the_drawer_has_its_address_and_gives_focus_and_list_back(open_tab: Callable[..., Tab], world: World) -> None:
    _, failed = furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open(f"{LIST}?status=failed")
    row = page.locator(".row-link").first
    row.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#drawer-t")).to_be_focused()
    expect(page).to_have_url(re.compile(f"{failed}$"))
    page.keyboard.press("Escape")
    expect(row).to_be_focused()
    expect(page).to_have_url(re.compile(rf"{LIST}\?status=failed$"))
    assert tab.said == []


def test_a_direct_visit_opens_the_drawer_over_the_list(open_tab: Callable[..., Tab], world: World) -> None:
    _, failed = furnish(world)
    tab = open_tab()
    tab.open(LIST + failed)
    expect(tab.page.locator("#drawer")).to_have_attribute("open", "")
    assert tab.page.locator("#drawer").evaluate("dialog => dialog.matches(':modal')")
    tab.page.locator("#drawer").get_by_label("Close").click()
    expect(tab.page).to_have_url(re.compile(f"{LIST}$"))


def test_search_narrows_while_typing_and_keeps_the_address(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open(LIST)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("4511")
    expect(page.locator("#q")).to_have_value("4511")
    expect(page.locator("tr.click")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    expect(page).to_have_url(re.compile("q=4511"))  # it follows what is shown
    page.get_by_text("Failed", exact=True).first.click()
    expect(page.get_by_role("heading", name="No message for “4511”")).to_be_visible()
    assert tab.faults() == []


def test_states_change_in_place_and_new_messages_wait(open_tab: Callable[..., Tab], world: World) -> None:
    key = world.key()
    first = world.text(key)
    tab = open_tab()
    page = tab.page
    page.clock.install()
    tab.open(LIST)
    row = page.locator(f"#m-{first.id}")
    before = row.bounding_box()
    world.settle(first.id, **world.sent())
    world.text(key)
    tab.poll(row.filter(has_text="Delivered"))
    fresh = page.locator("#fresh-link")
    expect(fresh).to_have_text("1 new message")
    assert row.bounding_box() == before
    fresh.click()
    expect(page.locator("tr.click")).to_have_count(2)
    expect(fresh).to_have_count(0)
    assert tab.said == []


def test_a_paused_list_asks_for_nothing(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    tab.page.clock.install()
    tab.open(LIST)
    tab.page.get_by_label("Pause updates").click()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    for _ in range(3):
        tab.page.clock.fast_forward(POLL_MS)
        tab.page.wait_for_timeout(100)
    assert asked == []


def test_a_session_that_ended_leads_from_a_poll_to_sign_in_and_back(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    tab.page.clock.install()
    tab.open(f"{LIST}?status=failed")
    with world.services.sessions.begin() as session:
        session.execute(update(UserSession).values(seen_at=utcnow() - timedelta(hours=1)))
    tab.poll(tab.page.get_by_role("heading", name="Sign in"))
    expect(tab.page.locator("[name=next]").last).to_have_value(f"{LIST}?status=failed")


def test_everything_reads_and_works_without_javascript(open_tab: Callable[..., Tab], world: World) -> None:
    key, failed = furnish(world)
    tab = open_tab(java_script_enabled=False)
    page = tab.page
    tab.open(f"{LIST}?q=4511")
    expect(page.locator("tr.click")).to_have_count(1)
    tab.open(LIST + failed)
    expect(page.locator("#drawer")).to_be_visible()
    tab.open(f"/dashboard/keys/{key.id}/revoke")
    page.locator("#f-name").fill("Boutique")
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("Key Boutique revoked")).to_be_visible()


def test_back_leads_where_one_was(open_tab: Callable[..., Tab], world: World) -> None:
    key, failed = furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/keys/")
    page.get_by_role("link", name="Messages", exact=True).click()
    tab.arrive(re.compile(f"{LIST}$"))
    page.get_by_text("Failed", exact=True).first.click()
    expect(page).to_have_url(re.compile("status=failed"))
    page.locator(".row-link").first.click()
    expect(page).to_have_url(re.compile(failed))
    page.locator("#drawer").get_by_role("link", name="Boutique").click()
    tab.arrive(re.compile(f"{key.id}$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Boutique")
    page.get_by_role("link", name="30 days").click()
    expect(page).to_have_url(re.compile(f"{key.id}.period=30d"))
    page.go_back()
    expect(page.locator("#drawer[open]")).to_contain_text("The carrier could not be reached")
    page.go_back()
    expect(page).to_have_url(re.compile(r"/messages/\?status=failed$"))
    expect(page.locator("#drawer")).to_be_hidden()
    expect(page.locator(".msgs tr.click")).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(re.compile("/messages/$"))
    expect(page.locator(".msgs tr.click")).to_have_count(5)
    page.go_back()
    expect(page).to_have_url(re.compile("/dashboard/keys/$"))
    assert tab.said == []


@pytest.mark.parametrize("place", [LIST, "/dashboard/"])
def test_back_closes_the_drawer_without_loading_the_list_anew(
    open_tab: Callable[..., Tab], world: World, place: str
) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open(place)
    page.evaluate("document.body.dataset.same = ''")
    for close in (
        page.go_back,
        lambda: page.keyboard.press("Escape"),
        lambda: page.locator("#drawer").get_by_label("Close").click(),
    ):
        page.locator(".row-link").first.click()
        expect(page.locator("#drawer")).to_be_visible()
        expect(page).to_have_url(re.compile("/messages/[0-9a-f-]{36}$"))
        close()
        expect(page.locator("#drawer")).to_be_hidden()
        expect(page).to_have_url(re.compile(f"{place}$"))
    expect(page.locator("body[data-same]")).to_have_count(1)
    assert tab.said == []


def test_addresses_hold_no_empty_parameters_and_letters_make_one_entry(
    open_tab: Callable[..., Tab], world: World
) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open(LIST)
    page.locator("[name=channel]").select_option("sms")
    expect(page).to_have_url(re.compile(rf"{LIST}\?channel=sms$"))
    for typed in ("4511", "451122"):
        page.locator("#q").fill(typed)
        expect(page).to_have_url(re.compile(rf"{LIST}\?q={typed}&channel=sms$"))
    page.go_back()
    expect(page).to_have_url(re.compile(rf"{LIST}\?channel=sms$"))
    expect(page.locator("#q")).to_have_value("")


def test_what_was_typed_when_a_session_ended_is_there_after_the_sign_in(
    open_tab: Callable[..., Tab], world: World
) -> None:
    tab = open_tab("operator")
    page = tab.page
    tab.open("/dashboard/limits/")
    page.get_by_role("button", name="Add an override").click()
    page.locator("#f-scope input[value=phone]").check()
    page.locator("#f-phone").fill("38 08 93 36")
    page.locator("#f-reason").fill("Ticket 4711")
    with world.services.sessions.begin() as session:
        session.execute(update(UserSession).values(seen_at=utcnow() - timedelta(hours=1)))
    page.get_by_role("button", name="Save override").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.locator("[name=email]").fill("operator@example.org")
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#dialog #f-reason")).to_have_value("Ticket 4711")
    expect(page.locator("#dialog #f-phone")).to_have_value("38 08 93 36")
    expect(page.locator("#f-scope input[value=phone]")).to_be_checked()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_lost_connection_is_told_until_it_is_back(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    page.clock.install()
    tab.open(LIST)
    page.route("**/live*", lambda route: route.abort())
    lost = page.locator("#lost").filter(visible=True)
    tab.poll(lost)
    expect(page.locator("#lost")).to_have_text(re.compile(r"does not answer. What you see is of [0-9]{2}:[0-9]{2}"))
    page.unroute("**/live*")
    tab.poll(lost, 0)


def test_an_export_shows_how_far_it_is_and_holds_what_is_filtered(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab("operator")
    page = tab.page
    tab.open(f"{LIST}?status=failed")

    def wait(route: Route) -> None:
        expect(page.locator(".toast progress")).to_be_visible()
        route.continue_()

    page.route("**/export.csv*", wait)
    with page.expect_download() as arriving:
        page.get_by_role("link", name="Export as CSV").click()
    expect(page.locator(".toast")).to_have_count(0)
    with arriving.value.path().open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["failed"]
    page.route("**/export.csv*", lambda route: route.fulfill(status=500))
    page.get_by_role("link", name="Export as CSV").click()
    expect(page.locator(".toast.bad")).to_contain_text("The server did not answer")


def test_a_message_prints_alone_and_dark_on_light(open_tab: Callable[..., Tab], world: World) -> None:
    _, failed = furnish(world)
    tab = open_tab(color_scheme="dark")
    tab.open(LIST + failed)
    tab.page.emulate_media(media="print")
    expect(tab.page.locator("#drawer-t")).to_be_visible()
    for hidden in ("main", ".top", ".nav", ".drawer-foot"):
        expect(tab.page.locator(hidden).first).to_be_hidden()
    colour = "it => getComputedStyle(it).color.match(/\\d+/g).slice(0, 3).map(Number)"
    assert max(tab.page.locator("#drawer-t").evaluate(colour)) < 100
    assert len(tab.page.pdf()) > 5_000


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_what_somebody_else_saved_meanwhile_stands_beside_one_s_own(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, viewport: dict[str, int]
) -> None:
    key = world.key("Boutique")
    tab = open_tab("owner", locale, viewport=viewport, color_scheme=scheme)
    page = tab.page
    tab.open(f"/dashboard/keys/{key.id}")
    page.locator("[hx-get$='/edit']").click()
    expect(page.locator("#f-name")).to_be_visible()
    with world.services.sessions.begin() as session:
        session.execute(update(ApiKey).values(name="Boutique, Android"))
    page.locator("#f-name").fill("Boutique, iOS")
    page.keyboard.press("Enter")
    expect(page.locator(".conflict td")).to_have_text(["Boutique, Android", "Boutique, iOS"])
    tab.page.locator(".conflict").scroll_into_view_if_needed()
    assert tab.faults() == []
    tab.keep(f"{locale[:2]}-{scheme}-{viewport['width']}", "conflict")
