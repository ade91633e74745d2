"""The team page, what its links open, and `chinqit users`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select, update

from dashboard.cli.registry import main
from dashboard.extensions import Services
from dashboard.models.accounts import User
from tests.support.dashboard_client import PARTIAL, PASSWORD, Browser

TEAM = "/dashboard/team/"
NADIA = "nadia@example.org"


def users_by_email(services: Services) -> dict[str, User]:
    with services.sessions() as session:
        return {user.email: user for user in session.scalars(select(User))}


def link_in(page: str) -> str:
    found = re.search(r'id="link">http://gateway\.test(/dashboard/[^<]+)</code>', page)
    assert found
    return found[1]


def invite(owner: Browser, role: str = "desk", email: str = NADIA) -> str:
    answer = owner.post(f"{TEAM}invite", {"email": email, "role": role})
    assert answer.status_code == 200, answer.text
    return link_in(answer.text)


def test_an_invited_person_makes_the_account_and_is_signed_in(owner: Browser, stranger: Browser) -> None:
    path = invite(owner)
    assert NADIA in owner.get(TEAM).text
    assert "Support desk" in stranger.get(path).text
    assert stranger.post(path, {"name": "", "password": PASSWORD}).status_code == 422
    assert stranger.post(path, {"name": "Nadia", "password": PASSWORD}).headers["Location"] == "/dashboard/"
    assert "Nadia" in stranger.get("/dashboard/lookup/").text
    assert stranger.get(path).status_code == 410
    assert "Nobody is invited" in owner.get(TEAM).text


def test_owners_see_who_signs_in_with_the_password_alone(
    owner: Browser, viewer: Browser, services: Services, stranger: Browser
) -> None:
    page = owner.get(TEAM).text
    assert "2 people sign in with the password alone" in page and page.count("no second factor") == 2
    assert "no second factor" not in viewer.get(TEAM).text
    with services.sessions.begin() as session:
        session.execute(update(User).values(totp_sealed=b"-"))
    assert "password alone" not in owner.get(TEAM).text


def test_a_password_of_own_words_is_refused_and_the_link_lives_on(owner: Browser, stranger: Browser) -> None:
    path = invite(owner)
    refused = stranger.post(path, {"name": "Nadia Haddad", "password": "Haddad2026"})
    assert refused.status_code == 422 and "little more than your name" in refused.text
    assert stranger.post(path, {"name": "Nadia Haddad", "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("email", ["nobody", "owner@example.org", ""])
def test_an_address_that_cannot_be_invited_is_told_at_its_field(owner: Browser, email: str) -> None:
    answer = owner.post(f"{TEAM}invite", {"email": email, "role": "viewer"})
    assert answer.status_code == 422 and 'id="f-email-e"' in answer.text


def test_an_invitation_is_renewed_or_withdrawn(owner: Browser, stranger: Browser) -> None:
    old = invite(owner)
    renew = re.search(rf"{TEAM}invitations/\d+/renew", owner.get(TEAM).text)
    assert renew
    new = link_in(owner.post(renew[0]).text)
    assert (stranger.get(old).status_code, stranger.get(new).status_code) == (410, 200)
    withdraw = re.search(rf"{TEAM}invitations/\d+/withdraw", owner.get(TEAM).text)
    assert withdraw
    owner.post(withdraw[0])
    assert stranger.get(new).status_code == 410


def test_withdrawn_access_ends_the_next_request(
    owner: Browser, enter: Callable[[str], Browser], services: Services
) -> None:
    desk = enter("desk")
    assert desk.get(TEAM).status_code == 200
    user_id = users_by_email(services)["desk@example.org"].id
    assert owner.post(f"{TEAM}{user_id}/disable").status_code == 303
    assert desk.get(TEAM).status_code == 302
    assert "Access withdrawn" in owner.get(TEAM).text
    owner.post(f"{TEAM}{user_id}/enable")
    assert desk.get(TEAM).status_code == 302  # signing in again is asked for
    assert desk.sign_in("desk@example.org").status_code == 303


def test_a_new_role_holds_with_the_next_request(owner: Browser, viewer: Browser, services: Services) -> None:
    user_id = users_by_email(services)["viewer@example.org"].id
    assert viewer.get("/dashboard/sandbox/").status_code == 403
    owner.post(f"{TEAM}{user_id}/role", {"role": "operator"})
    assert viewer.get("/dashboard/sandbox/").status_code == 200


def test_the_last_owner_is_told_so(owner: Browser, services: Services) -> None:
    user_id = users_by_email(services)["owner@example.org"].id
    for act in ("disable", "role"):
        answer = owner.post(f"{TEAM}{user_id}/{act}", {"role": "viewer"}, headers=PARTIAL)
        assert answer.status_code == 409 and "Nobody else owns the gateway" in answer.text
    assert owner.get("/dashboard/settings/").status_code == 200


def test_a_reset_link_chooses_another_password(owner: Browser, viewer: Browser, services: Services) -> None:
    user_id = users_by_email(services)["viewer@example.org"].id
    path = link_in(owner.post(f"{TEAM}{user_id}/reset").text)
    assert "viewer@example.org" in viewer.get(path).text
    assert viewer.post(path, {"password": "12345678"}).status_code == 422
    assert viewer.post(path, {"password": "Un mot de passe neuf"}).headers["Location"] == "/dashboard/sign-in"
    assert viewer.get(TEAM).status_code == 302
    assert viewer.sign_in("viewer@example.org").status_code == 422
    assert viewer.sign_in("viewer@example.org", "Un mot de passe neuf").status_code == 303


def test_addresses_and_acts_are_for_owners(owner: Browser, viewer: Browser) -> None:
    invite(owner)
    page = viewer.get(TEAM).text
    assert "Nadia owner" in page and "owner@example.org" not in page and NADIA not in page and "Invite" not in page


@pytest.fixture
def chinqit(monkeypatch: pytest.MonkeyPatch, services: Services) -> Callable[..., Result]:
    """Runs `chinqit users …` on the gateway of the pages."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret", "public_url"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return lambda *args: CliRunner().invoke(main, ["users", *args])


