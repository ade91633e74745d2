"""A support agent's morning: twenty callers without a code, in French and in Arabic, each answer word for word."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from dashboard.db import utcnow
from dashboard.gateway.limits import rejections
from dashboard.gateway.limits.rejections import Rejection
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.models.otp import Otp
from tests.support import week
from tests.support.browser import LOOKS, NARROW, Tab
from tests.support.callers import CAUSES, limited
from tests.support.dashboard_client import World

pytestmark = pytest.mark.timeout(240)

DESK = "/dashboard/lookup/"
# Cut off first: what fails at another operator is that operator's own affair.
CALLERS = (
    ("21000001", CauseCode.CUT_OFF),
    ("21000002", CauseCode.CUT_OFF),
    ("31000001", CauseCode.VERIFIED),
    ("31000002", CauseCode.NOT_TYPED),
    ("31000003", CauseCode.EXPIRED),
    ("31000004", CauseCode.DEAD),
    ("31000005", CauseCode.TYPED_WRONG),
    ("31000006", CauseCode.ON_ITS_WAY),
    ("31000007", CauseCode.LIMIT_MINUTE),
    ("41000001", CauseCode.LIMIT_MINUTE),
    ("41000002", CauseCode.LIMIT_HOUR),
    ("41000003", CauseCode.TEST_KEY),
    ("41000004", CauseCode.TEST_KEY),
    ("41000005", CauseCode.PHONE_OFF),
    ("41000006", CauseCode.PHONE_OFF),
    ("41000007", CauseCode.NUMBER_REFUSED),
    ("45112233", CauseCode.FIXED_LINE),
    ("41000008", CauseCode.NOTHING_ASKED),
    ("41000009", CauseCode.OUR_FAULT),
    ("31000008", CauseCode.REFUSED),
)
ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text())  # HH:MM and NN stand for figures
JARGON = re.compile(r"HTTP|SMPP|SMSC|webhook|API|clé|مفتاح|\d\d:\d\d:\d\d|Boutique|UTC|NULL|None")


def as_told(sentence: str) -> re.Pattern[str]:
    """A sentence word for word; HH, MM and NN stand for figures, and any space for the one that typography asks for."""
    pattern = re.escape(sentence).replace("HH", r"\d\d").replace("MM", r"\d\d").replace("NN", r"\d{1,2}")
    pattern = pattern.replace(r"\ ", r"\s").replace("secondes", "secondes?")
    return re.compile(f"^{pattern}$")


@pytest.fixture
def callers(world: World) -> None:
    week.noon(world)  # near midnight, times are told with their day
    shop = world.key("Boutique « été »")
    for phone, cause in CALLERS:
        key = world.key("Boutique, l’heure") if cause is CauseCode.LIMIT_HOUR else shop
        make = limited("minute") if cause is CauseCode.LIMIT_MINUTE else CAUSES[cause]
        make(world, world.key("Boutique") if cause is CauseCode.LIMIT_MINUTE else key, f"+222{phone}")


@pytest.mark.usefixtures("callers")
def test_twenty_callers_are_each_told_why_in_plain_words(open_tab: Callable[..., Tab]) -> None:
    assert len(CALLERS) == 20 and len({cause for _, cause in CALLERS}) >= 12
    tab = open_tab("operator", "ar-MR", viewport=NARROW)
    page = tab.page
    tab.open(DESK)
    box, answer = page.locator("#phone"), page.locator("#verdict-t")
    for phone, cause in CALLERS:
        box.fill(phone)
        box.press("Enter")
        expect(page.locator("#answer .tel")).to_contain_text(f"{phone[:2]} {phone[2:4]} {phone[4:6]} {phone[6:]}")
        expect(answer).to_have_text(as_told(ANSWERS["ar"][cause]))
        read_out = page.locator("#said-fr")
        expect(read_out).to_have_text(as_told(ANSWERS["fr"][cause]))
        assert not JARGON.search(answer.inner_text() + str(read_out.text_content()))
    expect(page.locator(".recents li")).to_have_count(10)
    assert tab.said == []


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_every_state_of_the_desk_is_accessible_and_one_press_lifts_the_limit(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, viewport: dict[str, int]
) -> None:
    look = f"{locale[:2]}-{scheme}-{viewport['width']}"
    tab = open_tab("operator", locale, viewport=viewport, color_scheme=scheme)
    page = tab.page

    def is_clean(name: str) -> None:
        assert (tab.faults() if locale == "fr-FR" or name in ("limit", "note-refused") else tab.spills()) == [], name
        tab.keep(look, f"desk-{name}")

    tab.open(DESK)
    is_clean("empty")
    shop = world.key("Boutique « été »")
    limited("minute")(world, shop)
    with world.services.sessions.begin() as session:
        for n in range(6):
            rejections.record(session, Rejection(shop.id, f"+2223100000{n}", "sms", "minute", 3))
    box = page.locator("#phone")
    box.fill("3100")
    box.press("Enter")
    expect(page.locator(".matches a")).to_have_count(6)
    is_clean("matches")
    box.fill("38089336")
    box.press("Enter")
    expect(page.locator("[data-clock]")).to_have_text(re.compile(r"0:[0-5]\d"))
    expect(page.locator(".widespread")).to_contain_text(
        {"fr": "7 numéros", "ar": "7 أرقام", "en": "7 numbers"}[locale[:2]]
    )
    is_clean("limit")
    page.locator(".verdict-acts .primary").click()
    expect(page.locator(".side-well .lifted")).to_be_visible()
    expect(page.locator(".toast [data-undo]")).to_be_visible()
    is_clean("lifted")
    page.locator(".toast [data-undo] button").click()
    expect(page.locator(".side-wait")).to_be_visible()
    page.locator("#f-note").fill("123456")
    page.locator("#notes .btn").last.click()
    expect(page.locator("#f-note-e")).to_be_visible()
    expect(page.locator("#f-note")).to_have_value("123456")
    is_clean("note-refused")


def test_a_wait_that_is_over_asks_the_server_again_and_the_sentence_is_copied_as_it_stands(
    open_tab: Callable[..., Tab], world: World
) -> None:
    limited("minute")(world, world.key())
    with world.services.sessions.begin() as session:
        session.execute(update(Otp).values(created_at=utcnow() - timedelta(seconds=54)))
    tab = open_tab("operator", "fr-FR", permissions=["clipboard-read", "clipboard-write"])
    page = tab.page
    tab.open(DESK + "?phone=38089336")
    expect(page.locator("#verdict-t [data-left]")).to_have_text("3 secondes")  # it runs down
    page.get_by_label("Copier la phrase · Français").click()
    assert re.match(r"Attendez\s[123]\ssecondes?\s:", page.evaluate("navigator.clipboard.readText()"))
    expect(page.locator("#verdict-t")).to_have_text(re.compile("C’était nous"))
    assert tab.said == []
