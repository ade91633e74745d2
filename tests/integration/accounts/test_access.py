"""Who gets in: every route, every role, and signed out; forms from elsewhere; sessions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.models.accounts import User, UserSession
from dashboard.models.registry import metadata
from dashboard.pages.web import access
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.doors import doors

PUBLIC = {
    "pages.sign_in.sign_in",
    "pages.sign_in.enter",
    "pages.sign_in.enter_by_passkey",
    "pages.sign_in.sign_out",
    "pages.sign_in.set_up",
    "pages.sign_in.make_owner",
    "pages.locale.choose",
    *(f"pages.provider_sign_in.{name}" for name in ("start", "back", "sign_out")),
    *(f"pages.person_links.{name}" for name in ("join", "accept", "reset", "choose")),
}
# Open to whoever has passed the first one.
SECOND_STEP = {"pages.sign_in.ask_code", "pages.sign_in.enter_code", "pages.sign_in.enter_second_by_passkey"}
HOOKS = ("new", "create", "edit", "change", "ask_rotate", "rotate", "ask_disable", "disable", "enable", "ask_delete")
KEYS = ("new", "create", "edit", "change", "ask_rotate", "rotate", "ask_revoke", "revoke")
OWNER = {f"pages.api_keys.{name}" for name in KEYS}
OWNER |= {f"pages.api_keys.{name}_review_number" for name in ("new", "add", "ask_remove", "remove", "restore")}
OWNER |= {f"pages.api_keys.{name}_door" for name in ("ask_open", "open", "ask_close", "close")}
OWNER |= {"pages.site_settings.index", "pages.site_settings.save", "pages.site_settings.restore"}
OWNER |= {f"pages.limits.{name}_usual" for name in ("edit", "change", "restore")}
OWNER |= {f"pages.carriers.{name}" for name in (*HOOKS[:4], "ask_disable", "disable", "enable", "ask_remove", "remove")}
OWNER |= {f"pages.routing.{name}" for name in (*HOOKS[:4], "ask_remove", "remove", "restore", "fall_back")}
OWNER |= {f"pages.webhooks.{name}" for name in (*HOOKS, "delete", "restore", "take_back_secret")}
TEAM = ("manage", "change_role", "disable", "enable", "unlock", "reset", "reset_second_factor")
OWNER |= {f"pages.team.{name}" for name in ("ask_invite", "invite", "renew", "withdraw", "restore_invitation", *TEAM)}
OWNER |= {f"pages.costs.prices.{name}" for name in ("new", "create", "ask_remove", "remove", "restore")}
OWNER |= {f"pages.costs.budgets.{name}" for name in (*HOOKS[:4], "ask_remove", "remove", "restore")}
OWNER |= {"pages.audit.export_as", *(f"pages.privacy.{name}" for name in ("index", "answer", "register"))}
OWNER |= {f"pages.alerts.{name}" for name in ("new", "create", "edit", "change", "ask_remove", "remove", "restore")}
OPERATOR = {
    *(f"pages.audit.{name}" for name in ("index", "verify")),
    *(f"pages.limits.{name}" for name in ("new", "create", "edit", "change", "ask_remove", "remove", "restore")),
    *(f"pages.limits.{name}" for name in ("ask_reset", "reset", "count_again", "release", "hold")),
    *(f"pages.sandbox.{name}" for name in ("index", "submit", "ask_clear", "clear", "restore", "go")),
    *(
        f"pages.messages.{name}"
        for name in ("ask_send_again", "send_again", "ask_cancel", "cancel_one", "export_csv", "take_back")
    ),
    *(f"pages.messages.{name}" for name in ("ask_send_selected", "send_selected")),
    *(
        f"pages.otp_templates.{name}"
        for name in ("index", "preview", "save", "ask_restore", "restore", "ask_reset", "reset")
    ),
    *(f"pages.webhooks.{name}" for name in ("send_test", "ask_replay", "replay")),
    "pages.inbound.conversation.reply",
    *(
        f"pages.costs.{name}"
        for name in ("index", "statement", "export_csv", "prices.index", "budgets.index", "bills.index", "bills.check")
    ),
    *(
        f"pages.inbound.keywords.{name}"
        for name in ("new", "create", "edit", "change", "ask_remove", "remove", "restore")
    ),
    *(
        f"pages.opt_outs.{name}"
        for name in ("new", "create", "take_back", "ask_remove", "remove", "restore", "export_csv")
    ),
    *(f"pages.campaigns.{name}" for name in ("new", "create", "start", "approve", "pause", "resume", "ask_cancel")),
    *(f"pages.campaigns.{name}" for name in ("cancel", "ask_test", "send_test", "export_dropped", "export_result")),
    *(f"pages.contacts.{name}" for name in ("new", "create", "take_back", "edit", "change", "change_back")),
    *(f"pages.contacts.{name}" for name in ("ask_remove", "remove", "restore", "export_csv")),
    *(f"pages.contacts.groups.{name}" for name in ("new", "create", "take_back", "edit", "rename", "rename_back")),
    *(f"pages.contacts.groups.{name}" for name in ("ask_remove", "remove", "restore")),
    *(f"pages.contacts.imports.{name}" for name in ("index", "create", "show", "export_bad", "take_back")),
    *(f"pages.carriers.{name}" for name in ("test", "outcome")),
    *(f"pages.alerts.{name}" for name in ("acknowledge", "send_test")),
}
DESK = {f"pages.diagnosis.{name}" for name in ("index", "lift", "end_lift", "add_note", "remove_note", "restore_note")}
REFUSED = {"owner": set(), "operator": OWNER, "desk": OWNER | OPERATOR, "viewer": OWNER | OPERATOR | DESK}


def ask(browser: Browser, method: str, url: str, **headers: str) -> int:
    answer = browser.get(url, headers=headers) if method == "GET" else browser.post(url, headers=headers)
    location = answer.headers.get("Location", "")
    return 401 if location.startswith("/dashboard/sign-in") and url != "/dashboard/sign-out" else answer.status_code


@pytest.mark.parametrize("role", ["owner", "operator", "desk", "viewer"])
def test_every_door_opens_to_its_roles_only(app: Flask, enter: Callable[[str], Browser], role: str) -> None:
    """The owner asks for whole pages, the others for what HTMX puts into one."""
    browser, how = enter(role), {} if role == "owner" else {**PARTIAL, "HX-Target": "main#main"}
    closed = [door for door in doors(app) if door[0] not in PUBLIC | SECOND_STEP]
    seen = {endpoint: ask(browser, method, url, **how) for endpoint, method, url in closed}
    assert seen
    refused = {endpoint for endpoint, status in seen.items() if status in (401, 403)}
    assert refused == REFUSED[role]


def test_signed_out_only_public_doors_open(app: Flask, stranger: Browser) -> None:
    seen = {endpoint: ask(stranger, method, url) for endpoint, method, url in doors(app)}
    assert {endpoint for endpoint, status in seen.items() if status != 401} == PUBLIC


def contents(services: Services) -> dict[str, list[str]]:
    with services.sessions() as session:
        tables = metadata.sorted_tables
        return {table.name: sorted(map(repr, session.execute(table.select()))) for table in tables}


def test_reading_changes_nothing(app: Flask, owner: Browser, services: Services) -> None:
    before = contents(services)
    assert sum(map(len, before.values())) > 1
    for _, method, url in doors(app):
        if method == "GET":
            owner.get(url)
    assert contents(services) == before


def test_a_view_that_changes_something_and_names_no_role_is_shut() -> None:
    assert access.needed_role(object(), "POST", "viewer") is None
    assert access.needed_role(object(), "GET", "operator") == "operator"


def test_a_declared_role_never_goes_below_the_page_s(app: Flask) -> None:
    view = access.needs("viewer")(lambda: "")
    assert access.needed_role(view, "POST", "owner") == "owner"


def test_signed_out_readers_come_back_to_the_page_they_wanted(stranger: Browser, owner: Browser) -> None:
    wanted = "/dashboard/messages/?status=failed"
    where = stranger.get(wanted).headers["Location"]
    assert where == "/dashboard/sign-in?next=/dashboard/messages/?status%3Dfailed"
    assert 'value="/dashboard/messages/?status=failed"' in stranger.get(where).text
    assert stranger.sign_in("owner@example.org", next=wanted).headers["Location"] == wanted


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "//evil.test/",
        "/dashboard//evil.test",
        "/dashboard/\\evil",
        "/\\evil.test",
        "/api",
        "javascript:x",
        "/dashboard/\r\nX: y",
        "http://[",
    ],
)
def test_next_leads_nowhere_else(owner: Browser, stranger: Browser, url: str) -> None:
    assert stranger.sign_in("owner@example.org", next=url).headers["Location"] == "/dashboard/"


def test_a_signed_out_fragment_sends_the_whole_page_to_sign_in(stranger: Browser) -> None:
    current = {"HX-Current-URL": "http://localhost/dashboard/messages/?channel=sms"}
    answer = stranger.get("/dashboard/messages/live", headers={**PARTIAL, **current})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/dashboard/sign-in?next=/dashboard/messages/?channel%3Dsms"
    assert answer.get_data() == b""


def test_a_form_without_a_living_token_changes_nothing(owner: Browser, services: Services) -> None:
    answer = owner.client.post("/dashboard/sign-out", data={"csrf_token": "dead"}, headers=owner.headers)
    assert answer.status_code == 400
    assert "This form is no longer valid" in answer.text
    assert owner.get("/dashboard/keys/").status_code == 200


def test_a_dead_token_in_a_fragment_is_told_in_a_toast(owner: Browser) -> None:
    answer = owner.client.post("/dashboard/keys/new", headers={**owner.headers, **PARTIAL})
    assert answer.status_code == 400
    assert answer.headers["HX-Reswap"] == "none"
    assert 'hx-target="#toasts"' in answer.text
    assert "<html" not in answer.text


def test_the_token_may_come_in_a_header(owner: Browser) -> None:
    headers = {**owner.headers, "X-CSRF-Token": owner.token()}
    assert owner.client.post("/dashboard/sign-out", headers=headers).status_code == 303


def test_forms_of_other_sites_are_refused_even_with_a_token(owner: Browser) -> None:
    for place in ("cross-site", "same-site"):
        assert owner.post("/dashboard/sign-out", headers={"Sec-Fetch-Site": place}).status_code == 403
    assert owner.post("/dashboard/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_a_form_comes_from_this_gateway_as_its_origin_says(owner: Browser) -> None:
    for origin in ("http://evil.test", "null", "http://gateway.test.evil.test", "https://sms.gateway.test", ""):
        assert owner.post("/dashboard/sign-out", headers={"Origin": origin}).status_code == 403, origin
    for origin in ("http://gateway.test", "http://localhost", "https://localhost"):
        assert owner.post("/dashboard/preferences", headers={"Origin": origin}).status_code != 403, origin


def test_a_form_token_of_another_session_is_refused(owner: Browser, stranger: Browser) -> None:
    assert owner.client.post("/dashboard/sign-out", data={"csrf_token": stranger.token()}).status_code == 400
    planted, own = (browser.client.get_cookie("chinqit_session") for browser in (stranger, owner))
    assert planted and own
    headers = {"Cookie": f"chinqit_session={planted.value}; chinqit_session={own.value}"}
    data = {"csrf_token": stranger.token(), "name": "Planted"}
    answer = owner.client.post("/dashboard/keys/new", data=data, headers=headers)
    assert answer.headers.get("Location", "").startswith("/dashboard/sign-in") or answer.status_code == 400


def test_no_form_is_taken_without_its_session_s_token_or_from_elsewhere(
    app: Flask, owner: Browser, stranger: Browser, services: Services
) -> None:
    """Every door that changes something, in three ways that a page of another site could try."""
    token, foreign = owner.token(), {**PARTIAL, "Origin": "https://evil.test"}
    before = contents(services)
    for endpoint, method, url in doors(app):
        if method != "POST":
            continue
        tries = [({}, PARTIAL), ({"csrf_token": stranger.token()}, PARTIAL), ({"csrf_token": token}, foreign)]
        answers = [owner.client.post(url, data=data, headers=headers).status_code for data, headers in tries]
        assert answers == [400, 400, 403], endpoint
    assert contents(services) == before


def test_the_api_asks_for_no_token(app: Flask, world: World) -> None:
    answer = app.test_client().post("/messages/send", json={})
    assert (answer.status_code, answer.json) == (401, {"success": False, "message": "API key is required"})


def test_each_sign_in_has_a_new_token_and_the_old_one_dies(owner: Browser, services: Services) -> None:
    owner.sign_in("owner@example.org")
    old = owner.client.get_cookie("chinqit_session")
    assert old and old.http_only and old.same_site == "Lax" and not old.secure
    owner.sign_in("owner@example.org")
    new = owner.client.get_cookie("chinqit_session")
    assert new and new.value != old.value
    with services.sessions() as session:
        assert len(session.scalars(select(UserSession)).all()) == 1


def test_signing_out_ends_the_session_on_the_server(owner: Browser, app: Flask) -> None:
    cookie = owner.client.get_cookie("chinqit_session")
    assert cookie
    assert owner.post("/dashboard/sign-out").status_code == 303
    thief = Browser(app)
    thief.client.set_cookie("chinqit_session", cookie.value)
    assert thief.get("/dashboard/keys/").status_code == 302


@pytest.mark.parametrize(
    "aged",
    [{"seen_at": timedelta(minutes=31)}, {"created_at": timedelta(hours=13)}],
    ids=["idle for half an hour", "older than twelve hours"],
)
def test_sessions_end_by_themselves(owner: Browser, services: Services, aged: dict[str, timedelta]) -> None:
    with services.sessions.begin() as session:
        session.execute(update(UserSession).values({name: utcnow() - age for name, age in aged.items()}))
    assert owner.get("/dashboard/keys/").status_code == 302


def test_a_disabled_person_is_out_at_once(owner: Browser, services: Services) -> None:
    with services.sessions.begin() as session:
        session.execute(update(User).values(disabled_at=utcnow()))
    assert owner.get("/dashboard/keys/").status_code == 302


def test_use_keeps_a_session_alive_but_a_poll_does_not(owner: Browser, services: Services) -> None:
    def seen_minutes_ago() -> float:
        with services.sessions() as session:
            return (utcnow() - session.scalars(select(UserSession.seen_at)).one()).total_seconds() / 60

    with services.sessions.begin() as session:
        session.execute(update(UserSession).values(seen_at=utcnow() - timedelta(minutes=20)))
    assert owner.get("/dashboard/messages/live", headers={**PARTIAL, "X-Poll": "1"}).status_code == 204
    assert seen_minutes_ago() > 19
    owner.get("/dashboard/messages/")
    assert seen_minutes_ago() < 1


def test_over_tls_cookies_are_bound_to_host_and_tls(make_app: Callable[..., Flask], enter: Any) -> None:
    browser = Browser(make_app(public_url="https://sms.example.mr"))
    answer = browser.client.get("/dashboard/sign-in", base_url="https://sms.example.mr")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-chinqit_session=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    for url in ("/", "/me", "/healthz", "/openapi.json", "/static/favicon.svg", "/callbacks/x"):
        with browser.client.get(url, base_url="https://sms.example.mr") as other:
            headers = other.headers
        assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains", url
        assert headers["X-Content-Type-Options"] == "nosniff", url


POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types htmx",
)


@pytest.mark.parametrize("url", ["/dashboard/sign-in", "/dashboard/keys/", "/dashboard/nothing", "/dashboard/setup/x"])
def test_every_page_bears_the_strict_headers(owner: Browser, url: str) -> None:
    headers = owner.get(url).headers
    assert all(rule in headers["Content-Security-Policy"] for rule in POLICY)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert {"HX-Request-Type", "HX-Target", "Cookie"} <= set(headers["Vary"].split(", "))
