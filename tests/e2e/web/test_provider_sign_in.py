"""Signing in by a provider in Chromium, which is on another site: there, back, again as proof, and out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Locator, expect
from werkzeug.serving import make_server

from dashboard.extensions import services
from dashboard.gateway.accounts import links
from tests.support import oidc_provider
from tests.support.browser import NARROW, PATIENCE_MS, Tab
from tests.support.oidc_provider import CLIENT, SECRET, OidcProvider
from tests.support.stack import free_port

D = "/dashboard/"
BUTTON = "الدخول عبر Keycloak"


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    with oidc_provider.running() as found:
        yield found


@pytest.fixture
def tab(chromium: Chromium, make_app: Callable[..., Flask], provider: OidcProvider) -> Iterator[Tab]:
    """A phone in Arabic, and a gateway that has invited its person as an owner."""
    address = f"http://localhost:{free_port()}"
    known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    app = make_app(public_url=address, oidc_label="Keycloak", oidc_allow_private=True, **known)
    with app.app_context(), services().sessions.begin() as session:
        links.invite(session, "nadia@example.org", "owner", None)
    server = make_server("127.0.0.1", int(address.rpartition(":")[2]), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    context = chromium.new_context(locale="ar-MR", viewport=NARROW, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield Tab(context.new_page(), address)
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()


def tab_to(element: Locator) -> None:
    """Go there by the Tab key, as who uses no mouse does; the focus is seen."""
    for _ in range(20):
        element.page.keyboard.press("Tab")
        if element.evaluate("it => it === document.activeElement"):
            break
    expect(element).to_be_focused()
    assert element.evaluate("it => getComputedStyle(it).outlineStyle") != "none"


def test_there_and_back_as_proof_and_out(tab: Tab, provider: OidcProvider) -> None:
    page = tab.page
    tab.open(f"{D}account/")
    assert tab.faults() == []
    tab_to(page.get_by_role("link", name=BUTTON))
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{tab.address}{D}account/")
    expect(page.get_by_text("يمكنك الدخول عبر Keycloak.")).to_be_visible()
    assert tab.faults() == []

    tab.open(f"{D}account/proof/?next={D}keys/new")
    assert tab.faults() == []
    page.get_by_role("link", name="المتابعة عبر Keycloak").click()
    expect(page).to_have_url(f"{tab.address}{D}keys/new")
    assert provider.authorized["prompt"] == "login"

    page.context.clear_cookies()
    provider.person["email_verified"] = False
    provider.person["sub"] = "another"
    tab.open(f"{D}sign-in")
    page.get_by_role("link", name=BUTTON).click()
    expect(page.get_by_role("alert")).to_contain_text("لم يتحقق Keycloak من بريدك الإلكتروني")
    assert tab.faults() == []
