"""Signing in by an OpenID Connect provider: a real one, with real keys, that also lies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services, services
from dashboard.gateway import site_settings
from dashboard.gateway.accounts import links, oidc
from dashboard.gateway.accounts.user_sessions import MOST_FAILURES
from dashboard.gateway.audit import trail
from dashboard.models.accounts import PersonLink, User, UserIdentity, UserSession
from dashboard.resources import ROOT
from tests.support import oidc_provider
from tests.support.dashboard_client import HASH, PASSWORD, Browser, World
from tests.support.oidc_provider import CLIENT, SECRET, OidcProvider, path_of

D = "/dashboard/"
START, BACK, ACCOUNT = f"{D}sign-in/provider/", f"{D}sign-in/provider/back", f"{D}account/"
NADIA = "nadia@example.org"
ROLES = {"oidc_role_claim": "realm_access.roles", "oidc_roles": "sms-admins=owner, sms-team=operator"}
Make = Callable[..., Flask]


@pytest.fixture(scope="module")
def new_provider() -> Iterator[Callable[[], OidcProvider]]:
    """All at one address, so that one gateway knows all of them."""
    with oidc_provider.serving() as make:
        yield make


@pytest.fixture
def provider(new_provider: Callable[[], OidcProvider]) -> OidcProvider:
    oidc._provider.cache_clear()  # what is remembered of the one before
    return new_provider()


@pytest.fixture
def make(make_app: Make, provider: OidcProvider) -> Make:
    """Makes a gateway that knows the provider."""

    def made(**more: Any) -> Flask:
        known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
        return make_app(**{**known, "oidc_label": "Keycloak", "oidc_allow_private": True, **more})

    return made


@pytest.fixture
def app(make: Make) -> Flask:
    return make()


@pytest.fixture
def gateway(app: Flask) -> Services:
    return services_of(app)


def services_of(app: Flask) -> Services:
    with app.app_context():
        return services()


def invite(gateway: Services, email: str = NADIA, role: str = "operator") -> None:
    with gateway.sessions.begin() as session:
        links.invite(session, email, role, None)


def go(browser: Browser, start: str = START) -> Any:
    """To the provider, where somebody signs in, and back; the gateway's answer."""
    return browser.get(return_of(browser, start))


def return_of(browser: Browser, start: str = START) -> str:
    """Where the provider sends the browser back to."""
    led = browser.get(start)
    assert led.status_code == 302, led.text
    return signed_in_there(led)


def signed_in_there(led: Any) -> str:
    """Where the provider sends the browser back to, which was led to it."""
    return path_of(httpx.get(led.headers["Location"], verify=False).headers["Location"])  # a context takes long


def is_in(browser: Browser) -> bool:
    return bool(browser.get(ACCOUNT).status_code == 200)


def people(gateway: Services) -> dict[str, str]:
    with gateway.sessions() as session:
        return {user.email: user.role for user in session.scalars(select(User))}


def acts(gateway: Services) -> list[tuple[str, str, dict[str, Any]]]:
    with gateway.sessions() as session:
        return [(entry.act, entry.subject, json.loads(entry.changes)) for entry in trail.entries(session)]


def person(app: Flask, role: str = "viewer", email: str = NADIA) -> Browser:
    """Somebody with a password, who is signed in."""
    browser = Browser(app)
    browser.start_session(World(services_of(app)), role)
    with services_of(app).sessions.begin() as session:
        session.execute(update(User).where(User.email == f"{role}@example.org").values(email=email))
    return browser


def test_who_was_invited_comes_in_without_a_password(app: Flask, gateway: Services, provider: OidcProvider) -> None:
    invite(gateway)
    browser = Browser(app)
    page = browser.get(f"{D}sign-in", query_string={"next": ACCOUNT}).text
    assert "Sign in with Keycloak" in page and f'href="{START}?next=/dashboard/account/"' in page
    answer = go(browser, f"{START}?next={ACCOUNT}")
    assert (answer.status_code, answer.location, is_in(browser)) == (303, ACCOUNT, True)
    assert people(gateway) == {NADIA: "operator"}
    [(act, subject, changes)] = acts(gateway)
    assert (act, subject, changes["role"]) == ("sign_in.provider", NADIA, [None, "operator"])
    with gateway.sessions() as session:
        assert session.scalars(select(PersonLink.used_at)).one() is not None
        row = session.scalars(select(UserIdentity)).one()
        assert (row.issuer, row.subject) == (provider.issuer, "7741")
    assert provider.authorized["redirect_uri"] == f"http://gateway.test{BACK}"
    provider.person["email"] = "married@example.org"  # the account is the subject's, whatever its address
    again = Browser(app)
    assert go(again).status_code == 303 and is_in(again) and people(gateway) == {NADIA: "operator"}


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_keys_are_followed_when_the_provider_changes_them(
    app: Flask, gateway: Services, provider: OidcProvider, algorithm: str
) -> None:
    invite(gateway)
    assert go(Browser(app)).status_code == 303
    asked = provider.asked.count("/keys")
    provider.new_key(algorithm)
    browser = Browser(app)
    assert go(browser).status_code == 303 and is_in(browser)
    assert provider.asked.count("/keys") == asked + 1
    assert go(Browser(app)).status_code == 303 and provider.asked.count("/keys") == asked + 1