def test_the_command_does_what_the_page_does(owner: Browser, stranger: Browser, chinqit: Callable[..., Result]) -> None:
    path = chinqit("invite", NADIA, "--role", "operator").stdout.strip().removeprefix("http://gateway.test")
    assert stranger.post(path, {"name": "Nadia", "password": PASSWORD}).status_code == 303
    assert chinqit("role", NADIA, "desk").stdout == f"{NADIA} is desk.\n"
    assert chinqit("disable", NADIA).exit_code == 0
    assert stranger.get(TEAM).status_code == 302
    assert chinqit("reset", NADIA).exit_code == 1
    assert chinqit("enable", NADIA).exit_code == 0
    path = chinqit("reset", NADIA).stdout.strip().removeprefix("http://gateway.test")
    assert stranger.post(path, {"password": "Un mot de passe neuf"}).status_code == 303
    [row] = [row for row in json.loads(chinqit("list", "--json").stdout) if row["email"] == NADIA]
    assert (row["role"], row["state"]) == ("desk", "active")


def test_the_command_refuses_the_last_owner_and_unknown_people(owner: Browser, chinqit: Callable[..., Result]) -> None:
    for args in (("disable", "owner@example.org"), ("role", "owner@example.org", "viewer")):
        ran = chinqit(*args)
        assert ran.exit_code == 1 and "Nobody else owns the gateway" in ran.stderr
    for name in ("disable", "enable", "reset", "unlock"):
        assert "Nobody signs in with x@y.mr" in chinqit(name, "x@y.mr").stderr


def test_a_locked_person_is_let_in_again(
    owner: Browser, stranger: Browser, app: Flask, chinqit: Callable[..., Result]
) -> None:
    for number in range(10):
        wrong = stranger.post(
            "/dashboard/sign-in",
            {"email": "owner@example.org", "password": "wrong wrong"},
            environ_base={"REMOTE_ADDR": f"192.0.2.{number}"},
        )
        assert wrong.status_code == 422
    assert stranger.sign_in("owner@example.org").status_code == 429
    assert chinqit("unlock", "owner@example.org").exit_code == 0
    assert stranger.sign_in("owner@example.org").status_code == 303
    assert "10 wrong passwords were tried" in stranger.get("/dashboard/").text
    assert "wrong passwords were tried" not in stranger.get("/dashboard/").text


def test_the_command_removes_a_second_factor_and_ends_the_sessions(
    owner: Browser, services: Services, chinqit: Callable[..., Result]
) -> None:
    assert chinqit("reset-2fa", "owner@example.org").exit_code == 1
    with services.sessions.begin() as session:
        session.query(User).one().totp_sealed = b"sealed"
    assert chinqit("reset-2fa", "owner@example.org").exit_code == 0
    assert users_by_email(services)["owner@example.org"].totp_sealed is None
    assert owner.get(TEAM).status_code == 302
