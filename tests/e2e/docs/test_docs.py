"""The documentation in Chromium: accessibility, right to left, narrow, dark, print, and without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from dashboard.pages.docs import views
from tests.support.app_certificates import DEBUG
from tests.support.browser import LOOKS, NARROW, Tab
from tests.support.dashboard_client import World
from tests.support.stack import until

pytestmark = pytest.mark.timeout(300)
PAGES = [*(("" if doc.name == "start" else doc.name) for doc in views.DOCS), "search", "search?q=sms"]
DOCTOR = "retriever?" + urlencode({"package": "mr.example.shop", "certificate": DEBUG, "hash": "FA+9qCX9VSu"})
MIRRORED = ("", "reference", DOCTOR)  # of one template: judged by axe in Arabic, too
FAULT = "retriever?" + urlencode({"package": "shop", "certificate": "x"})


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_every_page_of_the_docs_is_accessible(
    open_tab: Callable[..., Tab],
    locale: str,
    scheme: str,
    viewport: dict[str, int],
) -> None:
    tab = open_tab(None, locale, viewport=viewport, color_scheme=scheme)
    found = {}
    for name in [*PAGES, DOCTOR, FAULT]:
        tab.open(f"/docs/{locale[:2]}/{name}")
        found[name[:40]] = tab.faults() if locale == "fr-FR" or name in MIRRORED else tab.spills()
    assert {name: faults for name, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_the_hashes_that_keys_send_are_accessible(
    open_tab: Callable[..., Tab],
    world: World,
    locale: str,
    scheme: str,
    viewport: dict[str, int],
) -> None:
    key = world.key("متجر Boutique", mode="test")
    for number, sent in enumerate(("tLeaev13RB4", "tleaev13rb4", "FA+9qCX9VSu")):
        world.code(key, f"+2223808933{number}", app_hash=sent)
    tab = open_tab("viewer", locale, viewport=viewport, color_scheme=scheme)
    tab.open(f"/docs/{locale[:2]}/{DOCTOR}")
    expect(tab.page.locator("table.sent tbody tr")).to_have_count(3)
    assert tab.faults() == []


def test_one_choice_of_language_holds_for_all_samples(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None)
    page = tab.page
    tab.open("/docs/en/")
    page.locator("#sample-sms").get_by_text("Python", exact=True).click()
    expect(page.locator('#sample-code [data-lang="python"]')).to_be_visible()
    expect(page.locator('#sample-code [data-lang="curl"]')).to_be_hidden()
    tab.open("/docs/en/whatsapp")
    expect(page.locator('#sample-send [data-lang="python"]')).to_be_visible()
    assert tab.said == []


def test_a_sample_is_copied_as_it_stands(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None, permissions=["clipboard-read", "clipboard-write"])
    tab.open("/docs/en/")
    tab.page.locator('#sample-sms [data-lang="curl"] [data-copy]').click()
    shown = tab.page.locator('#sample-sms [data-lang="curl"] code').text_content()
    until(lambda: tab.page.evaluate("navigator.clipboard.readText()") == shown, 10)


def test_the_copy_button_stands_beside_the_code_in_arabic_too(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None, "ar-MR", viewport=NARROW)
    tab.open("/docs/ar/")
    pane = tab.page.locator('#sample-sms [data-lang="curl"] .pane')
    button, box = pane.locator("button").bounding_box(), pane.bounding_box()
    assert button and box
    assert button["x"] > box["x"] + box["width"] / 2, "code runs from left to right"


def test_a_cell_says_what_its_column_is_on_a_phone(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None, viewport=NARROW)
    tab.open("/docs/en/machines")
    table = tab.page.locator("table", has_text="100,000")
    expect(table.locator("thead")).to_be_hidden()
    shown = (
        table.locator("tbody tr")
        .first.locator("th, td")
        .evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")
    )
    assert shown == ['"Messages a day"', '"At the peak"', '"Kept for 90 days"', '"What it takes"']


def test_search_answers_while_one_types(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None)
    tab.open("/docs/fr/limits")
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("otp_expired")
    link = tab.page.locator('#found a[href="/docs/fr/errors#otp_expired"]')
    expect(link).to_be_visible()
    link.click()
    expect(tab.page.locator("tr#otp_expired")).to_be_in_viewport()
    assert tab.said == []


def test_all_of_it_works_without_javascript(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None, "fr-FR", java_script_enabled=False)
    page = tab.page
    tab.open("/docs/fr/")
    page.locator("#sample-sms").get_by_text("Kotlin", exact=True).click()
    expect(page.locator('#sample-sms [data-lang="kotlin"]')).to_be_visible()
    page.get_by_role("searchbox").fill("vérificateur")
    page.get_by_role("searchbox").press("Enter")
    page.locator("#found a").first.click()
    expect(page.locator("#doctor-form")).to_be_visible()
    page.get_by_label("Nom du paquet").fill("mr.example.shop")
    page.get_by_label("Certificat de signature").fill(DEBUG)
    page.get_by_role("button", name="Trouver le hash").click()
    expect(page.get_by_text("tLeaev13RB4")).to_be_visible()


def test_the_docs_print_without_their_shell(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab(None)
    tab.open("/docs/en/reference")
    tab.page.emulate_media(media="print")
    for part in (".top", "#nav", ".docs-search", ".docs-turn", ".on-page"):
        expect(tab.page.locator(part).first).to_be_hidden()
    expect(tab.page.locator("h1")).to_be_visible()