def claim(name: str, value: Any) -> Callable[[OidcProvider], None]:
    def change(claims: dict[str, Any]) -> None:
        claims[name] = value
        if value is None:
            del claims[name]

    return lambda provider: setattr(provider, "edit_claims", change)


def unpublished_key(provider: OidcProvider) -> None:
    """It signs with a key that is nobody's, under the name of none."""
    published = provider.keys
    provider.new_key("RS256")
    signer = OidcProvider.signed.__get__(provider)
    held, provider_kid = provider.keys, provider.kid

    def sign(claims: dict[str, Any]) -> str:
        provider.keys, provider.kid = held, provider_kid
        try:
            return str(signer(claims))
        finally:
            provider.keys = published

    provider.keys, provider.sign = published, sign


def forged_key(provider: OidcProvider) -> None:
    """Under the name of the published key, with another one."""
    published, kid = provider.keys, provider.kid
    provider.new_key("RS256")
    forged = provider.keys[provider.kid]

    def sign(claims: dict[str, Any]) -> str:
        provider.keys, provider.kid = {kid: forged}, kid
        try:
            return provider.signed(claims)
        finally:
            provider.keys = published

    provider.keys, provider.kid, provider.sign = published, kid, sign


LIES: dict[str, Callable[[OidcProvider], None]] = {
    "wrong nonce": claim("nonce", "another"),
    "no nonce": claim("nonce", None),
    "wrong audience": claim("aud", "another-client"),
    "another beside us, and not for us": claim("aud", ["another-client", CLIENT]),
    "issued to another": claim("azp", "another-client"),
    "no audience": claim("aud", None),
    "wrong issuer": claim("iss", "https://evil.test"),
    "expired": claim("exp", int(time.time()) - 3600),
    "no end": claim("exp", None),
    "not yet": claim("nbf", int(time.time()) + 3600),
    "issued in the future": claim("iat", int(time.time()) + 3600),
    "no subject": claim("sub", None),
    "an empty subject": claim("sub", ""),
    "a subject that is no text": claim("sub", 7),
    "a subject with a line break": claim("sub", "77\n41"),
    "a wrong hash of the access token": claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
    "alg none": lambda provider: setattr(provider, "sign", provider.unsigned),
    "HS256 with the public key": lambda provider: setattr(provider, "sign", provider.signed_with_public_key),
    "a key that is not published": unpublished_key,
    "a forged key under a published name": forged_key,
    "no token": lambda provider: setattr(provider, "sign", lambda _claims: None),
    "no JSON Web Token": lambda provider: setattr(provider, "sign", lambda _claims: "x.y.z"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_token_that_does_not_hold_lets_nobody_in(
    app: Flask, gateway: Services, provider: OidcProvider, lie: Callable[[OidcProvider], None]
) -> None:
    invite(gateway)
    lie(provider)
    browser = Browser(app)
    answer = go(browser)
    assert (answer.status_code, "could not be verified" in answer.text, is_in(browser)) == (403, True, False)
    assert people(gateway) == {} and acts(gateway) == []


def test_an_address_that_is_not_verified_opens_no_invitation(
    app: Flask, gateway: Services, provider: OidcProvider
) -> None:
    invite(gateway)
    for verified in (False, None, "true", 1):
        provider.person["email_verified"] = verified
        answer = go(browser := Browser(app))
        assert (answer.status_code, "has not verified your e-mail" in answer.text, is_in(browser)) == (403, True, False)
    del provider.person["email_verified"]
    assert go(Browser(app)).status_code == 403 and people(gateway) == {}
    assert {act for act, _, changes in acts(gateway) if changes == {"reason": [None, "unverified"]}} == {
        "sign_in.refuse"
    }


def test_an_account_is_never_joined_by_its_address_alone(app: Flask, gateway: Services) -> None:
    person(app, "owner")
    answer = go(browser := Browser(app))
    assert (answer.status_code, "has an account here" in answer.text, is_in(browser)) == (403, True, False)
    assert acts(gateway) == [("sign_in.refuse", NADIA, {"reason": [None, "has_account"]})]


def test_who_was_not_invited_is_refused(app: Flask, gateway: Services) -> None:
    invite(gateway, "somebody.else@example.org")
    answer = go(browser := Browser(app))
    assert (answer.status_code, "You have no account yet" in answer.text, is_in(browser)) == (403, True, False)
    with gateway.sessions.begin() as session:
        links.invite(session, NADIA, "owner", None)
        session.execute(update(PersonLink).values(expires_at=utcnow()))
    assert go(Browser(app)).status_code == 403 and people(gateway) == {}


def test_its_own_person_joins_an_account_and_leaves_it(app: Flask, gateway: Services, provider: OidcProvider) -> None:
    provider.person["email"] = "private@example.org"
    browser = person(app)
    assert "Connect Keycloak" in browser.get(ACCOUNT).text
    joined = go(browser, f"{ACCOUNT}provider/link")
    assert (joined.status_code, joined.location) == (302, ACCOUNT)
    assert "You can sign in with Keycloak now." in browser.get(ACCOUNT).text
    other = Browser(app)
    assert go(other).status_code == 303 and is_in(other)
    thief = person(app, "operator", "thief@example.org")
    assert go(thief, f"{ACCOUNT}provider/link").status_code == 302
    assert "Somebody else signs in here" in thief.get(ACCOUNT).text
    assert browser.post(f"{ACCOUNT}provider/unlink", {"current": "wrong wrong"}).status_code == 422
    assert browser.post(f"{ACCOUNT}provider/unlink", {"current": PASSWORD}).status_code == 303
    assert go(Browser(app)).status_code == 403
    assert [act for act, *_ in acts(gateway)] == [
        "account.link",
        "sign_in.provider",
        "account.unlink",
        "sign_in.refuse",
    ]


def test_what_began_for_one_person_ends_for_nobody_else(app: Flask, gateway: Services) -> None:
    browser = person(app)
    there = return_of(browser, f"{ACCOUNT}provider/link")
    with gateway.sessions.begin() as session:
        session.add(User(id=99, email="other@example.org", role="viewer", password_hash=HASH))
        session.flush()
        session.execute(update(UserSession).values(user_id=99))
    assert browser.get(there).status_code == 302 and "took too long" in browser.get(ACCOUNT).text
    with gateway.sessions() as session:
        assert session.scalars(select(UserIdentity)).all() == []


def test_the_way_back_is_good_once_and_in_one_browser(app: Flask, gateway: Services) -> None:
    invite(gateway)
    browser, other = Browser(app), Browser(app)
    there = return_of(browser)
    stolen = other.get(there)
    assert (stolen.status_code, is_in(other)) == (400, False)
    return_of(other)  # somebody else's own way: another state
    assert other.get(there).status_code == 400 and not is_in(other)
    assert browser.get(there).status_code == 303 and is_in(browser)
    browser.post(f"{D}sign-out")
    assert browser.get(there).status_code == 400 and not is_in(browser)


def test_a_code_that_was_used_is_refused_even_with_the_old_cookie(app: Flask, gateway: Services) -> None:
    invite(gateway)
    browser = Browser(app)
    there = return_of(browser)
    kept = browser.client.get_cookie("chinqit_session")
    assert kept and browser.get(there).status_code == 303
    browser.client.set_cookie("chinqit_session", kept.value)
    assert browser.get(there).status_code == 400 and not is_in(browser)


def test_a_way_that_took_too_long_is_over(app: Flask, gateway: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    invite(gateway)
    browser = Browser(app)
    there, now = return_of(browser), time.time()
    monkeypatch.setattr(time, "time", lambda: now + oidc.FLOW_SECONDS + 1)
    assert browser.get(there).status_code == 400 and not is_in(browser)


def test_the_session_is_a_new_one(app: Flask, gateway: Services) -> None:
    """What somebody planted in the browser before is worth nothing after."""
    invite(gateway)
    browser = Browser(app)
    token = browser.token()
    planted = browser.client.get_cookie("chinqit_session")
    assert planted and go(browser).status_code == 303
    assert browser.client.post(f"{D}sign-out", data={"csrf_token": token}).status_code == 400 and is_in(browser)
    thief = Browser(app)
    thief.client.set_cookie("chinqit_session", planted.value)
    assert not is_in(thief)


@pytest.mark.parametrize("wanted", ["https://evil.test/", "//evil.test/", "/dashboard//evil.test", "/dashboard/\\evil"])
def test_it_leads_nowhere_else(app: Flask, gateway: Services, wanted: str) -> None:
    invite(gateway)
    browser = Browser(app)
    led = browser.get(START, query_string={"next": wanted})
    there = signed_in_there(led)
    assert browser.get(there).headers["Location"] == D


def test_a_role_comes_from_the_claim_and_follows_it(make: Make, provider: OidcProvider) -> None:
    app = make(**ROLES)
    gateway = services_of(app)
    refused = go(Browser(app))
    assert (refused.status_code, "gives you no role" in refused.text) == (403, True)
    for given, role in (
        (["sms-team", "payroll"], "operator"),
        (["sms-team", "sms-admins"], "owner"),
        (["sms-team"], "owner"),  # the last owner stays one
    ):
        provider.person["realm_access"] = {"roles": given}
        assert go(Browser(app)).status_code == 303
        assert people(gateway) == {NADIA: role}
    person(app, "owner", "second@example.org")
    assert go(Browser(app)).status_code == 303 and people(gateway)[NADIA] == "operator"
    assert acts(gateway)[-1] == ("sign_in.provider", NADIA, {"role": ["owner", "operator"]})
    provider.person["realm_access"] = {"roles": []}
    assert go(browser := Browser(app)).status_code == 403 and not is_in(browser)


@pytest.mark.parametrize("claims", [{}, {"realm_access": "sms-admins"}, {"realm_access": {"roles": {"sms-admins": 1}}}])
def test_without_a_role_in_the_claim_the_least_may_do(
    make: Make, provider: OidcProvider, claims: dict[str, Any]
) -> None:
    app = make(**ROLES, oidc_default_role="viewer")
    provider.person |= claims
    assert go(Browser(app)).status_code == 303 and people(services_of(app)) == {NADIA: "viewer"}


def test_a_disabled_person_is_refused(app: Flask, gateway: Services) -> None:
    invite(gateway)
    assert go(Browser(app)).status_code == 303
    with gateway.sessions.begin() as session:
        session.execute(update(User).values(disabled_at=utcnow()))
    answer = go(browser := Browser(app))
    assert (answer.status_code, "Your access was withdrawn" in answer.text, is_in(browser)) == (403, True, False)
    assert acts(gateway)[-1] == ("sign_in.refuse", NADIA, {"reason": [None, "disabled"]})


def require_second_factor(gateway: Services) -> None:
    with gateway.sessions.begin() as session:
        told = replace(site_settings.read(session), second_factor_required=True)
        site_settings.save(session, told, "owner@example.org")
    site_settings.REMEMBERED.forget(gateway.sessions.kw["bind"].pool)


@pytest.mark.parametrize(
    ("told", "is_strong"),
    [
        ({}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "gold"}, True),
        ({"acr": "1"}, False),
    ],
)
def test_where_all_need_a_second_factor_the_provider_s_is_one(
    make: Make, provider: OidcProvider, told: dict[str, Any], is_strong: bool
) -> None:
    app = make(oidc_acr="gold")
    invite(services_of(app))
    require_second_factor(services_of(app))
    provider.person |= told
    browser = Browser(app)
    assert go(browser).status_code == 303
    assert is_in(browser) is is_strong
    if not is_strong:
        assert browser.get(D).headers["Location"] == f"{ACCOUNT}second-factor/"


def test_a_second_factor_of_one_s_own_is_asked_for_unless_the_provider_did(
    app: Flask, gateway: Services, provider: OidcProvider
) -> None:
    invite(gateway)
    assert go(Browser(app)).status_code == 303
    with gateway.sessions.begin() as session:
        session.execute(update(User).values(totp_sealed=b"sealed", totp_at=utcnow()))
    browser = Browser(app)
    assert go(browser).headers["Location"] == f"{D}sign-in/code" and not is_in(browser)
    assert browser.post(f"{D}sign-in/code", {"code": "000000"}).status_code == 422 and not is_in(browser)
    provider.person["amr"] = ["pwd", "otp", "mfa"]
    assert go(browser).status_code == 303 and is_in(browser)


def test_who_has_no_password_proves_it_at_the_provider(make: Make, provider: OidcProvider) -> None:
    app = make(**ROLES)
    provider.person |= {"realm_access": {"roles": ["sms-admins"]}, "auth_time": int(time.time()) - 3600}
    browser = Browser(app)
    assert go(browser).status_code == 303  # signed in there an hour ago: that is no proof
    keys = f"{D}keys/new"
    assert browser.get(keys).headers["Location"].startswith(f"{ACCOUNT}proof/")
    page = browser.get(f"{ACCOUNT}proof/?next={keys}").text
    assert "Continue with Keycloak" in page and 'name="proof"' not in page
    asks = f"{ACCOUNT}provider/prove?next={keys}"
    stale = go(browser, asks)
    assert (stale.status_code, "did not ask you again" in stale.text) == (403, True)
    assert (provider.authorized["prompt"], provider.authorized["max_age"]) == ("login", "0")
    for told in (None, "now", True):
        provider.person["auth_time"] = told
        assert go(browser, asks).status_code == 403
    assert browser.get(keys).status_code == 303
    del provider.person["auth_time"]
    proven = go(browser, asks)
    assert (proven.status_code, proven.location, browser.get(keys).status_code) == (303, keys, 200)
    provider.person |= {"sub": "another", "email": "another@example.org"}
    assert go(browser, asks).status_code == 403  # somebody else signed in there


def test_without_a_password_forms_ask_for_none_and_one_can_be_chosen(app: Flask, gateway: Services) -> None:
    invite(gateway)
    browser = Browser(app)
    go(browser)
    assert 'name="current"' not in browser.get(f"{ACCOUNT}email").text
    assert "Choose a password" in browser.get(ACCOUNT).text
    assert browser.post(f"{ACCOUNT}provider/unlink").status_code == 404
    assert browser.post(f"{ACCOUNT}password", {"password": "Un mot de passe neuf"}).status_code == 303
    assert 'name="current"' in browser.get(f"{ACCOUNT}email").text
    assert Browser(app).sign_in(NADIA, "Un mot de passe neuf").status_code == 303


def test_without_a_password_a_stale_session_changes_no_address(
    app: Flask, gateway: Services, provider: OidcProvider
) -> None:
    invite(gateway)
    provider.person["auth_time"] = int(time.time()) - 3600
    browser = Browser(app)
    go(browser)
    answer = browser.post(f"{ACCOUNT}email", {"email": "thief@example.org"})
    assert answer.headers["Location"].startswith(f"{ACCOUNT}proof/") and list(people(gateway)) == [NADIA]
    answer = browser.post(f"{ACCOUNT}password", {"password": "Un mot de passe neuf"})
    assert answer.headers["Location"].startswith(f"{ACCOUNT}proof/")
    assert not Browser(app).sign_in(NADIA, "").headers.get("Location")


def test_signing_out_ends_it_here_and_leads_to_the_provider_s(
    app: Flask, gateway: Services, provider: OidcProvider
) -> None:
    invite(gateway)
    browser = Browser(app)
    go(browser)
    left = browser.post(f"{D}sign-out")
    assert not is_in(browser)
    assert "Sign out there, too" in browser.get(left.headers["Location"]).text
    away = urlsplit(browser.get(f"{START}sign-out").headers["Location"])
    assert f"{away.scheme}://{away.netloc}{away.path}" == f"{provider.issuer}/leave"
    asked = parse_qs(away.query)
    assert asked == {"client_id": [CLIENT], "post_logout_redirect_uri": [f"http://gateway.test{D}sign-in"]}
    assert "Sign out there" not in browser.get(f"{D}sign-in").text


def test_when_the_provider_is_down_passwords_still_let_in(app: Flask, provider: OidcProvider) -> None:
    person(app, "owner")
    provider.is_down = True
    browser = Browser(app)
    answer = browser.get(START)
    assert (answer.status_code, "Keycloak cannot be reached" in answer.text) == (503, True)
    assert "use your password" in answer.text
    assert browser.sign_in(NADIA).status_code == 303 and is_in(browser)


def test_it_is_said_when_nobody_answers_or_somebody_refuses(
    make: Make, provider: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = make(oidc_issuer="http://127.0.0.1:9")
    assert Browser(nobody).get(START).status_code == 503
    app = make()
    browser = Browser(app)
    state = parse_qs(urlsplit(browser.get(START).headers["Location"]).query)["state"][0]
    answer = browser.get(BACK, query_string={"state": state, "error": "access_denied", "error_description": "<b>"})
    assert (answer.status_code, "did not let you in" in answer.text, "<b>" in answer.text) == (403, True, False)
    provider.edit_document = lambda told: told.update(issuer="https://evil.test")
    fresh = Browser(make(oidc_label="Other"))
    assert "is not set up correctly here" in fresh.get(START).text
    assert SECRET not in caplog.text and state not in caplog.text


def test_a_wrong_secret_is_the_owner_s_to_mend(make: Make) -> None:
    app = make(oidc_client_secret="wrong")
    answer = go(Browser(app))
    assert (answer.status_code, "is not set up correctly here" in answer.text) == (503, True)


def test_an_address_that_keeps_failing_has_to_wait(app: Flask, provider: OidcProvider) -> None:
    browser = Browser(app)
    for _ in range(MOST_FAILURES):
        assert browser.get(BACK, query_string={"state": "guessed", "code": "x"}).status_code == 400
    answer = go(browser)
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 0
    assert "/token" not in provider.asked


def test_it_may_be_the_only_way_in(make: Make) -> None:
    app = make(oidc_only=True, public_url="http://localhost")
    gateway = services_of(app)
    browser = person(app, "owner")
    stranger = Browser(app)
    page = stranger.get(f"{D}sign-in").text
    assert "Sign in with Keycloak" in page and 'name="password"' not in page and "data-passkey" not in page
    invite(gateway, "new@example.org")
    with gateway.sessions.begin() as session:
        owner = session.scalars(select(User).where(User.email == NADIA)).one()
        reset = links.reset(session, owner, None)
    assert stranger.sign_in(NADIA).status_code == 403
    assert stranger.post(f"{D}sign-in/passkey", {"passkey": "{}"}).status_code == 403
    for url in (f"{D}reset/{reset}", f"{D}join/whatever"):
        assert stranger.get(url).headers["Location"] == f"{D}sign-in"
        assert stranger.post(url, {"password": PASSWORD, "name": "x"}).headers["Location"] == f"{D}sign-in"
    assert "Sign in with Keycloak. An invitation" in stranger.get(f"{D}sign-in").text
    assert not is_in(stranger) and is_in(browser)


def test_without_a_provider_there_are_no_such_doors(make_app: Make) -> None:
    app = make_app()
    browser = person(app)
    for url in (START, BACK, f"{START}sign-out", f"{ACCOUNT}provider/link", f"{ACCOUNT}provider/prove"):
        assert browser.get(url).status_code == 404, url
    assert "OpenID" not in Browser(app).get(f"{D}sign-in").text + browser.get(ACCOUNT).text


def test_what_only_some_sign_in_with_is_loaded_when_they_do() -> None:
    looks = "import sys, dashboard.app; print({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:]))"
    command = [sys.executable, "-c", looks, "authlib", "joserfc", "webauthn"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "set()\n"


LYING: dict[str, Callable[[dict[str, Any]], None]] = {
    "another issuer": lambda told: told.update(issuer="https://evil.test"),
    "no token endpoint": lambda told: told.pop("token_endpoint"),
    "no keys": lambda told: told.pop("jwks_uri"),
    "a script": lambda told: told.update(authorization_endpoint="javascript:alert(1)"),
    "a file": lambda told: told.update(jwks_uri="file:///etc/passwd"),
    "no codes": lambda told: told.update(response_types_supported=["token"]),
    "no PKCE": lambda told: told.update(code_challenge_methods_supported=["plain"]),
    "metadata of a cloud": lambda told: told.update(jwks_uri="http://169.254.169.254/keys"),
}


@pytest.mark.parametrize("lie", LYING.values(), ids=LYING)
def test_a_document_that_lies_is_not_followed(
    make: Make, provider: OidcProvider, lie: Callable[[dict[str, Any]], None]
) -> None:
    provider.edit_document = lie
    answer = Browser(make()).get(START)
    assert (answer.status_code, "is not set up correctly here" in answer.text) == (503, True)


def test_a_private_address_needs_the_setting(make: Make) -> None:
    assert Browser(make(oidc_allow_private=False)).get(START).status_code == 503
