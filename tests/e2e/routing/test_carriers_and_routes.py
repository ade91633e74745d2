"""Carriers and routes in Chromium: both directions, by keyboard, without JavaScript; a trial by a real carrier."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from dashboard.db import utcnow
from dashboard.gateway.carriers import carriers
from dashboard.gateway.messages import status
from dashboard.gateway.routing import rules, test_message
from dashboard.models.delivery import FailedAttempt
from tests.support import fake_carrier as carrier_server
from tests.support import tables
from tests.support.browser import LOOKS, PATIENCE_MS, Tab, sign_in_owner
from tests.support.dashboard_client import World
from tests.support.fake_carrier import Carrier, Wire
from tests.support.furnished_carriers import furnish_carriers
from tests.support.stack import Stack, run_stack

CARRIERS, ROUTES = "/dashboard/carriers/", "/dashboard/routes/"


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_every_page_is_accessible_in_both_directions(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, viewport: dict[str, int]
) -> None:
    world.key("Boutique")
    tab = open_tab("owner", locale, viewport=viewport, color_scheme=scheme)
    found = {}
    for url in (CARRIERS, ROUTES):
        tab.open(url)
        found[f"{url} at first"] = tab.faults() if locale == "fr-FR" else tab.spills()
    ids = furnish_carriers(world.services)
    mauritel, rule = f"{CARRIERS}{ids['mauritel']}", f"{ROUTES}rule?channel=sms"
    urls = [CARRIERS, mauritel, f"{CARRIERS}{ids['mattel']}", f"{CARRIERS}{ids['spare']}", f"{CARRIERS}new"]
    urls += [f"{CARRIERS}new?kind={kind}" for kind in ("http", "smsgate", "whatsapp")]
    urls += [f"{mauritel}/{act}" for act in ("edit", "disable", "remove")]
    with world.services.sessions.begin() as session:  # a fixed line, which has the longest line of badges
        reference, _ = test_message.submit(
            session, world.services.keyring, carriers.find(session, "mauritel"), "+22245112233"
        )
        message = status.find(session, reference)
        assert message
        answer = '200 {"status":"ERR","error":"100","error_string":"authentication failed"}' * 3
        for outcome, code in (("again", "http_503"), ("taken", "carrier_taken_with_error")):
            told = {"message_id": message.id, "at": utcnow(), "carrier": "mauritel", "outcome": outcome}
            session.add(FailedAttempt(code=code, answer=answer, **told))
    mirrored = [mauritel, rule, ROUTES]  # have all parts of the others: judged by axe in Arabic, too
    urls += [
        f"{mauritel}/test/{reference}",
        f"{CARRIERS}{ids['meta']}",
        f"/dashboard/messages/{reference}",
        "/dashboard/",
        ROUTES,
        f"{ROUTES}?phone=45112233",
        f"{ROUTES}new",
        rule,
        f"{ROUTES}remove?channel=sms&operator=3",
    ]
    for url in urls:
        tab.open(url)
        found[url] = tab.faults() if locale == "fr-FR" or url in mirrored else tab.spills()
    assert {url: faults for url, faults in found.items() if faults} == {}


def order(page: Page) -> list[str]:
    return [str(one.get_attribute("value")) for one in page.locator(".edit-legs [name=carrier]").all()]


def test_a_rule_is_ordered_by_keyboard_and_focus_stays(open_tab: Callable[..., Tab], world: World) -> None:
    furnish_carriers(world.services)
    tab = open_tab()
    page = tab.page
    tab.open(f"{ROUTES}rule?channel=sms")
    page.get_by_label("Another carrier").select_option("spare")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#leg-spare")).to_be_visible()
    page.locator("#share-spare").check()
    page.locator("#up-spare").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("spare is now number 2 of 3.")
    expect(page.locator("#up-spare")).to_be_focused()
    expect(page.locator("#share-spare")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("spare is now number 1 of 3.")
    assert order(page) == ["spare", "mauritel", "mattel"]
    page.locator("#weight-spare").fill("5")
    page.keyboard.press("Enter")  # in a field it saves
    expect(page.get_by_role("heading", name="Routes", exact=True)).to_be_visible()
    with world.services.sessions() as session:
        found = [(one.carrier.name, one.weight) for one in dict(rules.rules(session))["sms", None, None]]
    assert found == [("spare", 5), ("mauritel", 70), ("mattel", 30)]
    assert tab.said == []


def test_a_wrong_form_shows_its_faults_first_and_keeps_what_was_typed(
    open_tab: Callable[..., Tab], world: World
) -> None:
    tab = open_tab()
    page = tab.page
    tab.open(f"{CARRIERS}new?kind=http")
    page.get_by_label("Name", exact=True).fill("mauritel")
    page.locator("#f-v-url").fill("http://sms.example.org")
    page.get_by_label("Template of the body").fill('{"to": "{phone}"}')
    page.get_by_label("Password").fill("hush-hush")
    page.get_by_role("button", name="Add carrier").click()
    expect(page.locator(".err-sum")).to_be_focused()
    page.locator(".err-sum a").first.click()
    expect(page.locator("#f-v-url")).to_be_focused()
    expect(page.locator("#f-v-url")).to_have_value("http://sms.example.org")
    assert "hush-hush" not in page.content()
    assert tab.faults() == []


def test_rules_and_carriers_are_made_without_javascript(open_tab: Callable[..., Tab], world: World) -> None:
    furnish_carriers(world.services)
    tab = open_tab(java_script_enabled=False)
    page = tab.page
    tab.open(f"{ROUTES}rule?channel=sms")
    page.get_by_role("button", name="Move up · mattel").click()
    assert order(page) == ["mattel", "mauritel"]
    page.get_by_role("button", name="Save rule").click()
    expect(page.get_by_text("Rule saved.")).to_be_visible()
    tab.open(f"{ROUTES}remove?channel=sms&operator=3")
    page.get_by_role("button", name="Remove rule").click()
    expect(page.get_by_text("Rule removed")).to_be_visible()


# With every process real, and a carrier on the loopback whose ledger is the judge


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from run_stack(tables.sqlite, tmp_path_factory.mktemp("s") / "home")


@pytest.fixture
def real() -> Iterator[Carrier]:
    with carrier_server.running() as running:
        yield running


def enter(chromium: Chromium, stack: Stack) -> Page:
    """An owner's browser."""
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    address = sign_in_owner(context, stack)
    page = context.new_page()
    page.goto(address + CARRIERS)
    return page


