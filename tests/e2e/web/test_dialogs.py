"""Every page and dialog by keyboard alone: the focus is seen, stays in a dialog, and comes back; each passes axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.opt_outs import opt_outs
from dashboard.models.inbound import IncomingMessage
from dashboard.pages.registry import PAGES
from tests.support.browser import NARROW, Tab
from tests.support.dashboard_client import World
from tests.support.furnished import acts, furnish, furnish_more, invitation

pytestmark = pytest.mark.timeout(240)

MOST_STOPS, AT_ONCE = 200, 10
DIALOGS = ":is(a, button)[hx-get][hx-target='#dialog-body']"
# What holds the focus tells it by an outline or a shadow of its own, of what covers its row, or of what is around it.
WATCH = """() => {
    document.querySelector("#main").focus();
    window.stops = new Map();
    document.addEventListener("focusin", ({ target }) => {
        const ring = [[target], [target, "::after"], [target.parentElement]].map(one => getComputedStyle(...one));
        const box = target.getBoundingClientRect();
        const isShown = box.width > 0 && box.bottom > 0 && box.top < innerHeight &&
            ring.some(style => style.outlineStyle !== "none" || style.boxShadow !== "none");
        stops.set(target, isShown);
    });
}"""
MISSED = """() => {
    const all = [...document.querySelectorAll("main :is(a[href], button, input, select, textarea, summary)")];
    const hidden = "[disabled], [type=hidden], [tabindex='-1'], dialog *, .vh";
    const reached = it => stops.has(it) || (it.type === "radio" && [...stops.keys()].some(one => one.name === it.name));
    return all.filter(it => it.checkVisibility() && !it.matches(hidden) && !reached(it))
        .map(it => it.outerHTML.slice(0, 120));
}"""
UNSEEN = "() => [...stops].filter(([, isShown]) => !isShown).map(([it]) => it.outerHTML.slice(0, 120))"
# On a phone a row of a table is a card, and its column has no head.
UNNAMED = """() => [...document.querySelectorAll(".cardy td.n:not([data-label])")]
    .filter(it => /^[\\d.,\\s%–-]+$/.test(it.textContent)).map(it => `without a name: ${it.outerHTML.slice(0, 120)}`)"""
OUTSIDE = "() => [...stops.keys()].filter(it => !it.closest('#dialog')).map(it => it.outerHTML.slice(0, 120))"


def furnish_all(world: World) -> list[str]:
    """Put something on every page; return the addresses that the register does not tell."""
    key, _failed = furnish(world)
    webhook, _loose = furnish_more(world, key)
    invitation(world)
    acts(world)
    told = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}', "sender": "3601"}
    with world.services.sessions.begin() as session:
        opt_outs.add(session, ["+22238089336"], word="STOP")
        cipher = carriers.cipher(world.services.settings)
        carrier = carriers.add(session, cipher, NewCarrier("http", "mauritel", told)).id
        talk = session.scalars(select(IncomingMessage.uuid)).first()
    below = (f"keys/{key.id}", f"webhooks/{webhook}", f"carriers/{carrier}", f"incoming/with/{talk}")
    return [*below, "incoming/keywords/", "usage/prices/", "limits/?phone=45112233", "messages/?status=failed"]


@pytest.mark.parametrize("part", [1, 2])
def test_every_page_and_dialog_is_walked_by_keyboard(open_tab: Callable[..., Tab], world: World, part: int) -> None:
    listed = [f"{page.url.removeprefix('/')}/" for page in PAGES if page.url != "/docs"]
    tab, judged = open_tab(locale="fr-FR"), set[str]()
    found: dict[str, Any] = {}
    urls = sorted([*listed, *furnish_all(world)])  # a list beside its rows, which lead to the same dialogs
    for url in urls[: len(urls) // 2] if part == 1 else urls[len(urls) // 2 :]:
        tab.open(f"/dashboard/{url}".replace("//", "/"))
        found[url] = walk(tab.page) + tab.page.evaluate(UNNAMED)
        for trigger in tab.page.locator(DIALOGS).all():
            kind = re.sub(r"[0-9a-f-]{36}|\d+|\?.*", "…", trigger.get_attribute("hx-get") or "")
            if kind not in judged and trigger.is_visible():
                judged.add(kind)
                found[kind] = through_dialog(tab, trigger)
    assert {place: faults for place, faults in found.items() if faults} == {}
    assert len(judged) > 10 and tab.said == []


def walk(page: Page) -> list[str]:
    """Press Tab until the page is through; what was never reached, and what did not show that it had the focus."""
    page.evaluate(WATCH)
    for _ in range(0, MOST_STOPS, AT_ONCE):
        press_tab(page, AT_ONCE)
        if not page.evaluate("document.activeElement.closest('main')"):
            break
    return [f"unseen: {stop}" for stop in page.evaluate(UNSEEN)] + [f"missed: {it}" for it in page.evaluate(MISSED)]


def through_dialog(tab: Tab, trigger: Locator) -> list[str]:
    """Open a dialog by Enter, judge it, go around in it by Tab, and leave it by Escape."""
    page, dialog = tab.page, tab.page.locator("#dialog")
    trigger.focus()
    page.evaluate("stops.clear()")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    found = tab.faults_within("#dialog")
    press_tab(page, dialog.locator("a[href], button, input, select, textarea").count() + 2)
    found += [f"outside: {it}" for it in page.evaluate(OUTSIDE)]
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    is_back = trigger.evaluate("it => it === document.activeElement")
    return found if is_back else [*found, "the focus did not come back"]


def press_tab(page: Page, times: int) -> None:
    for _ in range(times):
        page.keyboard.press("Tab")


def test_every_toast_can_be_read(open_tab: Callable[..., Tab], world: World) -> None:
    with world.services.sessions.begin() as session:
        opt_outs.add(session, ["+22238089336", "+22238089337", "+22238089338"])
    tab = open_tab()
    page, toasts = tab.page, tab.page.locator(".toast")
    page.clock.install()  # none of them leaves meanwhile
    tab.open("/dashboard/opt-outs/")
    for number in (2, 1, 0):
        page.locator("#opt-outs tbody .danger").first.click()
        page.locator("#dialog").get_by_role("button", name="Take off the list").click()
        expect(page.locator("#opt-outs tbody tr")).to_have_count(number)
    undo = page.locator(".toast.ok [data-undo] button")
    expect(undo).to_have_count(3)
    undo.first.click()
    expect(page.locator(".toast.ok", has_text="Number put on the list again")).to_have_count(1)
    with world.services.sessions.begin() as session:
        opt_outs.add(session, ["+22238089337"])
    undo.nth(0).click()
    expect(page.locator(".toast.bad", has_text="This number is on the list already")).to_have_count(1)
    expect(toasts).to_have_count(3)
    assert tab.faults_within("#toasts") == [] and tab.said == []


def test_what_is_said_without_an_answer_can_be_read_covers_nothing_and_goes_when_one_comes(
    open_tab: Callable[..., Tab], world: World
) -> None:
    world.text(world.key())
    tab = open_tab(viewport=NARROW)
    page = tab.page
    tab.open("/dashboard/messages/")
    page.route("**/export.csv*", lambda route: None)  # it is on its way for ever
    page.get_by_role("link", name="Export as CSV").click()
    expect(page.locator(".toast progress")).to_be_visible()
    the_list = re.compile(r"/messages/(live)?\?")  # also what it asks for by itself: an answer would end what is said
    page.route(the_list, lambda route: route.abort())
    page.locator("#q").fill("4511")
    unanswered = page.locator(".toast[data-unanswered]")
    expect(unanswered).to_have_count(1)
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    lost = page.locator("#lost")
    expect(lost).to_be_visible()
    assert tab.faults_within("#toasts") + tab.faults_within("#lost") == []
    bar, boxes = lost.bounding_box(), [toast.bounding_box() for toast in page.locator(".toast").all()]
    assert bar and len(boxes) == 2
    for box in boxes:
        assert box and (box["y"] >= bar["y"] + bar["height"] or box["y"] + box["height"] <= bar["y"])
    page.unroute(the_list)
    page.locator("#q").fill("45112")
    expect(unanswered).to_have_count(0)
    expect(lost).to_be_hidden()


def test_what_a_page_says_at_its_head_can_be_read_and_taken_back(open_tab: Callable[..., Tab], world: World) -> None:
    told = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
    with world.services.sessions.begin() as session:
        cipher = carriers.cipher(world.services.settings)
        carrier = carriers.add(session, cipher, NewCarrier("http", "mauritel", told)).id
    tab = open_tab()
    page = tab.page
    tab.open(f"/dashboard/carriers/{carrier}")
    page.get_by_role("button", name="Switch off").click()
    page.locator("#dialog").get_by_role("button", name="Switch off").click()
    flash = page.locator(".flashes .notice")
    expect(flash).to_contain_text("gets no more messages")
    assert tab.faults_within(".flashes") == []
    flash.get_by_role("button", name="Undo").press("Enter")
    expect(flash).to_contain_text("is used again")
    assert tab.said == []


def test_a_form_on_a_page_of_its_own_is_answered_in_its_place(open_tab: Callable[..., Tab], world: World) -> None:
    """Nothing opens over it: two of a kind on one page, and labels and faults would lead to the one behind."""
    world.key("Shop")
    tab = open_tab(locale="en-GB")
    page = tab.page
    tab.open("/dashboard/keys/new")
    page.locator("#solo .primary").click()
    expect(page.locator("#solo [aria-invalid=true]")).to_have_count(1)
    expect(page.locator("[id=dialog-t]")).to_have_count(1)
    expect(page.locator("#dialog")).to_be_hidden()
    tab.open("/dashboard/limits/new")
    page.get_by_role("button", name="Simulate on 7 days").click()
    expect(page.locator("#solo [aria-invalid=true]").first).to_be_visible()  # the answer is there, in the form's place
    expect(page.locator("[id=dialog-t]")).to_have_count(1)
    expect(page.locator("h1")).to_have_count(1)
    page.locator("#f-phone").fill("45112299")
    page.locator("#f-minute").fill("9")
    page.locator("#f-reason").fill("Ticket 7")
    page.locator("#solo .primary").click()
    expect(page).to_have_url(re.compile("/dashboard/limits/$"))
    expect(page.get_by_role("row", name="45 11 22 99")).to_be_visible()


def test_a_dialog_that_is_closed_while_its_content_comes_stays_closed(open_tab: Callable[..., Tab]) -> None:
    tab = open_tab()
    page = tab.page
    tab.open("/dashboard/opt-outs/")
    # Between the content and the event that tells of it, closing empties the dialog.
    page.evaluate("""() => window.addEventListener("htmx:after:swap", () => {
        document.querySelector("#dialog-body").replaceChildren();
        window.wasClosed = true;
    }, { capture: true, once: true })""")
    page.locator(DIALOGS).first.click()
    page.wait_for_function("() => window.wasClosed")
    assert not page.locator("#dialog").is_visible()
    page.locator(DIALOGS).first.click()
    expect(page.locator("#dialog")).to_be_visible()
    assert tab.said == []
