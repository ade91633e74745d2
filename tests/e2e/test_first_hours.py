"""An administrator's first hours, from the set-up link to signing out, in Chromium against the whole gateway.

They begin in French, and in the middle the administrator changes to Arabic.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator

import pytest
from babel.support import Translations
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Locator, expect

from dashboard.gateway.accounts import users
from dashboard.gateway.monitoring.diagnosis import CauseCode
from dashboard.pages.diagnosis.sentences import SENTENCES
from dashboard.pages.web.locale import CATALOGUES
from tests.support import fake_carrier, tables
from tests.support.browser import WIDE, Tab
from tests.support.fake_carrier import Carrier
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, digits, other_than, run_stack, until

pytestmark = pytest.mark.timeout(300)

PASSWORD = "Thé vert à 6 heures"
CODE = re.compile(r"^[0-9]{6}$")
SLOW = 20_000  # ms: what comes by itself, on a machine that has much else to do


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """As it is after `chinqit run`, with nobody and nothing in it."""
    yield from run_stack(tables.sqlite, tmp_path_factory.mktemp("s") / "home")


@pytest.fixture
def tab(chromium: Chromium, gateway: Stack) -> Iterator[Tab]:
    with chromium.new_context(locale="fr-MR", viewport=WIDE, reduced_motion="reduce") as context:
        context.set_default_timeout(SLOW)
        page = context.new_page()
        page.clock.install()
        yield Tab(page, f"http://127.0.0.1:{gateway.port}")


def test_an_administrator_s_first_hours(gateway: Stack, tab: Tab) -> None:
    expect.set_options(timeout=SLOW)
    hours = FirstHours(gateway, tab)
    hours.set_up()
    hours.make_a_test_key_and_read_a_code_on_the_sandbox_phone()
    hours.make_a_live_key_and_follow_its_first_message()
    hours.say_why_no_code_came_and_lift_the_limit()
    hours.simulate_and_remove_an_override()
    hours.word_the_codes()
    hours.send_a_campaign_to_the_sandbox_phone()
    hours.settle_retention_and_change_to_arabic()
    hours.read_the_statistics()
    hours.see_that_valkey_is_gone_and_back()
    with fake_carrier.running() as carrier:
        hours.connect_a_carrier_and_send_the_first_real_message(carrier)
        hours.set_a_price_and_print_the_statement(carrier)
    hours.look_at_who_uses_the_key_then_change_rotate_and_revoke_it()
    hours.leave()
    assert tab.said == []


class FirstHours:
    """Each step does what its name says, as a person would, and leaves the page where it ended.

    `say` is what the page says in its reader's language.
    """

    def __init__(self, gateway: Stack, tab: Tab) -> None:
        self.gateway, self.tab, self.page = gateway, tab, tab.page
        self.read("fr")
        self.phone = new_phone()
        self.client: Client

    def read(self, language: str) -> None:
        self.language = language
        self.say = Translations.load(CATALOGUES, [language]).gettext

    def set_up(self) -> None:
        with self.gateway.sessions.begin() as session:
            link = users.make_setup_link(session)
        self.tab.open(f"/dashboard/setup/{link}")
        self.fill(name="Nadia Mint Ahmed", email="nadia@example.mr", password=PASSWORD)
        expect(self.page.locator("#f-timezone")).to_have_value("Africa/Nouakchott")
        self.press("Create the account")
        expect(self.heading("From the first key to the first real message")).to_be_visible()
        self.keep("first")

    def make_a_test_key_and_read_a_code_on_the_sandbox_phone(self) -> None:
        self.make_key("CI", "Test")
        self.go("Sandbox phone")
        self.fill(phone=self.phone[4:])
        self.press("Send the test")
        code = self.page.locator("#phones").get_by_text(CODE).first
        self.tab.poll(code)
        assert code.inner_text() == digits(self.gateway.inbox(self.phone)[-1].text)
        self.keep("sandbox")

    def make_a_live_key_and_follow_its_first_message(self) -> None:
        self.client = Client(self.gateway, self.make_key("Boutique Android", "Live"))
        self.go("Messages")
        sent = self.client.send(self.phone, "=Votre commande est prête").json()["messageId"]
        self.tab.poll(self.page.locator("#fresh-link"))
        self.page.locator("#fresh-link").click()
        row = self.page.locator("tr.click").first
        expect(row).to_contain_text("Votre commande est prête")
        row.locator(".row-link").click()
        expect(self.page).to_have_url(re.compile(sent))
        self.tab.poll(self.page.locator("#drawer").filter(has_text=self.say("Delivered to the phone")))
        self.keep("message")
        self.page.keyboard.press("Escape")
        self.tab.arrive(re.compile("/dashboard/messages/$"))  # now the row has the focus again, and takes it no more
        self.page.keyboard.press("/")
        expect(self.page.locator("#q")).to_be_focused()
        self.page.keyboard.type(self.phone[4:])
        expect(self.page.locator("tr.click")).to_have_count(2)
        with self.page.expect_download() as arriving:
            self.page.get_by_role("link", name=self.say("Export as CSV")).click()
        with arriving.value.path().open(encoding="utf-8-sig") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        assert texts[0] == "'=Votre commande est prête" and "••••••" in texts[1]

    def say_why_no_code_came_and_lift_the_limit(self) -> None:
        phone = new_phone()
        code = self.client.code(phone)
        for _ in range(3):
            assert self.client.verify(phone, other_than(code)).status_code == 400
        self.ask_why(phone)
        expect(self.page.locator("#verdict-t")).to_have_text(self.like(SENTENCES[CauseCode.DEAD]))
        assert [self.client.otp(phone).status_code for _ in range(3)] == [200, 200, 429]
        self.ask_why(phone)
        expect(self.page.locator("#verdict-t")).to_have_text(self.like(SENTENCES[CauseCode.LIMIT_MINUTE]))
        self.keep("lookup")
        self.press("Lift the limit for an hour")
        expect(self.page.locator(".toast")).to_contain_text(self.say("Limit lifted for an hour"))
        until(lambda: self.client.otp(phone).status_code == 200, 5)

    def simulate_and_remove_an_override(self) -> None:
        self.go("Limits")
        expect(self.page.locator("#limits")).to_contain_text(self.say("Caller on the phone"))
        self.press("Add an override")
        dialog = self.page.locator("#dialog")
        dialog.locator("input[name=scope][value=key]").check()
        dialog.locator("select[name=key]").select_option(label=f"Boutique Android · {self.say('Live')}")
        self.fill(minute="1", reason="Essai")
        self.press("Simulate on 7 days")
        expect(dialog.locator("#replay li")).to_have_count(3)
        self.keep("rehearsal")
        self.press("Save override")
        expect(self.page.locator("#limits")).to_contain_text("Essai")
        self.page.locator("tr", has_text="Essai").get_by_role("button", name=self.say("Remove")).click()
        self.page.locator("#dialog .danger-solid").click()
        expect(self.page.locator("#limits")).not_to_contain_text("Essai")

    def word_the_codes(self) -> None:
        self.go("Texts of codes")
        body = self.page.locator("textarea[name=body]")
        body.fill("Même texte sans code")
        expect(self.page.locator("#preview mark").first).to_have_text("ê")
        self.press("Save text")
        expect(self.page.locator(".err-sum, .err").first).to_contain_text("{code}")
        self.page.locator("textarea[name=body]").fill("{brand} : {code}")
        self.page.locator("input[name=brand]").fill("Chez Nadia")
        self.press("Save text")
        expect(self.page.locator(".flashes")).to_be_visible()
        self.keep("texts")
        phone = until(self.phone_that_reads_the_new_text, 5)
        assert self.client.verify(phone, digits(self.gateway.inbox(phone)[-1].text)).status_code == 200

    def phone_that_reads_the_new_text(self) -> str | None:
        """Send one more code; every process knows a new wording within a second."""
        phone = new_phone()
        text = self.gateway.arrived(phone, self.client.otp(phone).json()["messageId"]).text
        return phone if text.startswith("Chez Nadia : ") else None

    def send_a_campaign_to_the_sandbox_phone(self) -> None:
        self.go("Settings")
        self.fill(quiet_from="", quiet_until="")  # whatever time it is
        self.page.locator("#f-rests_on_friday").uncheck()
        self.press("Save settings")
        expect(self.page.locator(".flashes")).to_be_visible()
        self.go("Campaigns")
        self.page.get_by_role("link", name=self.say("New campaign")).click()
        self.tab.arrive(re.compile("/campaigns/new$"))
        phones, mine = {new_phone(): name for name in ("Awa", "Sidi", "Zeïnabou")}, new_phone()
        rows = "".join(f"{name};{phone[4:]}\n" for phone, name in phones.items())
        table = f"Nom;Téléphone\n{rows}Personne;12\n".encode("cp1252")  # as Excel writes it
        self.fill(name="Ouverture", text="Bonjour {nom}, la boutique ouvre samedi. STOP pour ne plus en recevoir.")
        self.page.locator("#f-key").select_option(label="Boutique Android")
        self.page.locator("#f-file").set_input_files({"name": "clients.csv", "mimeType": "text/csv", "buffer": table})
        self.press("Check the campaign")
        expect(self.page.locator("#draft .bubble", has_text="Bonjour Awa, la boutique ouvre")).to_have_count(1)
        expect(self.page.locator("#draft tfoot")).to_contain_text("3")
        expect(self.page.locator("main")).to_contain_text(self.say("No Mauritanian number"))
        self.keep("campaign-draft")
        self.press("Send it to me")
        self.fill(phone=mine[4:])
        self.press("Send")
        expect(self.page.locator(".toast")).to_contain_text(mine)
        text = until(lambda: [one.text for one in self.gateway.inbox(mine)], 15)[0]
        assert text == "Bonjour Zeïnabou, la boutique ouvre samedi. STOP pour ne plus en recevoir."  # the longest one
        self.press("Start the campaign")
        self.tab.poll(self.page.locator("#progress h2", has_text=self.say("Finished")))
        delivered = self.page.locator("#progress .kpis > div", has_text=self.say("Delivered"))
        self.tab.poll(delivered.filter(has_text="3"))  # none waits: it would go to the carrier of later
        self.keep("campaign-done")
        for phone, name in phones.items():
            assert [one.text for one in self.gateway.inbox(phone)] == [text.replace("Zeïnabou", name)]
        with self.page.expect_download() as arriving:
            self.page.get_by_role("link", name=self.say("Result")).click()
        with arriving.value.path().open(encoding="utf-8-sig") as file:
            assert [row["status"] for row in csv.DictReader(file)] == ["delivered"] * 3

    def settle_retention_and_change_to_arabic(self) -> None:
        self.go("Settings")
        self.fill(organisation="Banque du Désert", texts_days="3")
        self.press("Save settings")
        expect(self.page.locator(".env")).to_have_text("Banque du Désert")
        expect(self.page.locator("#f-texts_days")).to_have_value("3")
        self.page.locator(".avatar").click()
        self.page.locator("#pop-user").get_by_role("button", name="العربية").click()
        self.read("ar")
        expect(self.page.locator("html[lang=ar]")).to_have_attribute("dir", "rtl")
        expect(self.heading("Settings").first).to_be_visible()
        self.keep("settings")

    def read_the_statistics(self) -> None:
        self.go("One-time codes")

        def counted() -> bool:
            self.page.reload()
            return (
                "1" in self.page.locator(".funnel li").last.inner_text()
                if self.page.locator(".funnel").count()
                else False
            )

        until(counted, 30)
        self.keep("otp")
        self.page.get_by_role("link", name="Boutique Android").click()
        self.tab.arrive(re.compile("kind=otp"))
        expect(self.page.locator("tr.click").nth(4)).to_be_visible()
        expect(self.page.locator("tbody")).not_to_contain_text("CI")

    def see_that_valkey_is_gone_and_back(self) -> None:
        self.go("Overview")
        expect(self.page.locator(".kpis")).to_be_visible()
        self.gateway.kill("valkey")
        alarm = self.page.locator("#attention")
        self.tab.poll(alarm.filter(has_text=self.say("Valkey does not answer")))
        accepted = self.client.send(self.phone, "Sans Valkey")
        assert accepted.status_code == 200
        self.keep("valkey-gone")
        self.gateway.start("valkey")
        self.tab.poll(alarm, 0)
        # What still waits would go to the carrier that the next step adds.
        assert self.gateway.arrived(self.phone, accepted.json()["messageId"]).text == "Sans Valkey"
        self.keep("overview")

    def connect_a_carrier_and_send_the_first_real_message(self, carrier: Carrier) -> None:
        steps = self.page.locator(".steps > li")
        expect(steps.locator(".vh", has_text=self.say("Done"))).to_have_count(2)  # a test key, and a test
        self.page.locator(".steps").get_by_role("link", name=self.say("Go to the carriers")).click()
        self.page.locator("main a[href$='kind=http']").first.click()
        self.tab.arrive(re.compile("kind=http$"))
        self.fill(name="mauritel")
        self.page.locator("#f-v-url").fill(f"{carrier.url}/send")
        self.page.locator("#f-v-body").fill('{"to": "{phone}", "text": "{text}"}')
        self.page.locator("details.more-fields summary").click()
        self.page.locator("#f-v-allow_http").check()
        self.page.locator("#f-v-allow_private").check()
        self.press("Add carrier")
        expect(self.page.locator("#standing")).to_contain_text(self.say("Operational"))
        phone = new_phone()
        assert self.client.send(phone, "Premier vrai message").status_code == 200
        until(lambda: carrier.ledger, 10)
        assert json.loads(carrier.ledger[0].body) == {"to": phone, "text": "Premier vrai message"}
        self.go("Overview")
        expect(steps.locator(".vh", has_text=self.say("Done"))).to_have_count(4)  # all but the second person
        self.keep("first-real-message")

    def set_a_price_and_print_the_statement(self, carrier: Carrier) -> None:
        self.go("Consumption")
        self.page.get_by_role("link", name=self.say("Enter prices")).click()
        self.press("Enter a price")
        self.page.locator("#f-subject").select_option(value="mauritel sms")
        self.fill(amount="0,32")
        self.press("Save")
        expect(self.page.locator("#prices")).to_contain_text("0,32")
        phone = new_phone()
        assert self.client.send(phone, "Deuxième message").status_code == 200
        until(lambda: len(carrier.ledger) == 2, 10)
        self.go("Consumption")
        statement = self.page.get_by_role("link", name=re.compile(f"^{self.say('Statement')}"))

        def counted() -> bool:
            self.page.reload()
            return "0,32" in self.page.locator("main").inner_text() and statement.count() == 1

        until(counted, 30)
        self.keep("consumption")
        statement.click()
        self.tab.arrive(re.compile("/statement/"))
        table = self.page.locator("main table")
        expect(table.locator("tbody tr")).to_have_count(len({phone[4] for phone in self.really_sent(carrier)}))
        expect(table.locator("tbody")).not_to_contain_text("sandbox")
        total = table.locator("tfoot td")
        expect(total.nth(0)).to_have_text("2")  # one of them before there was a price
        expect(total.last).to_have_text("0,32")
        expect(self.page.locator(".kpis")).to_contain_text("0,32")
        self.page.evaluate("window.print = () => { document.body.dataset.printed = 'yes' }")
        self.press("Print")
        expect(self.page.locator("body[data-printed]")).to_have_count(1)
        self.keep("statement")
        for language, title in (("Français", "Relevé"), ("العربية", self.say("Statement"))):
            self.page.locator("main").get_by_role("link", name=language).click()
            expect(self.page.locator("h1")).to_contain_text(title)

    def really_sent(self, carrier: Carrier) -> list[str]:
        """The numbers that the carrier was given, in order."""
        return [json.loads(request.body)["to"] for request in carrier.ledger]

    def look_at_who_uses_the_key_then_change_rotate_and_revoke_it(self) -> None:
        self.go("API keys")
        self.page.get_by_role("link", name="Boutique Android", exact=True).click()
        self.tab.arrive(re.compile("/dashboard/keys/[0-9a-f-]{36}$"))
        expect(self.page.locator("#key")).to_contain_text("python-httpx")
        expect(self.page.locator("#key")).to_contain_text("127.0.0.1")
        self.press("Edit")
        self.fill(otp_cap="500")
        self.press("Save changes")
        expect(self.page.locator("#key")).to_contain_text("/ 500")
        self.keep("key")
        self.press("Rotate")
        self.press("Create new secret")
        newer = self.page.locator("#secret").inner_text()
        self.tab.close_dialog()
        expect(self.page.locator("#key")).to_contain_text(newer[-4:])
        both = [Client(self.gateway, newer), self.client]
        assert [one.send(self.phone).status_code for one in both] == [200, 200]
        self.press("Revoke")
        self.fill(name="Boutique Android")
        self.page.locator("#dialog .danger-solid").click()
        expect(self.page.locator("#key")).to_contain_text(
            self.like("The key was revoked %(when)s. Every request with it is refused.")
        )
        assert [one.send(self.phone).status_code for one in both] == [403, 403]

    def leave(self) -> None:
        self.page.locator(".avatar").click()
        self.page.locator("#pop-user button").last.click()
        expect(self.page.locator("[name=password]")).to_be_visible()
        self.tab.open("/dashboard/messages/")
        expect(self.page).to_have_url(re.compile("sign-in.next="))

    # What hands do

    def go(self, page: str) -> None:
        name = self.page.get_by_text(self.say(page), exact=True)  # a count of alerts may stand beside it
        link = self.page.locator("#nav a").filter(has=name)
        address = self.tab.address + str(link.get_attribute("href"))
        link.click()
        self.tab.arrive(address)

    def press(self, name: str) -> None:
        """A button, or a link that looks like one; a dialog's goes before the page's."""
        self.page.locator("main, dialog[open]").get_by_role("button", name=self.say(name), exact=True).last.click()

    def like(self, text: str) -> re.Pattern[str]:
        """What the page makes of a text with places to fill."""
        return re.compile(re.sub(r"%\\\(\w+\\\)s", ".+", re.escape(self.say(str(text)))))

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            self.page.locator(f"#f-{name}").fill(value)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=self.say(name))

    def keep(self, name: str) -> None:
        self.tab.keep(f"first-hours-{self.language}", name)

    def make_key(self, name: str, mode: str) -> str:
        """Through the form; return the secret that is shown once."""
        self.go("API keys")
        self.press("Create a key")
        self.fill(name=name)
        self.page.locator(f"#dialog input[name=mode][value={mode.lower()}]").check()
        self.press("Create key")
        secret = self.page.locator("#secret").inner_text()
        expect(self.page.locator("#dialog pre")).to_contain_text(f'"language":"{self.language}"')
        self.keep(f"new-key-{mode.lower()}")
        self.tab.close_dialog()
        expect(self.page.locator("#keys")).to_contain_text(name)
        expect(self.page.locator("#secret")).to_have_count(0)  # the page that is left may still be drawn
        assert secret not in self.page.content()
        return secret

    def ask_why(self, phone: str) -> None:
        self.go("Why no code?")
        self.page.locator("#phone").fill(phone)
        self.press("Check")
        expect(self.page.locator("#verdict-t")).to_be_visible()