def takes(wire: Wire) -> None:
    wire.answer(200, b'{"id": "ref-1"}')


def busy(wire: Wire) -> None:
    wire.answer(503, b"{}", Retry_After="6")  # long enough to be read


def test_a_carrier_is_added_tried_and_heard_on_one_page(chromium: Chromium, whole: Stack, real: Carrier) -> None:
    real.plays(busy, takes)
    page = enter(chromium, whole)
    page.get_by_role("link", name="HTTP carrier").click()
    page.get_by_label("Name", exact=True).fill("loopback")
    page.locator("#f-v-url").fill(f"{real.url}/send")
    page.get_by_label("Template of the body").fill('{"to": "{phone}", "text": "{text}", "id": "{id}"}')
    page.get_by_label("Where the reference stands").fill("json id")
    reports = {"callback_format": "json", "callback_check": "query"}
    for name, choice in reports.items():
        page.locator(f"#f-v-{name}").select_option(choice)
    fields = {"reference": "ref", "state": "state", "field": "k", "secret": "a-secret-of-16-or-more"}
    for name, value in fields.items():
        page.locator(f"#f-v-callback_{name}").fill(value)
    page.get_by_text("Advanced settings").click()
    page.get_by_label("Allow plain HTTP").check()
    page.get_by_label("Allow private addresses").check()
    page.get_by_role("button", name="Add carrier").click()
    expect(page.locator("#standing")).to_contain_text("Operational", timeout=15_000)
    assert real.ledger == []

    page.get_by_label("Number", exact=True).fill("47 11 22 33")
    page.get_by_role("button", name="Send test").click()
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text("HTTP status 503", timeout=15_000)
    expect(outcome).to_contain_text("Tried again")
    expect(outcome).to_contain_text("The carrier has accepted it.", timeout=30_000)
    [first, second] = [json.loads(request.body) for request in real.ledger]
    assert first == second and first["to"] == "+22247112233" and "test of loopback" in first["text"]

    callback = page.locator("#callback").inner_text()
    path = callback[callback.index("/callbacks/") :] + "?k=a-secret-of-16-or-more"
    answer = whole.call("POST", path, json={"ref": "ref-1", "state": "DELIVRD"})
    assert answer.status_code == 200
    expect(outcome).to_contain_text("It is on the phone.", timeout=10_000)
    page.get_by_role("link", name="Look at the message").click()
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Not accepted by loopback")
    expect(drawer).to_contain_text("Delivered to the phone")
    expect(page).to_have_url(re.compile(r"/dashboard/messages/[0-9a-f-]{36}$"))
    page.context.close()
