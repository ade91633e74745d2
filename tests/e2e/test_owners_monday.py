"""An owner's Monday in Chromium: what the week left, and what asks for attention, in French and, on a phone, in Arabic.

Every step finds its words on the screen; monday.json has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, ViewportSize, expect

from tests.support.browser import LOOKS, NARROW, Tab
from tests.support.dashboard_client import World
from tests.support.week import SHOP, Counts, Week, noon

pytestmark = pytest.mark.timeout(240)

KEY = re.compile("/dashboard/keys/[0-9a-f-]{36}$")
WORDS = json.loads((Path(__file__).parent / "monday.json").read_text())


@pytest.mark.parametrize(("locale", "scheme", "viewport"), LOOKS)
def test_an_owner_s_monday(
    open_tab: Callable[..., Tab], world: World, locale: str, scheme: str, viewport: ViewportSize
) -> None:
    tab = open_tab("owner", locale, viewport=viewport, color_scheme=scheme)
    noon(world)
    week = Week.of(world)
    week.age()
    counts = week.pass_by()
    week.run()
    webhook = week.disturb()
    monday = Monday(tab, WORDS[locale[:2]], viewport == NARROW)
    monday.see_that_yesterday_and_last_week_agree_with_the_log(counts)
    monday.see_why_messages_failed_and_send_them_again(counts["last_week"].failed)
    monday.see_carriers_and_routes_at_work()
    monday.enable_the_webhook_whose_server_said_410_and_replay_what_it_missed(webhook)
    monday.revoke_the_unused_key_and_rotate_the_old_one()
    monday.see_which_override_ends_soon()
    monday.see_who_has_no_second_factor_and_require_one()
    monday.read_what_was_changed_this_week()
    monday.see_backups_and_alerts()
    assert tab.said == []


class Monday:
    """Each step does what its name says, as a person would."""

    def __init__(self, tab: Tab, words: dict[str, str], is_phone: bool) -> None:
        self.tab, self.page, self.words, self.is_phone = tab, tab.page, words, is_phone

    def see_that_yesterday_and_last_week_agree_with_the_log(self, counts: dict[str, Counts]) -> None:
        self.tab.open("/dashboard/")
        expect(self.page.locator("#past-t")).to_have_text(self.words["past"])
        for period, those in counts.items():
            cells = self.page.locator(f"#past-{period} td")
            expect(cells.nth(4)).to_contain_text(re.compile(rf"^\D*{those.verified} "))
            shown = [self.page.locator(f"#past-{period} td a").nth(place).text_content() for place in range(4)]
            assert shown == [str(count) for count in (those.messages, those.delivered, those.failed, 0)]
        for link in self.page.locator(".past td a").all():
            log = self.page.request.get(f"{self.tab.address}{link.get_attribute('href')}").text()
            assert len(re.findall(r'<tr[^>]* id="m-', log)) == int(link.text_content() or "")
        attention = self.page.locator("#attention")
        expect(attention).to_contain_text(self.words["gone"])
        expect(attention).to_contain_text(self.words["backup_old"])
        expect(self.page.locator(".runs li", has_text=self.words["backup"])).to_contain_text(self.words["backup_at"])
        self.page.locator("#past-last_week td a").nth(2).click()
        self.tab.arrive(re.compile(r"status=failed&period=last_week|period=last_week&status=failed"))

    def see_why_messages_failed_and_send_them_again(self, failed: int) -> None:
        expect(self.page.locator("#reasons-t")).to_be_visible()
        worst = self.page.locator(".fails tbody tr").first
        expect(worst).to_contain_text(self.words["unreachable"])
        worst.locator(".row-link").click()
        expect(self.page.locator("#drawer")).to_contain_text(self.words["unreachable"])
        self.page.keyboard.press("Escape")
        expect(self.page.locator("#total")).to_contain_text(str(failed))
        self.page.locator("#pick-all").check()
        self.page.locator("#picked button").click()
        self.page.locator("#resend-form .primary").click()
        self.toast(self.words["resent"] % failed)

    def see_carriers_and_routes_at_work(self) -> None:
        self.go("carriers")
        mauritel = self.page.locator("#carriers tbody tr", has_text="mauritel")
        expect(mauritel).to_contain_text(self.words["operational"])
        expect(mauritel).to_contain_text(self.words["errors"])
        self.go("routes")
        rule = self.page.locator("#rules tbody tr", has_text=self.words["route"])
        expect(rule).to_contain_text("mauritel")
        expect(rule).to_contain_text(self.words["operational"])

    def enable_the_webhook_whose_server_said_410_and_replay_what_it_missed(self, webhook: str) -> None:
        self.go("webhooks")
        expect(self.page.locator(".notice")).to_contain_text(self.words["off"])
        rows = self.page.locator(".hooks tbody tr")
        for name, path in (("Commandes", "commandes"), ("Retours", "retours")):
            expect(rows.filter(has_text=f"{SHOP}/hooks/{path}").locator(".row-link")).to_have_text(name)
        gone = rows.filter(has_text="Retours")
        expect(gone).to_contain_text(self.words["why_gone"])
        gone.locator(".row-link").click()
        self.tab.arrive(re.compile(webhook))
        expect(self.page.locator(".notice")).to_contain_text(self.words["why_gone"])
        self.press(self.words["enable"])
        self.toast(self.words["enabled"])
        missed = self.page.locator("#missed")
        expect(missed).to_contain_text(self.words["missed"])
        missed.get_by_role("button", name=self.words["replay"]).click()
        self.page.locator("#webhook-replay .primary").click()
        self.toast(self.words["replayed"])
        expect(missed).to_have_count(0)

    def revoke_the_unused_key_and_rotate_the_old_one(self) -> None:
        self.go("keys")
        idle = self.page.locator("#keys tr", has_text="Caisse 2024")
        expect(idle).to_contain_text(self.words["unused"])
        expect(self.page.locator("#keys tr", has_text="Borne")).not_to_contain_text(self.words["unused"])
        old = self.page.locator("#keys tr", has_text="Boutique Android")
        expect(old).to_contain_text(self.words["old_secret"])
        idle.locator(".row-link").click()
        self.tab.arrive(KEY)
        expect(self.page.locator("#unused")).to_contain_text(self.words["revoke_it"])
        self.page.locator("#key .danger").click()
        self.page.locator("#dialog .danger-solid").click()
        expect(self.page.locator("#key")).to_contain_text(self.words["revoked"])
        self.go("keys")
        old.locator(".row-link").click()
        self.tab.arrive(KEY)
        expect(self.page.locator("#old-secret")).to_contain_text(self.words["rotate_it"])
        self.page.locator("#key [hx-get$='/rotate']").click()
        self.page.locator("#dialog .primary").click()
        expect(self.page.locator("#secret")).to_contain_text("cq_live_")
        self.tab.close_dialog()
        expect(self.page.locator("#old-secret")).to_have_count(0)

    def see_which_override_ends_soon(self) -> None:
        self.go("limits")
        rows = self.page.locator(".lim tbody tr")
        expect(rows.nth(0)).to_contain_text(self.words["ends"])
        expect(rows.nth(0)).to_contain_text("46 11 22 33")
        expect(rows.nth(1).locator(".until")).to_have_count(0)

    def see_who_has_no_second_factor_and_require_one(self) -> None:
        self.go("team")
        expect(self.page.locator("#unprotected")).to_contain_text(self.words["alone"])
        people = self.page.locator(".people tbody tr")
        for name, lacks in (("Nadia owner", 1), ("Mariem", 1), ("Sidi", 0)):
            person = people.filter(has_text=name)
            expect(person.filter(has_text=self.words["no_factor"])).to_have_count(lacks)
        self.page.locator("#unprotected").get_by_role("link", name=self.words["require"]).click()
        expect(self.page.locator("#f-second_factor_required")).to_be_in_viewport()

    def read_what_was_changed_this_week(self) -> None:
        self.go("audit")
        entries = self.page.locator("#entries")
        expect(entries).to_contain_text(self.words["old_act"])
        self.page.locator("[name=period]").select_option("7d")
        expect(entries).not_to_contain_text(self.words["old_act"])
        expect(entries).to_contain_text(self.words["act"])
        expect(entries).to_contain_text("mariem@example.mr")

    def see_backups_and_alerts(self) -> None:
        self.go("alerts")
        told = self.page.locator("section", has=self.page.locator("#channels-t"))
        expect(told).to_contain_text(self.words["told"])
        expect(told).to_contain_text("garde.example.mr")
        over = self.page.locator("section", has=self.page.locator("#past-t"))
        expect(over).to_contain_text(self.words["over"])
        expect(over).to_contain_text(self.words["disk"])

    def go(self, name: str) -> None:
        """By the menu."""
        if self.is_phone:
            self.page.locator("[popovertarget=nav]").click()
        self.page.locator(f"#nav a[href='/dashboard/{name}/']").click()
        self.tab.arrive(re.compile(f"/dashboard/{name}/$"))

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def toast(self, words: str) -> Locator:
        toast = self.page.locator(".toast").filter(has_text=words)
        expect(toast).to_be_visible()
        return toast
