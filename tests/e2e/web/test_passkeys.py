"""Passkeys in Chromium, with its virtual authenticator: added, used alone, as second step, as proof, and removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import CDPSession, expect
from werkzeug.serving import make_server

from dashboard.extensions import services
from tests.support.browser import NARROW, PATIENCE_MS, Tab
from tests.support.dashboard_client import PASSWORD, Browser, World
from tests.support.stack import free_port

ACCOUNT, SIGN_IN, PROOF = "/dashboard/account/", "/dashboard/sign-in", "/dashboard/account/proof/"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class Phone:
    """A tab and the device behind it."""

    tab: Tab
    devtools: CDPSession
    device: str


@pytest.fixture
def locale() -> str:
    return "fr-FR"


@pytest.fixture
def phone(chromium: Chromium, make_app: Callable[..., Flask], locale: str) -> Iterator[Phone]:
    """Signed in as operator, at an address where Chromium allows passkeys."""
    port = free_port()
    address = f"http://localhost:{port}"
    app = make_app(public_url=address)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    context = chromium.new_context(locale=locale, viewport=NARROW, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    holder = Browser(app)
    with app.app_context():
        holder.start_session(World(services()), "operator")
    cookie = holder.client.get_cookie("chinqit_session")
    assert cookie
    context.add_cookies([{"name": "chinqit_session", "value": cookie.value, "url": address}])
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    device = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})["authenticatorId"]
    yield Phone(Tab(page, address), devtools, device)
    context.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_passkey_from_the_first_day_to_the_last(phone: Phone) -> None:
    tab, page = phone.tab, phone.tab.page
    tab.open(ACCOUNT)
    page.get_by_role("button", name="Ajouter une clé d’accès").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Nom", exact=True).fill("Téléphone de Mariem")
    assert tab.faults() == []
    dialog.get_by_label("Mot de passe actuel").fill(PASSWORD)
    dialog.get_by_role("button", name="Ajouter", exact=True).click()
    expect(dialog.get_by_text("Vos codes de secours")).to_be_visible()
    tab.open(ACCOUNT)
    expect(page.get_by_text("Téléphone de Mariem")).to_be_visible()
    assert tab.faults() == []
    page.context.clear_cookies()

    tab.open(SIGN_IN)
    assert tab.faults() == []
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    expect(page).to_have_url(f"{tab.address}/dashboard/")
    tab.open(PROOF)
    assert tab.faults() == []
    page.get_by_role("button", name="Utiliser une clé d’accès").click()
    expect(page).to_have_url(f"{tab.address}/dashboard/")
    page.context.clear_cookies()

    tab.open(SIGN_IN)
    page.get_by_label("Adresse e-mail").fill("operator@example.org")
    page.get_by_label("Mot de passe", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Se connecter", exact=True).click()
    expect(page.get_by_role("heading", name="Encore une étape")).to_be_visible()
    page.get_by_role("button", name="Utiliser une clé d’accès").click()
    expect(page).to_have_url(f"{tab.address}/dashboard/")

    tab.open(ACCOUNT)
    page.get_by_role("button", name="Renommer · Téléphone de Mariem").click()
    dialog.get_by_label("Nom", exact=True).fill("Clé de Mariem")
    assert tab.faults() == []
    dialog.get_by_role("button", name="Enregistrer", exact=True).click()
    page.get_by_role("button", name="Supprimer · Clé de Mariem").click()
    dialog.get_by_label("Mot de passe actuel").fill(PASSWORD)
    dialog.get_by_role("button", name="Supprimer", exact=True).click()
    expect(page.get_by_text("Clé d’accès retirée")).to_be_visible()
    page.context.clear_cookies()
    tab.open(SIGN_IN)
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    expect(page.get_by_role("alert").filter(has_text="n’est pas connue")).to_be_visible()


@pytest.mark.parametrize("locale", ["ar-MR"])
def test_who_refuses_at_the_device_is_told_and_nothing_is_sent(phone: Phone) -> None:
    tab, page = phone.tab, phone.tab.page
    page.context.clear_cookies()
    tab.open(SIGN_IN)
    phone.devtools.send("WebAuthn.setUserVerified", {"authenticatorId": phone.device, "isUserVerified": False})
    page.get_by_role("button", name="الدخول بمفتاح مرور").click()
    expect(page.get_by_text("لم يقدّم متصفحك أي مفتاح مرور")).to_be_visible()
    assert tab.faults() == []
