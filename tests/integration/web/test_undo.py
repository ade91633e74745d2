"""What a toast takes back: an override, a rule, the fallback to SMS."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.delivery import worker
from dashboard.gateway.delivery.worker import WorkerContext
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.gateway.webhooks import endpoints
from dashboard.models.api_keys import ApiKey
from tests.support.dashboard_client import PARTIAL, Browser, World
from tests.support.toasts import offered

LIMITS, ROUTES, HOOKS = "/dashboard/limits/", "/dashboard/routes/", "/dashboard/webhooks/"
RULE = f"{ROUTES}remove?channel=sms"


@pytest.fixture
def override(world: World) -> NewOverride:
    made = NewOverride(world.key().id, "+22238089336", 9, None, -1, "Ticket", utcnow() + timedelta(hours=1))
    with world.services.sessions.begin() as session:
        overrides.save(session, made, "nadia@example.org")
    return made


def test_a_removed_override_comes_back_as_it_was(operator: Browser, world: World, override: NewOverride) -> None:
    with world.services.sessions() as session:
        (row,) = overrides.listed(session)
    toast = operator.post(f"{LIMITS}{row.id}/remove", headers=PARTIAL).text
    url, fields = offered(toast)
    back = operator.post(url, fields, headers=PARTIAL)
    assert back.status_code == 200 and "Override restored" in back.text
    assert "<form" not in back.text.split("</hx-partial>")[0]  # an undo is not undone
    with world.services.sessions() as session:
        (row,) = overrides.listed(session)
    assert NewOverride(row.key_id, row.phone, row.minute, row.hour, row.day, row.reason, row.until) == override
    assert operator.post(url, fields, headers=PARTIAL).status_code == 409  # pressed twice


def test_who_may_not_remove_may_not_bring_back(viewer: Browser, operator: Browser, override: NewOverride) -> None:
    assert override.reason == "Ticket"
    listing = operator.get(LIMITS).text
    number = re.findall(r'id="override-(\d+)"', listing)[0]
    url, fields = offered(operator.post(f"{LIMITS}{number}/remove", headers=PARTIAL).text)
    assert viewer.post(url, fields, headers=PARTIAL).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        f"{LIMITS}restore",
        f"{ROUTES}restore",
        f"{LIMITS}usual/restore",
        "/dashboard/settings/restore",
        f"{HOOKS}restore",
    ],
)
def test_nothing_forged_comes_back(owner: Browser, url: str) -> None:
    for forged in ("", "x", "eyJhIjoxfQ.aaaa.bbbb"):
        assert owner.post(url, {"before": forged}, headers=PARTIAL).status_code == 404


def test_what_a_toast_of_another_kind_holds_does_not_come_back(
    owner: Browser, world: World, override: NewOverride
) -> None:
    assert override.minute == 9
    with world.services.sessions() as session:
        (row,) = overrides.listed(session)
    _, fields = offered(owner.post(f"{LIMITS}{row.id}/remove", headers=PARTIAL).text)
    assert owner.post(f"{ROUTES}restore", fields, headers=PARTIAL).status_code == 404


def test_a_removed_rule_comes_back_unless_another_has_its_place(owner: Browser, services: Services) -> None:
    told = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
    with services.sessions.begin() as session:
        carriers.add(session, carriers.cipher(services.settings), NewCarrier("http", "mauritel", told))
    with services.sessions.begin() as session:
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("mauritel", 0, sender="Boutique")])
    url, fields = offered(owner.post(RULE, headers=PARTIAL).text)
    with services.sessions() as session:
        assert not rules.rules(session)
    assert "Rule restored" in owner.post(url, fields, headers=PARTIAL).text
    with services.sessions() as session:
        ((subject, (route,)),) = rules.rules(session)
        assert (subject, route.carrier.name, route.sender) == (("sms", None, None), "mauritel", "Boutique")
    assert owner.post(url, fields, headers=PARTIAL).status_code == 409


def test_a_switched_fallback_is_switched_back(owner: Browser, world: World) -> None:
    key = world.key("Shop")
    url, fields = offered(owner.post(f"{ROUTES}fallback", {"key": key.id, "on": "1"}, headers=PARTIAL).text)
    assert _falls_back(world, key)
    owner.post(url, fields, headers=PARTIAL)
    assert not _falls_back(world, key)


def test_saved_settings_go_back_but_not_what_somebody_else_saved_since(owner: Browser, world: World) -> None:
    form = {"organisation": "Poste", "otp_language": "ar", "texts_days": "3", "numbers_days": "30", "sandbox_days": "2"}
    url, fields = offered(owner.post("/dashboard/settings/", form, follow_redirects=True).text.split("flashes")[1])
    with world.services.sessions.begin() as session:
        site_settings.save(session, replace(site_settings.read(session), timezone="Asia/Tokyo"))
    assert "Settings restored" in owner.post(url, fields, follow_redirects=True).text
    with world.services.sessions() as session:
        assert site_settings.read(session) == site_settings.Preferences(timezone="Asia/Tokyo")


def test_a_disabled_webhook_calls_again_and_a_deleted_one_is_there_again(owner: Browser, world: World) -> None:
    hook = _hook(owner, world.key().id)
    url, fields = offered(owner.post(f"{HOOKS}{hook}/disable", headers=PARTIAL).text)
    assert "Webhook enabled" in owner.post(url, fields, headers=PARTIAL).text
    owner.post(f"{HOOKS}{hook}/delete")
    page = owner.get(HOOKS).text
    assert owner.get(f"{HOOKS}{hook}").status_code == 404
    url, fields = offered(page.split("flashes")[1])
    assert "Webhook restored" in owner.post(url, fields, follow_redirects=True).text
    assert owner.get(f"{HOOKS}{hook}").status_code == 200
    with world.services.sessions() as session:
        endpoint = endpoints.find(session, hook)
        assert endpoints.live_secrets(endpoint) and endpoint.disabled_at is None
    assert owner.post(url, fields).status_code == 303  # pressed twice: it is there already


def test_a_webhook_does_not_come_back_beyond_the_most_of_a_key(
    owner: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = world.key().id
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
    hook = _hook(owner, key)
    owner.post(f"{HOOKS}{hook}/delete")
    url, fields = offered(owner.get(HOOKS).text.split("flashes")[1])
    _hook(owner, key)
    assert owner.post(url, fields, headers=PARTIAL).status_code == 409


def test_a_rotated_secret_goes_and_the_one_before_signs_for_good_again(owner: Browser, world: World) -> None:
    hook = _hook(owner, world.key().id)
    with world.services.sessions() as session:
        before = endpoints.live_secrets(endpoints.find(session, hook))[0].id
    answer = owner.post(f"{HOOKS}{hook}/rotate", {"newest": str(before)}, headers=PARTIAL).text
    url, fields = offered(answer)
    assert "The secret before it signs again" in owner.post(url, fields, headers=PARTIAL).text
    with world.services.sessions() as session:
        (secret,) = endpoints.live_secrets(endpoints.find(session, hook))
        assert (secret.id, secret.expires_at) == (before, None)
    assert owner.post(url, fields, headers=PARTIAL).status_code == 409


def _hook(owner: Browser, key_id: str) -> str:
    hook = str(uuid.uuid4())
    form = {"id": hook, "key": key_id, "url": "https://shop.example.org/hooks", "events": ["message.sent"]}
    assert owner.post(f"{HOOKS}new", form).status_code == 200
    return hook


def test_cleared_sandbox_phones_have_their_texts_again(operator: Browser, world: World) -> None:
    key, inbox = world.key(mode="test"), world.services.sandbox_inbox
    for body in ("one", "two"):
        world.text(key, body=body)
    worker.drain(WorkerContext.open(world.services.sessions, world.services.settings), "sms", lambda: True)
    toast = operator.post("/dashboard/sandbox/clear", {"phone": "38089336"}, headers=PARTIAL).text
    assert inbox.inbox("+22238089336") == [] and inbox.numbers(6) == []
    url, fields = offered(toast)
    assert "2 messages restored" in operator.post(url, fields, headers=PARTIAL).text
    assert [text.text for text in inbox.inbox("+22238089336")] == ["one", "two"]


def _falls_back(world: World, key: ApiKey) -> bool:
    with world.services.sessions() as session:
        return session.get_one(ApiKey, key.id).sms_fallback
