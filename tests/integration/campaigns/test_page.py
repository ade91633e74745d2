"""The page of campaigns: a file becomes a draft, is looked at, approved, watched and ended."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import site_settings
from dashboard.gateway.campaigns.feeding import Feeder
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.costs import estimates, prices
from dashboard.gateway.opt_outs import opt_outs
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.models.campaigns import Campaign
from dashboard.models.messages import Message
from tests.support.dashboard_client import PARTIAL, Browser, World

PAGE = "/dashboard/campaigns/"
FILE = "Nom;Téléphone\nAwa;38 08 93 36\nSidi;47000000\nSidi;+22247000000\nX;123\nFixe;25000000\nStop;38000001\nVide;\n"
TEXT = "Bonjour {nom}, la boutique est fermée."


def upload(browser: Browser, world: World, content: bytes = FILE.encode(), **more: Any) -> TestResponse:
    """Send the form of a new campaign."""
    key = more.pop("key", None) or world.key()
    file = (io.BytesIO(content), "clients.csv")
    typed = {"name": "Rentrée", "key": key.id, "text": TEXT, "file": file, **more}
    return browser.post(f"{PAGE}new", typed, content_type="multipart/form-data")


def prepare(browser: Browser, world: World, **more: Any) -> str:
    """The address of a draft."""
    answer = upload(browser, world, **more)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def state(services: Services) -> str:
    with services.sessions() as session:
        return session.scalars(select(Campaign.state).order_by(Campaign.id.desc())).first() or ""


def set_up(services: Services, **more: Any) -> None:
    with services.sessions.begin() as session:
        preferences = replace(site_settings.read(session), quiet_from="", quiet_until="", rests_on_friday=False)
        site_settings.save(session, replace(preferences, **more))


def rows(browser: Browser, url: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(browser.get(url).text.removeprefix("\ufeff"))))


def test_an_empty_page_says_what_a_campaign_is(operator: Browser, viewer: Browser) -> None:
    assert "No campaign yet" in operator.get(PAGE).text and "New campaign" in operator.get(PAGE).text
    assert "New campaign" not in viewer.get(PAGE).text


def test_a_draft_shows_what_leaves_what_is_left_out_and_what_it_costs(
    operator: Browser, world: World, services: Services
) -> None:
    with services.sessions.begin() as session:
        opt_outs.add(session, ["+22238000001"])
    draft = prepare(operator, world, start="", pace="5")
    page = operator.get(draft).text
    assert "Bonjour Awa, la boutique est fermée." in page and "At most 5 texts a second" in page
    for reason in ("No Mauritanian number", "Fixed line", "stands in the file twice", "Opted out"):
        assert reason in page, reason
    assert rows(operator, f"{draft}/left-out.csv") == [
        ["line", "phone", "reason"],
        ["4", "22247000000", "duplicate"],
        ["5", "123", "bad_number"],
        ["6", "22225000000", "fixed_line"],
        ["7", "22238000001", "opted_out"],
        ["8", "", "bad_number"],
    ]
    with services.sessions() as session:
        assert session.scalars(select(Message)).all() == [], "nothing is sent before somebody says so"
        assert session.scalars(select(Campaign)).one().total == 2


@pytest.mark.parametrize(
    ("content", "more", "fault"),
    [
        (b"", {}, "Choose a file"),
        (b"\x00abcdefgh", {}, "no CSV or XLSX"),
        (b"Nom;Ville\nAwa;Ksar\n", {}, "No column of this file"),
        (b"25000000\n", {"text": "Bonjour"}, "No row of this file"),
        (FILE.encode(), {"text": "Bonjour {ville}"}, "no column “ville”; it has: Nom, Téléphone"),
        (FILE.encode(), {"text": " "}, "Write the text"),
        (FILE.encode(), {"pace": "0"}, "whole number from 1"),
        (FILE.encode(), {"start": "2020-01-01T10:00"}, "within the next seven days"),
        (FILE.encode(), {"name": ""}, "Give it a name"),
    ],
)
def test_what_is_wrong_is_said_and_makes_no_draft(
    operator: Browser, world: World, services: Services, content: bytes, more: dict[str, str], fault: str
) -> None:
    answer = upload(operator, world, content, **more)
    assert answer.status_code == 422 and fault in answer.text
    assert state(services) == ""


def test_a_campaign_starts_is_paused_goes_on_and_is_cancelled(
    operator: Browser, world: World, services: Services
) -> None:
    set_up(services)
    draft, feeder = prepare(operator, world), Feeder(services.sessions, services.settings)
    for step, after in (("start", "running"), ("pause", "paused"), ("resume", "running")):
        assert operator.post(f"{draft}/{step}").status_code == 303
        assert state(services) == after
        assert operator.post(f"{draft}/{step}", headers=PARTIAL).status_code == 409
    feeder.step()
    with services.sessions() as session:
        found = session.scalars(select(Message).order_by(Message.id)).all()
        assert [message.body for message in found] == [
            "Bonjour Awa, la boutique est fermée.",
            "Bonjour Sidi, la boutique est fermée.",
            "Bonjour Stop, la boutique est fermée.",
        ]
    result = rows(operator, f"{draft}/result.csv")
    assert [row[:3] for row in result[1:3]] == [["22238089336", "queued", "1"], ["22247000000", "queued", "1"]]
    assert "0 numbers get no text" in operator.get(f"{draft}/cancel").text
    assert operator.post(f"{draft}/cancel").status_code == 303
    assert state(services) == "cancelled" and "Cancelled" in operator.get(draft).text
    assert operator.post(f"{draft}/cancel", headers=PARTIAL).status_code == 409


def test_progress_is_told_while_it_runs(operator: Browser, world: World, services: Services) -> None:
    set_up(services)
    draft = prepare(operator, world)
    operator.post(f"{draft}/start")
    page = operator.get(draft).text
    assert "every 5s" in page and "Being sent" in page
    seen = page.partition("seen=")[2].partition('"')[0]
    poll = {**PARTIAL, "HX-Target": "section#progress"}
    assert operator.get(f"{draft}?seen={seen}", headers=poll).status_code == 204
    Feeder(services.sessions, services.settings).step()
    assert "Under way" in operator.get(f"{draft}?seen={seen}", headers=poll).text
    with services.sessions.begin() as session:
        session.execute(update(Campaign).values(state="done", ended_at=utcnow()))
    assert "every 5s" not in operator.get(draft).text


def test_a_campaign_to_many_is_approved_by_somebody_else(
    operator: Browser, owner: Browser, world: World, services: Services
) -> None:
    set_up(services, approval_from=2)
    draft = prepare(operator, world)
    assert "Ask for approval" in operator.get(draft).text
    assert owner.post(f"{draft}/approve", headers=PARTIAL).status_code == 409, "nobody has asked"
    operator.post(f"{draft}/start")
    assert state(services) == "draft" and "To be approved" in operator.get(PAGE).text
    assert "It waits for somebody else" in operator.get(draft).text
    assert operator.post(f"{draft}/approve", headers=PARTIAL).status_code == 409, "one's own"
    assert "Approve and start" in owner.get(draft).text
    assert owner.post(f"{draft}/approve").status_code == 303
    assert state(services) == "running" and "Approved by:" in operator.get(draft).text


def test_a_start_in_local_time_and_the_deletion_of_a_draft(operator: Browser, world: World, services: Services) -> None:
    set_up(services, timezone="Africa/Nouakchott")
    at = (utcnow() + timedelta(hours=30)).replace(second=0, microsecond=0)
    draft = prepare(operator, world, start=f"{at:%Y-%m-%dT%H:%M}")
    assert "Delete this draft" in operator.get(f"{draft}/cancel").text
    operator.post(f"{draft}/start")
    with services.sessions() as session:
        campaign = session.scalars(select(Campaign)).one()
        assert (campaign.state, campaign.scheduled_at) == ("scheduled", at)
    other = prepare(operator, world)
    operator.post(f"{other}/cancel")
    assert operator.get(other).status_code == 404


def test_a_test_goes_to_ones_own_phone(operator: Browser, world: World, services: Services) -> None:
    draft = prepare(operator, world)
    assert operator.post(f"{draft}/test", {"phone": "x"}, headers=PARTIAL).status_code == 422
    assert operator.post(f"{draft}/test", {"phone": "36 00 00 00"}, headers=PARTIAL).status_code == 200
    with services.sessions() as session:
        (message,) = session.scalars(select(Message)).all()
    assert (message.phone, message.body) == ("+22236000000", "Bonjour Sidi, la boutique est fermée.")


def test_the_cost_follows_route_and_prices(operator: Browser, world: World, services: Services) -> None:
    values = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}
    with services.sessions.begin() as session:
        carriers.add(session, carriers.cipher(services.settings), NewCarrier("http", "mauritel", values))
        session.flush()
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("mauritel", 0)])
    assert "A price is missing" in operator.get(prepare(operator, world)).text
    with services.sessions.begin() as session:
        prices.save(session, prices.NewPrice("mauritel", "sms", prices.ALL_OPERATORS, utcnow().date(), 3_200))
    for cache in (prices.REMEMBERED, estimates.REMEMBERED):
        cache.forget(services.sessions.kw["bind"].pool)
    page = operator.get(prepare(operator, world)).text
    assert "0.96" in page, "three texts of one segment"
