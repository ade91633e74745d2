"""The page of alerts, its command, and /alarm."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from dashboard.cli.registry import main
from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.alerts import AlertChannel
from tests.support.dashboard_client import Browser

PAGE = "/dashboard/alerts/"
WEBHOOK = {
    "kind": "webhook",
    "address": "https://example.org/alerts?token=hush",
    "severity": "warning",
    "language": "fr",
    "repeat_minutes": "30",
    "quiet_from": "22:00",
    "quiet_until": "06:30",
}


@pytest.fixture
def trouble(services: Services) -> None:
    """Two causes, as the relay would have found them; no part of this gateway runs."""
    with services.sessions.begin() as session:
        incidents.observe(session, [Alert(AlertCode.NO_WORKER, "sms"), Alert(AlertCode.DISK, count=3)], utcnow())


def test_an_owner_adds_a_webhook_and_sees_its_secret_once(owner: Browser, services: Services) -> None:
    answer = owner.post(f"{PAGE}new", WEBHOOK)
    assert answer.status_code == 200 and re.search(r"whsec_[\w+/=]+", answer.text)
    page = owner.get(PAGE).text
    assert "example.org" in page and "22:00" in page
    assert "whsec_" not in page and "hush" not in page
    with services.sessions() as session:
        (channel,) = channels.listed(session)
        target = channels.target(channels.cipher(services.settings), channel)
        assert target is not None and target.address == WEBHOOK["address"]
        assert b"hush" not in channel.sealed


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"kind": "email", "address": "me@example.org"}, "This gateway has no mail server yet"),
        ({"kind": "service", "address": "json://10.0.0.7"}, "has no question mark"),
        ({"address": "http://example.org"}, "https"),
        ({"quiet_until": ""}, "Enter both times, or none."),
        ({"quiet_from": "25:00"}, "Enter a time, such as 22:00."),
    ],
)
def test_what_cannot_work_is_refused_in_words(owner: Browser, typed: dict[str, str], fault: str) -> None:
    answer = owner.post(f"{PAGE}new", WEBHOOK | typed)
    assert answer.status_code == 422 and fault in answer.text


def test_somebody_takes_care_of_it(operator: Browser, viewer: Browser, trouble: None) -> None:
    page = operator.get(PAGE).text
    assert "No worker delivers SMS" in page and "3% of the disk are free" in page
    (first, _) = re.findall(r'action="(/dashboard/alerts/\d+/acknowledge)"', page)
    assert viewer.post(first).status_code == 403
    assert operator.post(first).status_code == 303
    assert operator.post(first, headers={"HX-Request": "true", "HX-Request-Type": "partial"}).status_code == 409
    assert "Nadia operator takes care of it" in viewer.get(PAGE).text


def test_what_is_over_is_listed(viewer: Browser, trouble: None, services: Services) -> None:
    with services.sessions.begin() as session:
        incidents.observe(session, [], utcnow() + 2 * incidents.CLEAR_AFTER)
    page = viewer.get(PAGE).text
    assert "Nothing is wrong." in page and "The disk is nearly full" in page and "No worker runs" in page


def test_a_test_is_asked_of_the_relay(owner: Browser, operator: Browser, services: Services) -> None:
    owner.post(f"{PAGE}new", WEBHOOK)
    assert operator.post(f"{PAGE}channels/1/test").status_code == 303
    assert "Test under way" in operator.get(PAGE).text
    with services.sessions() as session:
        assert session.get_one(AlertChannel, 1).test_asked_at is not None


@pytest.fixture
def chinqit(services: Services, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return lambda *args, **more: CliRunner().invoke(main, ["alerts", *args], **more)


def test_the_command_does_the_same(chinqit: Callable[..., Any], trouble: None) -> None:
    added = chinqit("add", "webhook", "https://example.org/alerts?token=hush", "--quiet", "22:00-06:30")
    assert added.exit_code == 0 and "whsec_" in added.output
    assert "22:00-06:30" in chinqit("channels").output and "hush" not in chinqit("channels").output
    listed = chinqit("list").output
    assert "sms: 0 running" in listed and "3 % of the disk are free" in listed
    number = listed.splitlines()[1].split()[0]
    assert chinqit("acknowledge", number, "--name", "Mariem").exit_code == 0
    assert "Mariem" in chinqit("list").output
    assert chinqit("acknowledge", number).exit_code == 1
    silent = chinqit("test", "1", "--wait", "0")
    assert silent.exit_code == 1 and "The relay has sent nothing yet" in silent.output
    assert chinqit("remove", "1").exit_code == 0
    assert "Nobody is told" in chinqit("channels").output
    refused = chinqit("add", "email", "me@example.org")
    assert refused.exit_code == 1 and "SMTP_URL" in refused.output


def test_alarm_says_503_and_why(app: Flask) -> None:
    answer = app.test_client().get("/alarm")
    assert answer.status_code == 503
    assert answer.json is not None and answer.json["ok"] is False
    assert {"no_worker", "no_relay", "no_valkey"} <= set(answer.json["causes"])
