"""An operator that gets no codes: its tile, the attention list, and `chinqit doctor`."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from click.testing import CliRunner

from dashboard.cli.registry import main
from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway.statistics import rollup
from tests.support.dashboard_client import Browser, World


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """The command line finds the gateway of the pages."""
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))


def overview(browser: Browser) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", browser.get("/dashboard/").text))


def tile(browser: Browser, name: str) -> str:
    text = browser.get("/dashboard/").text.split(f">{name}</a>")
    text = text if len(text) > 1 else browser.get("/dashboard/").text.split(f"{name}\n")
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text[1].split("</li>")[0]))


def fail(world: World, count: int) -> None:
    """Codes to Chinguitel that failed, and one to Mattel each that was sent."""
    key = world.key()
    for i in range(count):
        lost = {"status": "failed", "failed_at": utcnow(), "delivered_at": None, "error_code": "smpp_submit_failed"}
        world.code(key, f"+2222200{i:04}", **world.sent(carrier="smsc", sent_at=None, **lost))
        world.code(key, f"+2223300{i:04}", **world.sent(carrier="smsc"))


def test_an_operator_that_gets_no_code_is_cut_off_and_the_others_are_not(owner: Browser, world: World) -> None:
    world.code(world.key(), "+22222999999", **world.sent(carrier="smsc", sent_at=utcnow() - timedelta(minutes=40)))
    fail(world, 7)
    text = overview(owner)
    assert re.search(r"Chinguitel: no code sent since \d\d:\d\d, 7 of 8 failed", text) is None
    assert "Cut off" not in text, "one of them got through"


def test_it_is_told_since_when_and_how_many(owner: Browser, world: World, environment: None) -> None:
    earlier = world.code(world.key(), "+22222999999", **world.sent(carrier="smsc"))
    long_ago = utcnow() - timedelta(minutes=40)
    world.settle(earlier.id, created_at=long_ago, sent_at=long_ago)
    fail(world, 7)
    assert re.search(r"Chinguitel: no code sent since \d\d:\d\d, 7 of 7 failed", overview(owner))
    assert "Cut off" in tile(owner, "Chinguitel")
    assert "Cut off" not in tile(owner, "Mattel") and "Mattel: no code" not in overview(owner)
    link = re.search(r'href="([^"]+)">\s*See the failed codes', owner.get("/dashboard/").text)
    assert link and "operator=chinguitel" in link[1] and "22 00 00 06" in owner.get(link[1].replace("&amp;", "&")).text
    findings = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).output)
    [found] = [finding for finding in findings if finding["subject"] == "operators"]
    assert found["message"].startswith("Chinguitel: no code sent since ") and "7 of 7 failed" in found["message"]


def test_without_any_success_in_a_day_it_says_so(owner: Browser, world: World) -> None:
    lost = world.code(world.key(), "+22222999999", **world.sent(status="failed", carrier="smsc", sent_at=None))
    world.settle(lost.id, created_at=utcnow() - timedelta(hours=23, minutes=30))
    fail(world, 5)
    assert "Chinguitel: no code sent for a day, 5 of 5 failed in the last ten minutes" in overview(owner)


def test_a_tile_tells_this_hour_beside_usual(owner: Browser, world: World, services: Services) -> None:
    key = world.key()
    for i in range(20):
        verified = world.code(key, f"+2222200{i:04}", **world.sent(carrier="smsc"))
        if i < 15:
            world.guess_right(key, verified)
    rollup.fold_for(services.sessions, 5)
    shown = tile(owner, "Chinguitel")
    assert "As usual" in shown
    assert "75% verified this hour, usually 75%" in shown
