"""Two people with one form: the second is shown what the first saved, and replaces it only when they say so again."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.app import create_app
from dashboard.db import Sessions
from dashboard.extensions import db
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.limits import overrides
from dashboard.gateway.limits.overrides import NewOverride
from dashboard.gateway.webhooks import endpoints
from dashboard.pages.carriers import forms
from dashboard.settings import Settings
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
        if what == "carrier":
            return carrier_edit(session, world, "label", "Main line", "Second line")
        if what == "limits":
            row = overrides.save(session, NewOverride(key.id, None, minute=5, reason="Ticket"))
            others = {"minute": "6", "hour": "", "day": "", "lasting": "keep"}
            return Edit(f"/dashboard/limits/{row.id}/edit", "reason", "Ticket 1", "Ticket 2", others)
        wanted = endpoints.NewEndpoint(key.id, "https://hooks.example.org/x")
        made, _secret = endpoints.create(session, endpoints.cipher(world.services.settings), wanted)
        kept = {"url": made.url, "events": list(made.events)}
        return Edit(f"/dashboard/webhooks/{made.id}/edit", "description", "Orders", "Codes", kept)


def carrier_edit(session: Session, world: World, name: str, first: str, second: str) -> Edit:
    cipher = carriers.cipher(world.services.settings)
    url, body = "https://sms.example.org/send", '{"to": "{phone}", "text": "{text}"}'
    wanted = {"url": url, "body": body, "username": "me", "password": "hush"}
    made = carriers.add(session, cipher, NewCarrier("http", "mattel", wanted))
    drawn = forms.setting_fields("http", carriers.shown(cipher, made))
    others = {one.name: "1" if one.is_on else one.value for one in drawn if one.is_on or one.setting.type != "switch"}
    return Edit(f"/dashboard/carriers/{made.id}/edit", name, first, second, {**others, "label": ""})


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


@pytest.mark.parametrize("what", ["key", "texts", "settings", "limits", "webhook", "carrier"])
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


def test_settings_of_a_carrier_are_compared_and_its_secrets_never_shown(owner: Browser, world: World) -> None:
    with world.services.sessions.begin() as session:
        edit = carrier_edit(session, world, "v-username", "sahel", "bank")
    drawn = version_in(owner.get(edit.url).text)
    first = owner.post(edit.url, {**edit.others, "v-username": "sahel", "version": drawn})
    assert first.status_code == 303, first.text
    second = {**edit.others, "v-username": "bank", "v-password": "hush-hush", "version": drawn}
    refused = owner.post(edit.url, second)
    assert refused.status_code == 409 and "hush" not in refused.text
    assert '<bdi dir="auto">sahel</bdi></td><td><bdi dir="auto">bank</bdi>' in refused.text
    assert '<bdi dir="auto">set</bdi></td><td><bdi dir="auto">another one</bdi>' in refused.text
    with world.services.sessions() as session:
        stored = carriers.decrypted(carriers.cipher(world.services.settings), carriers.find(session, "mattel"))
        assert (stored["username"], stored["password"]) == ("sahel", "hush")
    assert owner.post(edit.url, {**second, "version": version_in(refused.text)}).status_code == 303


def test_a_carrier_that_was_switched_meanwhile_is_no_conflict(owner: Browser, world: World) -> None:
    with world.services.sessions.begin() as session:
        edit = carrier_edit(session, world, "label", "Main line", "")
    drawn = version_in(owner.get(edit.url).text)
    assert owner.post(edit.url.replace("/edit", "/disable")).status_code == 303
    assert owner.post(edit.url, {**edit.others, "version": drawn}).status_code == 303


def test_of_two_who_save_in_the_same_moment_one_is_asked(sessions: Sessions, settings: Settings) -> None:
    app = create_app(settings)
    world = World(app.extensions["chinqit"])
    people = [Browser(app), Browser(app)]
    people[0].start_session(world, "owner")
    cookie = people[0].client.get_cookie("chinqit_session")
    assert cookie
    people[1].client.set_cookie("chinqit_session", cookie.value)
    key = world.key("Shop")
    url, together = f"/dashboard/keys/{key.id}/edit", Barrier(2)

    def save(client: FlaskClient, form: dict[str, Any]) -> int:
        together.wait()
        return client.post(url, data=form).status_code

    try:
        save_together(people, url, save)
    finally:
        with app.app_context():
            db.engine.dispose()


def save_together(people: list[Browser], url: str, save: Callable[[FlaskClient, dict[str, Any]], int]) -> None:
    for turn in range(5):
        version = version_in(people[0].get(url).text)
        typed = [
            {"csrf_token": one.token(), "name": f"Shop {turn}, {n}", "scopes": ["otp", "send"], "version": version}
            for n, one in enumerate(people)
        ]
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(save, [one.client for one in people], typed)
            assert sorted(answers) == [303, 409]
