"""A new operator in Chromium: added, tried, broken, read and mended; every process and the SMSC are real.

What the page says is read in three languages at each step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from tests.support import tables
from tests.support.browser import NARROW, WIDE, Tab, sign_in_owner
from tests.support.smpp.smsc import PASSWORD, Smsc
from tests.support.stack import Stack, run_stack

pytestmark = pytest.mark.timeout(300)
CARRIERS = "/dashboard/carriers/"
LOOKS = (("fr-FR", WIDE), ("en-GB", WIDE), ("ar-MR", NARROW))


@pytest.fixture
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    yield from run_stack(tables.sqlite, tmp_path_factory.mktemp("s") / "home")


@pytest.fixture
def tabs(chromium: Chromium, whole: Stack) -> Iterator[list[Tab]]:
    """A page of an owner for each of LOOKS."""
    contexts = [chromium.new_context(locale=locale, viewport=size, reduced_motion="reduce") for locale, size in LOOKS]
    yield [Tab(context.new_page(), sign_in_owner(context, whole)) for context in contexts]
    for context in contexts:
        context.close()


def read(tabs: list[Tab], path: str, step: str, *said: str) -> None:
    """Each language says it. The page is judged in the first, and nothing spills over in the others."""
    for tab, (locale, _), sentence in zip(tabs, LOOKS, said, strict=True):
        tab.open(path)
        expect(tab.page.locator("main")).to_contain_text(sentence)
        assert (tab.faults() if tab is tabs[0] else tab.spills()) == []
        tab.keep(f"new operator, {locale}", step)


def test_a_new_operator_is_added_tried_broken_and_mended(tabs: list[Tab], start_smsc: Callable[..., Smsc]) -> None:
    smsc = start_smsc(receipts="all")
    tab = tabs[0]
    page = tab.page
    page.clock.install()
    tab.open(f"{CARRIERS}new?kind=smpp")
    for name, value in {
        "name": "mattel",
        "v-host": "127.0.0.1",
        "v-port": str(smsc.port),
        "v-system_id": "test",
    }.items():
        page.locator(f"#f-{name}").fill(value)
    page.locator("#f-v-password").fill("wrong")
    page.locator("form.stack button.primary, .form-foot button.primary").first.click()
    tab.arrive(re.compile(r"/carriers/[0-9]+$"))
    path = page.url.removeprefix(tab.address)

    tab.poll(page.locator("#fault").filter(has_text="Le SMSC refuse le mot de passe."))
    read(
        tabs,
        path,
        "1 wrong password",
        "Saisissez les bons identifiants ; une nouvelle tentative a lieu aussitôt.",
        "Enter the right credentials; it is tried again at once.",
        "أدخل بيانات الدخول الصحيحة؛ تُعاد المحاولة فورًا.",
    )

    tab.open(f"{path}/edit")
    page.locator("#f-v-password").fill(PASSWORD)
    page.locator(".form-foot button.primary").click()
    tab.arrive(tab.address + path)
    tab.poll(page.locator("#standing").filter(has_text="Opérationnel"))
    send_test(page)
    tab.poll(page.locator("#outcome").filter(has_text="Le message est sur le téléphone."))
    assert [event["dest"] for event in smsc.events("submit_sm")] == ["22247112233"]

    smsc.ask("config", fail_every=1, fail_status=0x0B)
    send_test(page)
    tab.poll(page.locator("#outcome").filter(has_text="Échec"))
    read(
        tabs,
        path,
        "2 refused",
        "Selon le SMSC, le numéro n’est pas valide.",
        "The SMSC says that the number is not valid.",
        "يقول مركز الرسائل إن الرقم غير صالح.",
    )
    expect(page.locator("main")).to_contain_text("command_status 0x0000000B")

    smsc.kill()
    tab.open(path)
    tab.poll(page.locator("#fault").filter(has_text="Le SMSC est injoignable."))
    read(
        tabs,
        path,
        "3 unreachable",
        "Vérifiez l’adresse et le port, le VPN",
        "Check address and port, the VPN",
        "تحقق من العنوان والمنفذ والشبكة الخاصة (VPN)",
    )

    smsc.restart()
    tab.open(path)
    tab.poll(page.locator("#standing").filter(has_text="Opérationnel"))
    expect(page.locator("#fault")).to_have_count(0)


def send_test(page: Page) -> None:
    page.locator("#trial input[name=phone]").fill("47 11 22 33")
    with page.expect_response("**/test"):  # before the clock is put on: a request takes ten seconds of it at most
        page.locator("#trial button").click()
