"""Two people with one form: the second is shown what the first saved, and replaces it only when they say so again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.webhooks import endpoints
from tests.support.dashboard_client import PARTIAL, Browser, World


@dataclass(frozen=True)
class Edit:
    """A form: where it is drawn and sent to, and what two people make of one of its fields."""

    url: str
    name: str
    first: str
    second: str
    others: dict[str, Any] = field(default_factory=dict)
    page: str = ""


def edit_of(world: World, what: str) -> Edit:
    key = world.key("Shop")
    if what == "key":
        return Edit(f"/dashboard/keys/{key.id}/edit", "name", "Shop, Android", "Shop, iOS", {"scopes": ["otp", "send"]})
    if what == "texts":
        others = {"key": key.id, "language": "fr", "brand": "Shop"}
        page = f"/dashboard/texts/?key={key.id}&language=fr"
        return Edit("/dashboard/texts/", "body", "{brand} : code {code}", "{brand} : {code}, à taire", others, page)
    if what == "settings":
        others = {"timezone": "", "otp_language": "fr", "texts_days": "30", "numbers_days": "90", "sandbox_days": "7"}
        return Edit("/dashboard/settings/", "organisation", "Sahel Pay", "Sahel Bank", others)
    with world.services.sessions.begin() as session:
        if what == "limits":
            row = overrides.save(session, NewOverride(key.id, None, minute=5, reason="Ticket"))
            others = {"minute": "6", "hour": "", "day": "", "lasting": "keep"}
            return Edit(f"/dashboard/limits/{row.id}/edit", "reason", "Ticket 1", "Ticket 2", others)
        wanted = endpoints.NewEndpoint(key.id, "https://hooks.example.org/x")
        made, _secret = endpoints.create(session, endpoints.cipher(world.services.settings), wanted)
        kept = {"url": made.url, "events": list(made.events)}
        return Edit(f"/dashboard/webhooks/{made.id}/edit", "description", "Orders", "Codes", kept)


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="([0-9a-f]{16})"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("what", ["key", "texts", "settings", "limits", "webhook"])
def test_the_second_to_save_sees_both_values_and_may_replace_the_first(owner: Browser, world: World, what: str) -> None:
    edit = edit_of(world, what)
    drawn = version_in(owner.get(edit.page or edit.url).text)
    first = owner.post(edit.url, {**edit.others, edit.name: edit.first, "version": drawn})
    assert first.status_code == 303, first.text
    second = {**edit.others, edit.name: edit.second, "version": drawn}
    refused = owner.post(edit.url, second, headers=PARTIAL)
    assert refused.status_code == 409
    assert re.search(
        rf"<td>\s*<bdi[^>]*>{re.escape(edit.first)}</bdi>\s*</td>\s*<td>\s*<bdi[^>]*>{re.escape(edit.second)}",
        refused.text,
    )
    assert edit.first in owner.get(edit.page or edit.url).text
    again = owner.post(edit.url, {**second, "version": version_in(refused.text)})
    assert again.status_code == 303
    assert edit.second in owner.get(edit.page or edit.url).text


def test_the_same_change_twice_is_no_conflict(owner: Browser, world: World) -> None:
    edit = edit_of(world, "settings")
    version = version_in(owner.get(edit.url).text)
    for _ in range(2):
        assert owner.post(edit.url, {**edit.others, edit.name: edit.first, "version": version}).status_code == 303
