"""Passkeys: kept, used alone, as second step and as proof; what does not hold is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.extensions import Services, services
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import passkeys, second_factor
from dashboard.gateway.accounts.passkeys import RelyingParty
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.models.accounts import Passkey, RecoveryCode, User
from dashboard.settings import Settings
from tests.support.authenticator import Authenticator, options_of
from tests.support.dashboard_client import PASSWORD, Browser, World

ACCOUNT, D = "/dashboard/account/", "/dashboard/"
NEW, ALONE, CODE, PROOF = f"{ACCOUNT}passkeys/new", f"{D}sign-in/passkey", f"{D}sign-in/code", f"{ACCOUNT}proof/"
EMAIL = "viewer@example.org"
HTTPS = {"base_url": "https://gateway.test"}


class Secure(Browser):
    """A browser over TLS."""

    def get(self, url: str, **more: Any) -> Any:
        return super().get(url, **{**HTTPS, **more})

    def post(self, url: str, data: dict[str, Any] | None = None, **more: Any) -> Any:
        return super().post(url, data, **{**HTTPS, **more})

    def _session(self) -> str:
        cookie = self.client.get_cookie("__Host-chinqit_session", domain="gateway.test")
        return cookie.value if cookie else ""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(public_url="https://gateway.test")


@pytest.fixture
def gateway(app: Flask) -> Services:
    with app.app_context():
        return services()


@pytest.fixture
def viewer(app: Flask, gateway: Services) -> Secure:
    browser = Secure(app)
    with app.app_context():
        browser.start_session(World(gateway), "viewer")
    held = browser.client.get_cookie("chinqit_session")
    assert held
    browser.client.set_cookie("__Host-chinqit_session", held.value, domain="gateway.test", secure=True)
    return browser


@pytest.fixture
def device(viewer: Secure) -> Authenticator:
    """A device whose passkey the viewer has added."""
    made = Authenticator()
    answer = add(viewer, made)
    assert answer.status_code == 200 and "recovery codes" in answer.text, answer.text
    return made


def add(browser: Secure, made: Authenticator, **more: str) -> Any:
    page = browser.get(NEW).text
    return browser.post(NEW, {"passkey": made.create(page), "device": "Téléphone", "current": PASSWORD, **more})


def is_in(browser: Secure) -> bool:
    return bool(browser.get(ACCOUNT).status_code == 200)


def rows(gateway: Services) -> list[Passkey]:
    with gateway.sessions() as session:
        return list(session.scalars(select(Passkey)))


def half_way(app: Flask) -> Secure:
    browser = Secure(app)
    assert browser.sign_in(EMAIL).headers["Location"].partition("?")[0] == CODE
    return browser


def test_it_is_kept_with_its_name_and_recovery_codes_come_with_the_first(
    viewer: Secure, gateway: Services, device: Authenticator
) -> None:
    (row,) = rows(gateway)
    assert (row.name, row.credential_id, row.used_at) == ("Téléphone", device.credential_id, None)
    assert "Téléphone" in viewer.get(ACCOUNT).text
    answer = add(viewer, Authenticator(), device="Clé")
    assert (answer.status_code, answer.location) == (303, ACCOUNT)  # the recovery codes of before stay
    with gateway.sessions() as session:
        assert len(session.scalars(select(RecoveryCode)).all()) == second_factor.RECOVERY_CODES
        acts = [entry.act for entry in trail.page(session, AuditFilters(area="account"), size=2)]
    assert acts == ["account.add_passkey"] * 2


def test_alone_it_signs_in(app: Flask, device: Authenticator, gateway: Services) -> None:
    stranger = Secure(app)
    entered = stranger.post(ALONE, {"passkey": device.get(stranger.get(f"{D}sign-in").text), "next": ACCOUNT})
    assert (entered.status_code, entered.location, is_in(stranger)) == (303, ACCOUNT, True)
    assert rows(gateway)[0].sign_count == 1 and rows(gateway)[0].used_at is not None


def test_alone_it_has_to_know_its_person(app: Flask, device: Authenticator) -> None:
    device.knows_its_person = False
    stranger = Secure(app)
    page = stranger.get(f"{D}sign-in").text
    assert options_of(page)["userVerification"] == "required"
    assert stranger.post(ALONE, {"passkey": device.get(page)}).status_code == 422 and not is_in(stranger)


def test_the_password_alone_no_longer_lets_in_and_the_passkey_is_the_second_step(
    app: Flask, device: Authenticator
) -> None:
    device.knows_its_person = False  # a key that is only touched will do beside a password
    browser = half_way(app)
    page = browser.get(CODE).text
    assert [one["type"] for one in options_of(page)["allowCredentials"]] == ["public-key"]
    assert browser.post(f"{CODE}/passkey", {"passkey": device.get(page)}).status_code == 303 and is_in(browser)


def test_a_recovery_code_lets_in_who_lost_the_device(app: Flask, viewer: Secure) -> None:
    codes = re.findall(r"<code>([a-z2-7-]{29})</code>", add(viewer, Authenticator()).text)
    browser = half_way(app)
    assert browser.post(CODE, {"code": codes[0]}).status_code == 303 and is_in(browser)


def test_it_proves_who_is_there(viewer: Secure, device: Authenticator) -> None:
    page = viewer.get(PROOF, query_string={"next": ACCOUNT}).text
    proven = viewer.post(f"{PROOF}passkey", {"passkey": device.get(page), "next": ACCOUNT})
    assert (proven.status_code, proven.location) == (303, ACCOUNT)
    device.knows_its_person = False
    assert viewer.post(f"{PROOF}passkey", {"passkey": device.get(viewer.get(PROOF).text)}).status_code == 422


def test_an_answer_is_good_once(app: Flask, device: Authenticator) -> None:
    device.count = -1  # it counts nothing, as most do: the counter alone finds no repetition
    first, second = Secure(app), Secure(app)
    early = second.get(f"{D}sign-in").text
    answer = device.get(first.get(f"{D}sign-in").text)
    assert first.post(ALONE, {"passkey": answer}).status_code == 303
    repeated = second.post(ALONE, {"passkey": answer})
    assert (repeated.status_code, "took too long" in repeated.text) == (422, True)
    device.count = -1
    assert second.post(ALONE, {"passkey": device.get(early)}).status_code == 422  # made before the one that was used


def test_a_page_that_stood_too_long_is_told(app: Flask, device: Authenticator, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Secure(app)
    page, now = browser.get(f"{D}sign-in").text, time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + (passkeys.CHALLENGE_SECONDS + 1) * 10**9)
    stale = browser.post(ALONE, {"passkey": device.get(page)})
    assert (stale.status_code, "took too long" in stale.text, is_in(browser)) == (422, True, False)


def test_what_was_asked_for_one_thing_is_no_answer_to_another(
    app: Flask, viewer: Secure, device: Authenticator
) -> None:
    for_proof = device.get(viewer.get(PROOF).text)
    assert Secure(app).post(ALONE, {"passkey": for_proof}).status_code == 422
    browser = half_way(app)
    alone = device.get(Secure(app).get(f"{D}sign-in").text)
    assert browser.post(f"{CODE}/passkey", {"passkey": alone}).status_code == 422
    assert viewer.post(f"{PROOF}passkey", {"passkey": alone}).status_code == 422


@pytest.mark.parametrize("origin", ["https://evil.test", "http://gateway.test", "https://gateway.test:444", "null"])
def test_an_answer_that_was_given_elsewhere_is_refused(app: Flask, device: Authenticator, origin: str) -> None:
    device.origin = origin
    browser = Secure(app)
    assert browser.post(ALONE, {"passkey": device.get(browser.get(f"{D}sign-in").text)}).status_code == 422


def test_the_host_of_a_request_is_not_asked(app: Flask) -> None:
    page = app.test_client().get(f"{D}sign-in", base_url="https://evil.test", headers={"X-Forwarded-Host": "evil.test"})
    assert options_of(page.text)["rpId"] == "gateway.test"


def test_another_key_or_another_person_s_is_refused(
    app: Flask, gateway: Services, viewer: Secure, device: Authenticator
) -> None:
    forged = Authenticator(credential_id=device.credential_id)
    browser = Secure(app)
    assert browser.post(ALONE, {"passkey": forged.get(browser.get(f"{D}sign-in").text)}).status_code == 422
    unknown = Authenticator()
    assert browser.post(ALONE, {"passkey": unknown.get(browser.get(f"{D}sign-in").text)}).status_code == 422
    with gateway.sessions.begin() as session:
        other = session.scalars(select(User)).one()
        session.add(copy := User(email="x@example.org", role="viewer", password_hash=other.password_hash))
        session.flush()
        session.execute(update(Passkey).values(user_id=copy.id))
    assert viewer.get(f"{ACCOUNT}passkeys/1/remove").status_code == 404
    assert viewer.post(f"{ACCOUNT}passkeys/1/remove", {"current": PASSWORD}).status_code == 404


@pytest.mark.parametrize(
    "answer",
    ["", "{", "[]", "null", "7", '"x"', '{"response": 5}', "[" * 5_000, "x" * 20_000]
    + [json.dumps({"rawId": "AA", "id": "AA", "type": "public-key", "response": {"clientDataJSON": value}})
       for value in ("", "e30", "é", "bnVsbA", 5, None, "eyJjaGFsbGVuZ2UiOjV9")],
)  # fmt: skip
def test_what_is_no_answer_is_refused(app: Flask, viewer: Secure, answer: str) -> None:
    assert Secure(app).post(ALONE, {"passkey": answer}).status_code == 422
    assert viewer.post(NEW, {"passkey": answer, "device": "x", "current": PASSWORD}).status_code == 422


@pytest.mark.parametrize("part", ["attestationObject", "authenticatorData", "signature", "clientDataJSON"])
def test_an_answer_with_a_broken_part_is_refused(app: Flask, viewer: Secure, device: Authenticator, part: str) -> None:
    asked = Secure(app).get(f"{D}sign-in").text
    for told, url, more in (
        (json.loads(device.get(asked)), ALONE, {}),
        (json.loads(Authenticator().create(viewer.get(NEW).text)), NEW, {"device": "x", "current": PASSWORD}),
    ):
        for broken in ("", "AAAA", "_" * 300, "o2NmbXRkbm9uZQ"):
            if part in told["response"]:
                told["response"][part] = broken
                assert viewer.post(url, {"passkey": json.dumps(told), **more}).status_code == 422


def test_the_same_passkey_is_not_added_twice_and_a_wrong_password_adds_none(
    viewer: Secure, device: Authenticator, gateway: Services
) -> None:
    assert add(viewer, device).status_code == 422
    assert add(viewer, Authenticator(), current="wrong wrong").status_code == 422
    assert add(viewer, Authenticator(), device=" ").status_code == 422
    assert len(rows(gateway)) == 1


def test_its_person_calls_it_something_else_and_nobody_else_does(
    app: Flask, viewer: Secure, device: Authenticator, gateway: Services
) -> None:
    url = f"{ACCOUNT}passkeys/{rows(gateway)[0].id}/rename"
    assert 'value="Téléphone"' in viewer.get(url).text
    assert viewer.post(url, {"device": " "}).status_code == 422 and rows(gateway)[0].name == "Téléphone"
    assert viewer.post(url, {"device": "Clé du coffre"}).status_code == 303
    assert rows(gateway)[0].name == "Clé du coffre" and "Clé du coffre" in viewer.get(ACCOUNT).text
    with gateway.sessions() as session:
        (entry,) = trail.page(session, AuditFilters(area="account"), size=1)
        assert (entry.act, json.loads(entry.changes)) == (
            "account.rename_passkey",
            {"name": ["Téléphone", "Clé du coffre"]},
        )
    with gateway.sessions.begin() as session:
        session.add(other := User(email="x@example.org", role="viewer", password_hash=""))
        session.flush()
        session.execute(update(Passkey).values(user_id=other.id))
    assert viewer.get(url).status_code == 404
    assert viewer.post(url, {"device": "Mine"}).status_code == 404 and rows(gateway)[0].name == "Clé du coffre"


def test_removed_it_signs_nobody_in_and_with_the_last_factor_go_the_recovery_codes(
    app: Flask, viewer: Secure, device: Authenticator, gateway: Services
) -> None:
    url = f"{ACCOUNT}passkeys/{rows(gateway)[0].id}/remove"
    assert viewer.get(url).status_code == 200
    assert viewer.post(url, {"current": "wrong wrong"}).status_code == 422
    assert viewer.post(url, {"current": PASSWORD}).status_code == 303
    browser = Secure(app)
    assert browser.post(ALONE, {"passkey": device.get(browser.get(f"{D}sign-in").text)}).status_code == 422
    assert browser.sign_in(EMAIL).headers["Location"] == D
    with gateway.sessions() as session:
        assert session.scalars(select(RecoveryCode)).all() == []


def test_a_disabled_person_s_passkey_lets_nobody_in(app: Flask, device: Authenticator, gateway: Services) -> None:
    with gateway.sessions.begin() as session:
        session.execute(update(User).values(disabled_at=User.created_at))
    browser = Secure(app)
    assert browser.post(ALONE, {"passkey": device.get(browser.get(f"{D}sign-in").text)}).status_code == 422


def test_where_all_need_a_second_factor_a_passkey_is_one(viewer: Secure, gateway: Services) -> None:
    with gateway.sessions.begin() as session:
        told = replace(site_settings.read(session), second_factor_required=True)
        site_settings.save(session, told, "owner@example.org")
    site_settings.REMEMBERED.forget(gateway.sessions.kw["bind"].pool)
    assert not is_in(viewer)
    assert add(viewer, Authenticator()).status_code == 200
    assert is_in(viewer)


def test_reset_for_somebody_who_lost_everything_takes_passkeys_too(gateway: Services, device: Authenticator) -> None:
    with gateway.sessions.begin() as session:
        user = session.scalars(select(User)).one()
        assert second_factor.is_on(user)
        second_factor.reset(session, user)
        session.flush()
        session.refresh(user)
        assert not second_factor.is_on(user)
    assert rows(gateway) == []


@pytest.mark.parametrize(
    ("public_url", "origin"),
    [
        ("https://sms.example.mr", "https://sms.example.mr"),
        ("https://sms.example.mr:8443/", "https://sms.example.mr:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://sms.example.mr", None),
        ("https://192.0.2.1", None),
        ("https://[2001:db8::1]", None),
        ("", None),
    ],
)
def test_who_the_gateway_is_comes_from_its_public_address(
    gateway: Services, public_url: str, origin: str | None
) -> None:
    settings: Settings = replace(gateway.settings, public_url=public_url)
    party = RelyingParty.of(settings)
    assert (party.origin if party else None) == origin


def test_without_such_an_address_the_pages_say_so(make_app: Callable[..., Flask]) -> None:
    plain = make_app()
    browser = Browser(plain)
    with plain.app_context():
        browser.start_session(World(services()), "viewer")
    assert "PUBLIC_URL begins with https://" in browser.get(ACCOUNT).text
    assert browser.get(NEW).status_code == 404
    assert "data-passkey" not in plain.test_client().get(f"{D}sign-in").text
