"""The pages of webhooks in Chromium: accessibility in each look, rows that keep apart, and a test event that shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from dashboard.db import utcnow
from dashboard.gateway.webhooks import endpoints, queue
from dashboard.gateway.webhooks.queue import AttemptResult
from tests.support.browser import LOOKS, Tab
from tests.support.dashboard_client import World

pytestmark = pytest.mark.timeout(300)
OVERLAPS = """() => [...document.querySelectorAll("tbody tr")].flatMap(row => {
    const boxes = [...row.children].map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return [cell.textContent.trim().slice(0, 30), range.getBoundingClientRect()];
    }).filter(([, box]) => box.width && box.height);
    return boxes.flatMap(([one, a], index) => boxes.slice(index + 1)
        .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)
        .map(([other]) => `${one} lies over ${other}`));
})"""


def furnish(world: World) -> str:
    """An endpoint that failed, then worked, and has more to come; return its id."""
    services = world.services
    with services.sessions.begin() as session:
        wanted = endpoints.NewEndpoint(
            world.key("بوتيك").id, "https://shop.example.mr/hooks/with/a/rather/long/path?and=more"
        )
        endpoint, _ = endpoints.create(session, endpoints.cipher(services.settings), wanted)
        made = endpoint.id
        endpoints.rotate(session, endpoints.cipher(services.settings), endpoint)
        for _ in range(3):
            endpoints.send_test(session, endpoint)
    answers = (
        AttemptResult(utcnow(), timedelta(milliseconds=84), 500, "refused", "<b>out of order</b> " * 9),
        AttemptResult(utcnow(), timedelta(seconds=15), None, "no_answer"),
        AttemptResult(utcnow(), timedelta(milliseconds=12), 204),
    )
    for told in answers:
        with services.sessions() as session:
            turns = [turn for failing in (False, True) for turn in queue.claim(session, 1, failing=failing)]
        with services.sessions.begin() as session:
            (errand,) = queue.take(session, turns[0], 1)
            queue.settle(session, turns[0], [(errand, told)])
            queue.release_lease(session, turns[0])
    return made


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_every_page_of_webhooks_is_accessible(
    open_tab: Callable[..., Tab],
    world: World,
    locale: str,
    scheme: str,
    viewport: dict[str, int],
) -> None:
    one = f"/dashboard/webhooks/{furnish(world)}"
    tab = open_tab("owner", locale, viewport=viewport, color_scheme=scheme)
    found = {}
    for name in ("/dashboard/webhooks/", one):
        tab.open(name)
        found[name] = [*tab.faults(), *tab.page.evaluate(OVERLAPS)]
    for act in ("replay", "edit", "rotate", "disable", "delete"):
        tab.open(one)
        tab.page.locator(f'.hook-acts a[href$="/{act}"]').click()
        expect(tab.page.locator("#dialog[open] form")).to_be_visible()
        wide = "() => { const it = document.querySelector('#dialog'); return it.scrollWidth - it.clientWidth; }"
        faults = tab.faults() if locale == "fr-FR" else tab.spills()
        found[act] = [*faults, *["the dialog scrolls sideways"] * (tab.page.evaluate(wide) > 0)]
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_test_event_shows_among_the_calls_without_a_reload(
    open_tab: Callable[..., Tab],
    world: World,
) -> None:
    made = furnish(world)
    tab = open_tab("operator")
    tab.open(f"/dashboard/webhooks/{made}")
    calls = tab.page.locator(".calls tbody tr")
    expect(calls.first).to_be_visible()
    before = calls.count()
    tab.page.get_by_role("button", name="Send test event").click()
    expect(tab.page.get_by_text("Test event sent.")).to_be_visible()
    services = world.services
    with services.sessions() as session:
        turns = [turn for failing in (False, True) for turn in queue.claim(session, 1, failing=failing)]
    with services.sessions.begin() as session:
        (errand,) = queue.take(session, turns[0], 1)
        queue.settle(session, turns[0], [(errand, AttemptResult(utcnow(), timedelta(milliseconds=1), 200))])
    expect(tab.page.locator(".calls tbody tr")).to_have_count(before + 1)
    assert tab.said == []
