"""The pages of webhooks: who may do what, secrets shown once, nothing done twice."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from standardwebhooks import Webhook

from dashboard.cache import TimedCache
from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.site_settings import Preferences
from dashboard.gateway.webhooks import endpoints, events, queue
from dashboard.gateway.webhooks.dispatcher import DispatcherContext
from dashboard.gateway.webhooks.queue import AttemptResult, PendingDelivery
from dashboard.models.webhooks import WebhookEndpoint
from tests.support.dashboard_client import Browser, World

URL = "https://shop.example.org/hooks?token=abc"


@pytest.fixture
def made(owner: Browser, world: World) -> tuple[str, str]:
    """An endpoint made on the page: its address there, and its secret."""
    key = world.key()
    page = owner.post("/dashboard/webhooks/new", {"url": URL, "key": key.id, "events": list(events.KINDS)})
    assert page.status_code == 200, page.get_data(as_text=True)
    text = page.get_data(as_text=True)
    secret = re.search(r'id="secret">(whsec_[^<]+)<', text)
    link = re.search(r'href="(/dashboard/webhooks/[0-9a-f-]{36})"', text)
    assert secret and link
    return link[1], secret[1]


def only(services: Services) -> WebhookEndpoint:
    with services.sessions() as session:
        [found] = endpoints.listed(session)
        found.secrets  # noqa: B018  loaded before the session closes
        session.expunge_all()
        return found


def fail_once(services: Services, answer: str, status: int = 500) -> None:
    """Let a courier have called in vain."""
    with services.sessions() as session:
        [turn] = queue.claim(session, 1, failing=False)
    with services.sessions.begin() as session:
        (errand,) = queue.take(session, turn, 1)
        assert isinstance(errand, PendingDelivery)
        told = AttemptResult(errand_time(), timedelta(milliseconds=84), status, "refused", answer)
        queue.settle(session, turn, [(errand, told)])
        queue.release_lease(session, turn)


def errand_time() -> Any:
    return utcnow()


def test_a_secret_is_shown_once_and_is_the_one_that_signs(
    owner: Browser, made: tuple[str, str], services: Services
) -> None:
    page, secret = made
    context = DispatcherContext.open(services.sessions, services.settings)
    context.http.close()
    assert endpoints.cipher(context.settings).decrypt(only(services).secrets[0].sealed).decode() == secret
    assert Webhook(secret)
    assert secret not in owner.get(page).get_data(as_text=True)
    assert secret not in owner.get("/dashboard/webhooks/").get_data(as_text=True)


def test_a_form_sent_twice_makes_one(owner: Browser, world: World, services: Services) -> None:
    key = world.key()
    form = owner.get("/dashboard/webhooks/new").get_data(as_text=True)
    found = re.search(r'name="id" type="hidden" value="([0-9a-f-]{36})"', form)
    assert found
    told = {"id": found[1], "url": URL, "key": key.id, "events": ["otp.verified"]}
    assert owner.post("/dashboard/webhooks/new", told).status_code == 200
    assert owner.post("/dashboard/webhooks/new", told).status_code == 303
    assert only(services).events == ["otp.verified"]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"url": "http://shop.example.org/"}, "must begin with https"),
        ({"url": "https://10.0.0.1/"}, "private"),
        ({"url": "https://localhost/"}, "private"),
        ({"url": "https://localhost./"}, "private"),
        ({"url": "https://127.1/"}, "private"),
        ({"url": "https://2130706433/"}, "private"),
        ({"url": "https://xn--/"}, "Enter a web address"),
        ({"url": "shop"}, "Enter a web address"),
        ({"events": []}, "at least one event"),
        ({"key": "none"}, "Choose the key"),
        ({"description": "a" * 81}, "on one line: 80"),
    ],
)
def test_faults_are_said_and_nothing_is_made(
    owner: Browser, world: World, services: Services, changed: dict[str, Any], text: str
) -> None:
    told = {"url": URL, "key": world.key().id, "events": ["otp.verified"], **changed}
    page = owner.post("/dashboard/webhooks/new", told)
    assert page.status_code == 422
    assert text in page.get_data(as_text=True)
    with services.sessions() as session:
        assert endpoints.listed(session) == []


def test_an_endpoint_is_edited_rotated_disabled_enabled_and_deleted(
    owner: Browser, made: tuple[str, str], services: Services
) -> None:
    page, secret = made
    newest = only(services).secrets[-1].id
    assert owner.post(f"{page}/edit", {"url": "https://b.example.org/", "events": ["otp.verified"]}).status_code == 303
    assert (only(services).url, only(services).events) == ("https://b.example.org/", ["otp.verified"])
    rotated = owner.post(f"{page}/rotate", {"newest": str(newest)}).get_data(as_text=True)
    assert "whsec_" in rotated and secret not in rotated
    assert owner.post(f"{page}/rotate", {"newest": str(newest)}).status_code == 303, "shown twice"
    assert len(only(services).secrets) == 2
    assert owner.post(f"{page}/disable").status_code == 303
    assert endpoints.state(only(services)) == "disabled"
    assert owner.post(f"{page}/test").status_code == 404
    enabled = owner.get(owner.post(f"{page}/enable").location).text
    assert endpoints.state(only(services)) == "active"
    assert "It missed events since" in enabled
    since = re.search(r"replay\?since=([\w:%-]+)", enabled)
    assert since and f'value="{unquote(since[1])}"' in owner.get(f"{page}/replay?since={since[1]}").text
    assert owner.post(f"{page}/delete").status_code == 303
    assert owner.get(page).status_code == 404


def test_operators_try_and_replay_but_change_nothing(
    owner: Browser, operator: Browser, made: tuple[str, str], services: Services
) -> None:
    page, _ = made
    assert operator.post(f"{page}/test").status_code == 303
    fail_once(services, "<script>alert(1)</script>")
    text = operator.get(page).get_data(as_text=True)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text and "<script>alert" not in text
    reference = re.search(r'name="event" value="(evt_[0-9a-f]{32})"', text)
    assert reference
    assert operator.post(f"{page}/replay", {"event": reference[1]}).status_code == 303
    assert operator.post(f"{page}/replay", {"event": "evt_none"}).status_code == 404
    period = {"since": "2026-01-01T00:00", "until": "2126-01-01T00:00", "only": "all"}
    assert operator.post(f"{page}/replay", period).status_code == 303
    assert operator.post(f"{page}/replay", {**period, "until": "2025-01-01T00:00"}).status_code == 422
    for act in ("edit", "rotate", "disable", "enable", "delete"):
        assert operator.post(f"{page}/{act}").status_code == 403
    assert operator.post("/dashboard/webhooks/new").status_code == 403


def test_a_period_is_offered_and_read_in_the_gateway_s_time_zone(
    owner: Browser, made: tuple[str, str], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site_settings, "REMEMBERED", TimedCache(0.0, weak_keys=True))
    page, _ = made
    with services.sessions.begin() as session:
        site_settings.save(session, Preferences(timezone="Asia/Tokyo"))
        [endpoint] = endpoints.listed(session)
        events.write(session.connection(), endpoint.key_id, "otp.verified", {}, [])
    text = owner.get(f"{page}/replay").get_data(as_text=True)
    offered = dict(re.findall(r'name="(since|until)"[^>]* type="datetime-local" value="([^"]+)"', text))
    until = datetime.fromisoformat(offered["until"]).replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    assert abs(until - errand_time()) <= timedelta(minutes=1)
    assert owner.post(f"{page}/replay", {**offered, "only": "all"}).status_code == 303
    with services.sessions() as session:
        [endpoint] = endpoints.listed(session)
        assert endpoints.backlog(session, endpoint) == 1, "the hours were read in another zone"


def test_viewers_see_where_it_leads_but_no_token(owner: Browser, viewer: Browser, made: tuple[str, str]) -> None:
    page, _ = made
    for address in (page, "/dashboard/webhooks/"):
        text = viewer.get(address).get_data(as_text=True)
        assert "https://shop.example.org/…" in text
        assert "token=abc" not in text
    for act in ("test", "replay", "delete"):
        assert viewer.post(f"{page}/{act}").status_code == 403


def test_a_failing_endpoint_is_said_in_words(owner: Browser, made: tuple[str, str], services: Services) -> None:
    page, _ = made
    owner.post(f"{page}/test")
    fail_once(services, "out of order")
    text = owner.get(page).get_data(as_text=True)
    assert "The server answered with the status 500." in text and "out of order" in text
    assert "Failing" in owner.get("/dashboard/webhooks/").get_data(as_text=True)


def test_one_that_was_disabled_for_failing_is_brought_up(
    owner: Browser, made: tuple[str, str], services: Services
) -> None:
    page, _ = made
    owner.post(f"{page}/test")
    fail_once(services, "", 410)
    assert "410 Gone" in owner.get(page).get_data(as_text=True)
    assert "1 webhook was disabled" in owner.get("/dashboard/webhooks/").get_data(as_text=True)


@pytest.mark.parametrize("language", ["fr", "ar", "en"])
def test_every_page_is_there_in_every_language(
    app: Flask, owner: Browser, made: tuple[str, str], services: Services, language: str
) -> None:
    page, _ = made
    owner.post(f"{page}/test")
    fail_once(services, "out of order")
    owner.headers = {"Accept-Language": language}
    for act in ("", "/edit", "/rotate", "/disable", "/delete", "/replay"):
        for get in (owner.get, owner.partial):
            assert get(f"{page}{act}").status_code == 200
    assert owner.partial("/dashboard/webhooks/").status_code == 200
    assert owner.partial("/dashboard/webhooks/new").status_code == 200
