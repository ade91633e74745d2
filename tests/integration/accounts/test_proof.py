"""A session alone makes no key, changes nobody's role and exports nothing: the password is asked for again."""

from __future__ import annotations

import time

import pyotp
import pytest
from flask import Flask

from dashboard.extensions import Services
from dashboard.gateway.accounts import second_factor, user_sessions
from dashboard.models.accounts import User
from dashboard.pages.web import access
from tests.support.dashboard_client import HASH, PARTIAL, PASSWORD, Browser, session_cookie
from tests.support.doors import doors

D = "/dashboard/"
PROOF = f"{D}account/proof/"


@pytest.fixture
def stale(app: Flask, services: Services) -> Browser:
    """An owner who typed the password a quarter of an hour ago."""
    browser = Browser(app)
    with services.sessions.begin() as session:
        user = User(email="stale@example.org", name="Nadia", role="owner", password_hash=HASH)
        session.add(user)
        session.flush()
        token = user_sessions.start_session(session, user, "127.0.0.1", "test")
    long_ago = int(time.time()) - access.PROVEN_SECONDS
    browser.client.set_cookie("chinqit_session", session_cookie(app, token, long_ago))
    return browser


def test_every_door_to_keys_people_carriers_and_exports_asks(app: Flask, stale: Browser) -> None:
    asking = set()
    for endpoint, method, url in doors(app):
        if endpoint.startswith(("pages.sign_in", "pages.account")):
            continue
        answer = stale.get(url) if method == "GET" else stale.post(url)
        if answer.headers.get("Location", "").startswith(PROOF):
            asking.add(endpoint)
    keys = ("new", "create", "edit", "change", "ask_rotate", "rotate", "ask_revoke", "revoke")
    team = ("ask_invite", "invite", "renew", "manage", "change_role", "disable", "enable", "reset")
    expected = {
        *(f"pages.api_keys.{name}" for name in keys),
        *(f"pages.team.{name}" for name in (*team, "reset_second_factor")),
        *(f"pages.carriers.{name}" for name in ("new", "create", "edit", "change", "ask_remove", "remove")),
        *(f"pages.alerts.{name}" for name in ("new", "create", "edit", "change", "remove")),
        *(f"pages.webhooks.{name}" for name in ("new", "create", "edit", "change", "rotate", "disable", "delete")),
        *(f"pages.routing.{name}" for name in ("new", "create", "edit", "change", "remove", "fall_back")),
        *("pages.messages.export_csv", "pages.messages.reveal", "pages.audit.export_as", "pages.site_settings.save"),
        *(f"pages.limits.{name}_usual" for name in ("edit", "change", "restore")),
        "pages.privacy.answer",
    }
    assert expected <= asking
    assert "pages.team.index" not in asking and "pages.messages.index" not in asking


def test_the_password_opens_them_and_leads_back(stale: Browser) -> None:
    asked = stale.get(f"{D}keys/new")
    assert asked.headers["Location"] == f"{PROOF}?next=/dashboard/keys/new"
    assert 'value="/dashboard/keys/new"' in stale.get(asked.headers["Location"]).text
    assert stale.post(PROOF, {"proof": "wrong wrong", "next": f"{D}keys/new"}).status_code == 422
    assert stale.get(f"{D}keys/new").status_code == 303
    assert stale.post(PROOF, {"proof": PASSWORD, "next": f"{D}keys/new"}).headers["Location"] == f"{D}keys/new"
    assert stale.get(f"{D}keys/new").status_code == 200


def test_a_code_of_the_app_does_too(stale: Browser, services: Services) -> None:
    seed = pyotp.random_base32()
    with services.sessions.begin() as session:
        user = session.query(User).filter_by(email="stale@example.org").one()
        before = pyotp.TOTP(seed).at(int(time.time()), counter_offset=-1)
        second_factor.turn_on(session, second_factor.cipher(services.settings), user, seed, before)
    assert stale.post(PROOF, {"proof": pyotp.TOTP(seed).now()}).status_code == 303
    assert stale.get(f"{D}keys/new").status_code == 200


def test_what_was_typed_is_kept_by_the_browser_under_401(stale: Browser) -> None:
    answer = stale.post(f"{D}keys/new", {"name": "Shop"}, headers={**PARTIAL, "HX-Current-URL": f"http://x{D}keys/new"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"{PROOF}?next=/dashboard/keys/new"


def test_ten_wrong_passwords_lock_it(stale: Browser) -> None:
    assert [stale.post(PROOF, {"proof": "wrong wrong"}).status_code for _ in range(10)] == [422] * 10
    assert stale.post(PROOF, {"proof": PASSWORD}).status_code == 429


def test_an_export_leads_back_to_the_page_with_its_link(stale: Browser) -> None:
    answer = stale.get(f"{D}audit/export.csv", headers={"Referer": f"http://localhost{D}audit/?q=x"})
    assert answer.headers["Location"] == f"{PROOF}?next=/dashboard/audit/"
