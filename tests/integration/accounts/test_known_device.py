"""A browser that somebody signed in with before: strangers who know the address cannot lock it out."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import Services
from dashboard.models.accounts import SignInFailure
from tests.support.dashboard_client import Browser

OWNER = "owner@example.org"
NAME, PATH = "chinqit_device", "/dashboard/sign-in"


@pytest.fixture
def known(owner: Browser, app: Flask) -> Browser:
    """A browser with which the owner signed in once, and out again."""
    browser = Browser(app)
    assert browser.sign_in(OWNER).status_code == 303
    browser.post("/dashboard/sign-out")
    return browser


def guess(browser: Browser, times: int, email: str = OWNER, address: str = "") -> set[int]:
    return {
        browser.post(
            "/dashboard/sign-in",
            {"email": email, "password": "wrong wrong"},
            environ_base={"REMOTE_ADDR": address or f"192.0.2.{number}"},
        ).status_code
        for number in range(times)
    }


def test_the_owner_gets_in_from_a_known_device_whatever_strangers_try(known: Browser, stranger: Browser) -> None:
    assert guess(stranger, 40) == {422, 429}
    assert stranger.sign_in(OWNER).status_code == 429
    assert known.sign_in(OWNER).status_code == 303


def test_a_known_device_has_ten_tries_of_its_own(known: Browser, stranger: Browser, services: Services) -> None:
    assert guess(known, 10) == {422}
    assert known.sign_in(OWNER).status_code == 429
    with services.sessions() as session:
        assert len(set(session.scalars(select(SignInFailure.subject)))) == 1
    assert stranger.sign_in(OWNER).status_code == 303


def test_a_device_is_known_for_the_person_alone(known: Browser, viewer: Browser) -> None:
    guess(known, 10, "viewer@example.org")
    assert known.sign_in("viewer@example.org").status_code == 429
    assert known.sign_in(OWNER).status_code == 303


@pytest.mark.parametrize("forged", ["", "x", '["owner@example.org","x"]', "WyJvd25lckBleGFtcGxlLm9yZyIsIngiXQ.x.y"])
def test_a_forged_cookie_counts_for_nothing(owner: Browser, stranger: Browser, forged: str) -> None:
    stranger.client.set_cookie(NAME, forged, path=PATH)
    guess(stranger, 10)
    stranger.client.set_cookie(NAME, f"{forged}2", path=PATH)
    assert stranger.sign_in(OWNER).status_code == 429


def test_the_cookie_goes_to_the_sign_in_alone_and_lets_nobody_in(known: Browser) -> None:
    cookie = known.client.get_cookie(NAME, path=PATH)
    assert cookie and cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/dashboard/sign-in"
    assert known.get("/dashboard/keys/").status_code == 302
