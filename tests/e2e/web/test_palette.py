"""The palette and the keys in Chromium: by keyboard alone, on a phone, accessible while it is open."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import LOOKS, Tab
from tests.support.dashboard_client import World
from tests.support.furnished import LIST, furnish

SHIFT, CTRL = 8, 2  # as the debugger counts them

pytestmark = pytest.mark.timeout(240)

# Between the options and the event that tells of them.
ARROW_AS_SOON_AS_TWO_ARE_THERE = """() => new MutationObserver((_, observer) => {
    if (document.querySelectorAll("#palette [role=option]").length !== 2) return;
    observer.disconnect();
    document.querySelector("#palette [role=combobox]")
        .dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", cancelable: true }));
}).observe(document.querySelector("#palette"), { childList: true, subtree: true })"""


def test_ctrl_k_leads_anywhere_and_gives_the_focus_back(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/keys/")
    button = page.get_by_role("button", name="Create a key")
    button.focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    expect(page.locator("#palette [role=option]").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.keyboard.press("/")  # nothing is searched on this page
    expect(box).to_be_focused()
    page.keyboard.type("4511 2233")
    expect(page.locator("#palette [role=option]")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", "place-2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"{LIST}\?q=%2B22245112233"))
    assert tab.said == []


def counted_calls(page: Page) -> list[str]:
    """The addresses that the page posts to from now on."""
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    return posted


def test_what_arrows_chose_stays_when_options_come_late(open_tab: Callable[..., Tab], world: World) -> None:
    furnish(world)
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/keys/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette [aria-selected=true]")).to_be_visible()
    page.keyboard.press("Escape")
    with page.expect_response("**/dashboard/go/"):
        asked = counted_calls(page)
        page.keyboard.press("Control+k")
    assert len(asked) == 1
    page.evaluate(ARROW_AS_SOON_AS_TWO_ARE_THERE)
    page.get_by_role("combobox").fill("4511 2233")
    second = page.locator("#place-2[aria-selected=true]")
    expect(second).to_be_visible()
    page.locator("#palette [role=option]").evaluate_all("all => all.forEach(one => one.dataset.old = '')")
    page.evaluate("htmx.trigger(document.querySelector('#palette form'), 'opened')")
    expect(page.locator("[data-old]")).to_have_count(0)
    expect(page.locator("#palette [role=option]")).to_have_count(2)
    expect(second).to_be_visible()
    page.get_by_role("combobox").fill("")
    expect(second).to_have_count(0)
    expect(page.locator("#palette [role=option]").first).to_have_attribute("aria-selected", "true")
    assert tab.said == []


def test_single_letters_lead_and_can_be_switched_off(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/keys/")
    page.keyboard.press("g")
    page.keyboard.press("w")
    tab.arrive(re.compile("/dashboard/lookup/$"))
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#dialog .shortcuts")).to_be_visible()
    assert tab.faults() == []
    page.locator("[data-single-keys]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    expect(page.locator("#dialog")).to_be_hidden()
    page.keyboard.type("g")
    expect(page.get_by_role("combobox")).to_have_value("g")


def test_an_arabic_keyboard_has_every_shortcut(open_tab: Callable[..., Tab], world: World) -> None:
    """Letters and “/” lie where they do on a Latin keyboard; “؟” is what the key writes, wherever it lies."""
    world.text(world.key())  # without a message nothing is searched in the log
    tab = open_tab(locale="ar-MR")
    page = tab.page
    keyboard = page.context.new_cdp_session(page)

    def press(key: str, code: str, modifiers: int = 0) -> None:
        event = {"key": key, "code": code, "modifiers": modifiers}
        keyboard.send(
            "Input.dispatchKeyEvent", {"type": "keyDown", **event, **({} if modifiers & CTRL else {"text": key})}
        )
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    tab.open("/dashboard/keys/")
    page.locator("h1").click()
    press("ل", "KeyG")
    press("ة", "KeyM")
    expect(page).to_have_url(re.compile(f"{LIST}$"))
    page.wait_for_load_state()
    page.locator("h1").click()
    press("ظ", "Slash")
    expect(page.locator("main input[type=search]")).to_be_focused()
    press("ظ", "Slash")
    expect(page.locator("main input[type=search]")).to_have_value("ظ")  # in a field a key writes
    page.locator("h1").click()
    for key, code in (("؟", "Slash"), ("؟", "KeyM"), ("?", "Slash")):
        press(key, code, SHIFT)
        expect(page.locator("#dialog .shortcuts kbd", has_text="؟")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#dialog")).to_be_hidden()
    press("ن", "KeyK", CTRL)
    expect(page.locator("#palette input")).to_be_focused()
    assert tab.said == []


@pytest.mark.parametrize(("locale", "name"), [("fr-FR", "consomm"), ("ar-MR", "استهلاك")])
def test_what_is_typed_or_pasted_leads_there_by_enter(
    open_tab: Callable[..., Tab], world: World, locale: str, name: str
) -> None:
    key, message = furnish(world)
    tab = open_tab(locale=locale)
    page = tab.page
    tab.open("/dashboard/keys/")
    for typed, place in (
        ("+222 45 11 22 33", r"/lookup/\?phone=%2B22245112233$"),
        ("٤٥١١٢٢٣٣", r"/lookup/\?phone=%2B22245112233$"),
        ("boutiq", f"/keys/{key.id}$"),
        ("تطب", rf"/keys/(?!{key.id})[0-9a-f-]+$"),
        (name, "/usage/$"),
        (message, f"{LIST}{message}$"),
    ):
        page.keyboard.press("Control+k")
        page.locator("#palette input").fill(typed)
        with page.expect_event("load"):  # the address alone may be that of the page before
            page.keyboard.press("Enter")  # before an answer is there
        expect(page).to_have_url(re.compile(place))
    assert tab.said == []


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_the_open_palette_is_accessible(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, viewport: dict[str, int]
) -> None:
    furnish(world)
    tab = open_tab("operator", locale, viewport=viewport, color_scheme=scheme)
    page = tab.page
    tab.open("/dashboard/")
    page.locator("[data-palette]").click()
    for typed in ("", "4511", "Bouti", "????"):
        page.get_by_role("combobox").fill(typed)
        expect(
            page.locator("#places [role=option]") if typed != "????" else page.locator("#places .pad")
        ).not_to_have_count(0)
        assert (tab.faults() if locale == "fr-FR" or typed == "4511" else tab.spills()) == [], typed
        tab.keep(f"{locale[:2]}-{scheme}-{viewport['width']}", f"palette-{len(typed)}")
