"""Rows of the log selected by mouse and keyboard, sent again, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import ViewportSize, expect
from sqlalchemy import select

from dashboard.models.messages import Message
from tests.support.browser import LOOKS, Tab
from tests.support.dashboard_client import World

LIST = "/dashboard/messages/"


@pytest.mark.parametrize(("locale", "scheme", "size"), LOOKS)
def test_selected_rows_are_sent_again_and_taken_back(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, size: ViewportSize
) -> None:
    key = world.key()
    for number in range(4):
        world.text(key, body=f"Text {number}", **world.sent(status="failed"))
    world.code(key, **world.sent())
    tab = open_tab("operator", locale=locale, color_scheme=scheme, viewport=size)
    page = tab.page
    page.clock.install()
    tab.open(LIST)
    boxes, count = page.locator("[name=pick]"), page.locator("#picked-count")
    expect(page.locator(".picked-acts")).to_be_hidden()
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    expect(count).to_have_text("1")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(count).to_have_text("3")
    world.settle(1, status="delivered")
    waiting = world.text(key)
    tab.poll(page.locator("#fresh-link"))
    expect(count).to_have_text("3")
    page.locator("#fresh-link").click()
    expect(boxes).to_have_count(6)
    expect(page.locator("[name=pick]:checked")).to_have_count(3)
    page.locator("#pick-all").check()
    expect(count).to_have_text("6")
    page.locator("#picked button").click()
    dialog = page.locator("#resend-form")
    expect(dialog.locator(".why-not li")).to_have_count(2)
    assert tab.faults() == []
    dialog.locator(".primary").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("4")
    expect(page.locator("[name=pick]:checked")).to_have_count(0)
    with page.expect_response("**/take-back"):
        toast.locator("[data-undo] button").click()
    assert tab.faults() == []
    with world.services.sessions() as session:
        new = session.scalars(select(Message).where(Message.id > waiting.id)).all()
        assert [row.error_code for row in new] == ["cancelled"] * 4
