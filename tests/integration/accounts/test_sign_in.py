"""Sign-in, and the set-up link of the first owner."""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import passwords, users
from dashboard.gateway.accounts.user_sessions import MOST_FAILURES
from dashboard.models.accounts import SetupLink, SignInFailure, User
from tests.support.dashboard_client import PASSWORD, Browser

NEW = {"name": "Nadia Haddad", "email": "Nadia@Example.org", "password": PASSWORD}


@pytest.fixture
def link(services: Services) -> str:
    with services.sessions.begin() as session:
        return f"/dashboard/setup/{users.make_setup_link(session)}"


def owners(services: Services) -> list[str]:
    with services.sessions() as session:
        return list(session.scalars(select(User.email).where(User.role == "owner")))


def test_the_link_makes_the_owner_signs_in_and_leads_to_keys(stranger: Browser, link: str, services: Services) -> None:
    answer = stranger.post(link, NEW)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/dashboard/")
    assert owners(services) == ["nadia@example.org"]
    assert "Nadia Haddad" in stranger.get("/dashboard/keys/").text


def test_setting_up_asks_for_the_time_zone(stranger: Browser, link: str, services: Services) -> None:
    assert re.search(r'name="timezone"[^>]* value="Africa/Nouakchott"', stranger.get(link).text)
    refused = stranger.post(link, {**NEW, "timezone": "Mars/Base"})
    assert (
        refused.status_code == 422
        and "Enter the name of a time zone" in refused.text
        and 'value="Mars/Base"' in refused.text
    )
    assert stranger.post(link, {**NEW, "timezone": "Asia/Tokyo"}).status_code == 303
    with services.sessions() as session:
        assert site_settings.read(session).timezone == "Asia/Tokyo"


def test_looking_at_the_link_does_not_use_it_up(stranger: Browser, link: str) -> None:
    assert [stranger.get(link).status_code for _ in range(3)] == [200, 200, 200]
    assert stranger.client.head(link).status_code == 200
    assert stranger.post(link, NEW).status_code == 303


def test_the_link_works_once(stranger: Browser, link: str, services: Services) -> None:
    stranger.post(link, NEW)
    assert stranger.get(link).status_code == 410
    again = stranger.post(link, {**NEW, "email": "second@example.org"})
    assert again.status_code == 410
    assert "chinqit users create" in again.text
    assert owners(services) == ["nadia@example.org"]


def test_an_old_link_says_how_to_get_a_new_one(stranger: Browser, link: str, services: Services) -> None:
    with services.sessions.begin() as session:
        session.execute(update(SetupLink).values(expires_at=utcnow() - timedelta(seconds=1)))
    page = stranger.get(link)
    assert page.status_code == 410
    assert "Start the gateway again" in page.text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("name", "", "Enter your name."),
        ("name", "x" * 81, "Most characters, on one line: 80"),
        ("name", "a\x01b", "Most characters, on one line: 80"),
        ("email", "nadia", "Enter an e-mail address"),
        ("email", "a\x01b@example.org", "Enter an e-mail address"),
        ("email", "x" * 300 + "@example.org", "Enter an e-mail address"),
        ("password", "short", "Least number of characters: 8."),
        ("password", "password123", "Many people use this password"),
        ("password", "x" * 300, "Most characters: 256."),
    ],
)
def test_a_wrong_form_keeps_the_link_and_what_was_typed(
    stranger: Browser, link: str, services: Services, name: str, value: str, told: str
) -> None:
    page = stranger.post(link, {**NEW, name: value})
    assert page.status_code == 422
    assert told in page.text
    assert f'href="#f-{name}"' in page.text
    assert f'aria-describedby="f-{name}-e' in page.text
    kept = "email" if name != "email" else "name"
    assert f'value="{NEW[kept]}"' in page.text
    assert PASSWORD not in page.text
    assert owners(services) == []
    assert stranger.post(link, NEW).status_code == 303


def test_two_wrong_fields_are_told_together(stranger: Browser, link: str) -> None:
    page = stranger.post(link, {"name": "", "email": "x", "password": PASSWORD}).text
    assert "Enter your name." in page
    assert "Enter an e-mail address" in page


def test_unknown_names_and_wrong_passwords_answer_alike(owner: Browser, stranger: Browser) -> None:
    def tried(email: str) -> tuple[int, str]:
        answer = stranger.sign_in(email, "not the password")
        return answer.status_code, answer.text.replace(email, "…")

    known, unknown = tried("owner@example.org"), tried("nobody@example.org")
    assert known[0] == 422
    assert strip_token(known[1]) == strip_token(unknown[1])


def strip_token(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrf_token" not in line and "X-CSRF" not in line)


@pytest.mark.parametrize("email", ["owner@example.org", "nobody@example.org"])
def test_ten_failures_lock_known_and_unknown_alike(owner: Browser, stranger: Browser, email: str) -> None:
    assert [stranger.sign_in(email, "wrong").status_code for _ in range(10)] == [422] * 10
    locked = stranger.sign_in(email, PASSWORD)
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    assert "Try again in 15 minutes." in locked.text
    assert "Location" not in locked.headers


def test_the_form_lets_password_managers_work(stranger: Browser) -> None:
    page = stranger.get("/dashboard/sign-in").text
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "onpaste" not in page


def test_a_setup_form_asks_for_a_new_password(stranger: Browser, link: str) -> None:
    assert 'autocomplete="new-password"' in stranger.get(link).text


def test_signed_in_people_need_not_sign_in(owner: Browser) -> None:
    assert owner.get("/dashboard/sign-in").headers["Location"] == "/dashboard/"


@pytest.mark.parametrize("text", ["\x01", "a" * 20_000, "\ud800", "' OR 1=1 --", "<script>"])
def test_hostile_names_and_passwords_only_fail(owner: Browser, stranger: Browser, text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    body = {"email": encoded, "password": encoded, "csrf_token": stranger.token()}
    answer = stranger.client.post("/dashboard/sign-in", data=body, headers=stranger.headers)
    assert answer.status_code == 422
    assert "<script>" not in answer.text


def test_a_crowd_at_the_sign_in_is_told_to_wait_and_nothing_is_counted(
    owner: Browser, stranger: Browser, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "PATIENCE_SECONDS", 0)
    with ExitStack() as turns:
        for _ in range(passwords.AT_ONCE):
            turns.enter_context(passwords.turn())
        for _ in range(MOST_FAILURES + 1):
            answer = stranger.sign_in("owner@example.org")
            assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
            assert "Many people are signing in" in answer.text
    with services.sessions() as session:
        assert session.scalars(select(SignInFailure)).all() == []
    assert stranger.sign_in("owner@example.org").status_code == 303
