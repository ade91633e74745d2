"""One's own account: who one is, password and address, and where one is signed in."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.app import create_app
from dashboard.extensions import Services
from dashboard.models.accounts import User
from dashboard.pages.account import devices
from tests.support.dashboard_client import PASSWORD, Browser

ACCOUNT = "/dashboard/account/"
NEW = "Un mot de passe neuf"


def test_name_language_and_zone_are_kept_and_followed(viewer: Browser, services: Services) -> None:
    refused = viewer.post(ACCOUNT, {"name": "", "language": "fr", "timezone": "Mars/Base"})
    assert refused.status_code == 422 and 'id="f-name-e"' in refused.text and 'id="f-timezone-e"' in refused.text
    saved = viewer.post(ACCOUNT, {"name": "Fatimata Kane", "language": "ar", "timezone": "Asia/Tokyo"})
    assert saved.status_code == 303
    page = viewer.get(ACCOUNT).text
    assert 'dir="rtl"' in page and "Fatimata Kane" in page and 'value="Asia/Tokyo"' in page


def test_the_language_comes_along_to_a_new_browser(viewer: Browser, app: Flask) -> None:
    viewer.post(ACCOUNT, {"name": "Fatimata", "language": "fr", "timezone": ""})
    other = Browser(app)
    other.sign_in("viewer@example.org")
    assert '<html lang="fr"' in other.get(ACCOUNT).text
    other.post("/dashboard/preferences", {"language": "ar"})
    third = Browser(app)
    third.sign_in("viewer@example.org")
    assert '<html lang="ar"' in third.get(ACCOUNT).text


def test_a_new_password_asks_for_the_old_one_and_ends_other_sessions(viewer: Browser, app: Flask) -> None:
    other = Browser(app)
    other.sign_in("viewer@example.org")
    old_cookie = viewer.client.get_cookie("chinqit_session")
    change = f"{ACCOUNT}password"
    assert viewer.post(change, {"current": "wrong wrong", "password": NEW}).status_code == 422
    assert viewer.post(change, {"current": PASSWORD, "password": "viewer2026"}).status_code == 422
    assert viewer.post(change, {"current": PASSWORD, "password": NEW}).status_code == 303
    assert viewer.get(ACCOUNT).status_code == 200
    assert other.get(ACCOUNT).status_code == 302
    thief = Browser(app)
    assert old_cookie
    thief.client.set_cookie("chinqit_session", old_cookie.value)
    assert thief.get(ACCOUNT).status_code == 302
    assert other.sign_in("viewer@example.org").status_code == 422
    assert other.sign_in("viewer@example.org", NEW).status_code == 303


def test_another_address_asks_for_the_password(viewer: Browser, owner: Browser, services: Services) -> None:
    change = f"{ACCOUNT}email"
    for typed, field in (
        ({"email": "fatimata@example.org", "current": "wrong wrong"}, "current"),
        ({"email": "owner@example.org", "current": PASSWORD}, "email"),
        ({"email": "nothing", "current": PASSWORD}, "email"),
    ):
        refused = viewer.post(change, typed)
        assert refused.status_code == 422 and f'id="f-{field}-e"' in refused.text
    assert viewer.post(change, {"email": "Fatimata@example.org", "current": PASSWORD}).status_code == 303
    with services.sessions() as session:
        assert "fatimata@example.org" in session.scalars(select(User.email)).all()


def test_ten_wrong_current_passwords_and_the_right_one_is_not_heard(viewer: Browser) -> None:
    change = f"{ACCOUNT}password"
    for _ in range(10):
        viewer.post(change, {"current": "wrong wrong", "password": NEW})
    answer = viewer.post(change, {"current": PASSWORD, "password": NEW})
    assert answer.status_code == 422 and "Too many tries" in answer.text


@pytest.fixture
def elsewhere(app: Flask, services: Services) -> Browser:
    """The same person in another browser, served by another process of the gateway on the same database."""
    browser = Browser(create_app(services.settings))
    browser.headers |= {"User-Agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"}
    return browser


def test_sessions_are_listed_and_one_is_ended(viewer: Browser, elsewhere: Browser) -> None:
    elsewhere.sign_in("viewer@example.org")
    page = viewer.get(ACCOUNT).text
    assert "Chrome, Android" in page and "127.0.0.1" in page and page.count(">this one<") == 1
    [end] = re.findall(rf'action="({ACCOUNT}sessions/[0-9a-f]+/end)"', page)
    assert viewer.post(end).status_code == 303
    assert elsewhere.get(ACCOUNT).status_code == 302
    assert viewer.get(ACCOUNT).status_code == 200
    assert viewer.post(end).status_code == 404


def test_a_stolen_cookie_dies_with_the_end_of_all_in_every_process(
    viewer: Browser, elsewhere: Browser, app: Flask
) -> None:
    cookie = viewer.client.get_cookie("chinqit_session")
    assert cookie
    for browser in (thieves := [elsewhere, Browser(app)]):
        browser.client.set_cookie("chinqit_session", cookie.value)
        assert browser.get(ACCOUNT).status_code == 200
    assert viewer.post(f"{ACCOUNT}sessions/end", {"which": "all"}).status_code == 303
    assert [browser.get(ACCOUNT).status_code for browser in (*thieves, viewer)] == [302, 302, 302]


def test_the_others_end_and_this_one_stays(viewer: Browser, elsewhere: Browser) -> None:
    elsewhere.sign_in("viewer@example.org")
    viewer.post(f"{ACCOUNT}sessions/end", {"which": "others"})
    assert (viewer.get(ACCOUNT).status_code, elsewhere.get(ACCOUNT).status_code) == (200, 302)


def test_nobody_ends_the_session_of_somebody_else(viewer: Browser, enter: Callable[[str], Browser]) -> None:
    operator = enter("operator")
    viewer.sign_in("viewer@example.org")
    Browser(viewer.client.application).sign_in("viewer@example.org")
    [end] = re.findall(rf'action="({ACCOUNT}sessions/[0-9a-f]+/end)"', viewer.get(ACCOUNT).text)
    assert operator.post(end).status_code == 404


@pytest.mark.parametrize(
    ("agent", "seen"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0 Safari/537.36 Edg/126.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", ("Safari", "iPhone")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", ("Firefox", "Linux")),
        ("curl/8.5.0", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_browser_is_named_by_what_it_says(agent: str, seen: tuple[str, str]) -> None:
    assert devices.browser_and_system(agent) == seen
