"""What a toast takes back: an override, a rule, the fallback to SMS."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.models.api_keys import ApiKey
from tests.support.dashboard_client import PARTIAL, Browser, World

LIMITS, ROUTES = "/dashboard/limits/", "/dashboard/routes/"
RULE = f"{ROUTES}remove?channel=sms"


def offered(toast: str) -> tuple[str, dict[str, str]]:
    """The form of a toast: its address and fields."""
    form = toast.split("<form")[1].split("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    del fields["csrf_token"]
    return re.findall(r'action="([^"]+)"', form)[0], {name: unescape(value) for name, value in fields.items()}


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


@pytest.mark.parametrize("url", [f"{LIMITS}restore", f"{ROUTES}restore"])
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


def _falls_back(world: World, key: ApiKey) -> bool:
    with world.services.sessions() as session:
        return session.get_one(ApiKey, key.id).sms_fallback
