"""`chinqit status`, and `chinqit messages` list, cancel and resend."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.db import utcnow
from dashboard.extensions import Services
from dashboard.gateway import workers
from dashboard.gateway.monitoring import outages
from dashboard.gateway.statistics import rollup
from dashboard.models.monitoring import Process
from jobs.outages import check
from tests.support.dashboard_client import World

Command = Callable[..., Result]


@pytest.fixture
def chinqit(services: Services, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(services.settings, name)))
    return lambda *args: CliRunner().invoke(main, args)


def test_status_shows_what_waits_runs_and_is_wrong(chinqit: Command, services: Services, world: World) -> None:
    key = world.key()
    world.text(key, due_at=utcnow() - timedelta(minutes=3))
    world.text(key, **world.sent())
    world.text(key, **world.sent(status="failed"))
    rollup.fold_for(services.sessions, 5)
    with services.sessions.begin() as session:
        workers.beat(session, "sms", utcnow())
    found: dict[str, Any] = json.loads(chinqit("status", "--json").output)
    assert found["waiting"]["sms"]["count"] == 1 and 180 <= found["waiting"]["sms"]["oldest"] < 240
    assert (found["lastMinutes"]["delivered"], found["lastMinutes"]["failed"]) == (1, 1)
    assert (found["running"]["sms"], found["running"]["relay"]) == (1, 0)
    assert found["wrong"][0]["severity"] == "grave"
    screen = chinqit("status").output
    assert len(screen.splitlines()) <= 24
    assert re.search(r"sms {12}1, the oldest for (1[89]|2[0-3])\d s", screen) and "relay: 0 running" in screen
    assert "none: messages land on the sandbox phone" in screen


def test_messages_are_listed_without_texts_and_whole_numbers(chinqit: Command, world: World) -> None:
    key = world.key()
    delivered = world.text(key, body="Votre rendez-vous", **world.sent())
    failed = world.text(key, "+22248089336", **world.sent(status="failed", error_code="no_route"))
    rows = json.loads(chinqit("messages", "list", "--json").output)
    assert [row["id"] for row in rows] == [failed.uuid, delivered.uuid]
    assert rows[0]["error"] == "no_route" and rows[0]["number"] == "+22248••••36"
    shown = chinqit("messages", "list").output
    assert "Votre rendez-vous" not in shown and "38089336" not in shown
    (row,) = json.loads(chinqit("messages", "list", "--json", "--number", "38089336").output)
    assert row["id"] == delivered.uuid
    (row,) = json.loads(chinqit("messages", "list", "--json", "--status", "failed", "--since", "1").output)
    assert row["id"] == failed.uuid
    assert "No message fits." in chinqit("messages", "list", "--kind", "otp").output


def test_texts_that_wait_are_taken_back_and_others_named(chinqit: Command, world: World) -> None:
    key = world.key()
    waiting, done = world.text(key), world.text(key, **world.sent())
    answer = chinqit("messages", "cancel", waiting.uuid, done.uuid)
    assert answer.exit_code == 1 and waiting.uuid in answer.output and "1 not cancelled" in answer.output
    assert json.loads(chinqit("messages", "show", waiting.uuid, "--json").output)["status"] == "expired"
    assert json.loads(chinqit("messages", "show", done.uuid, "--json").output)["status"] == "delivered"


def test_a_text_is_sent_again_and_a_code_never(chinqit: Command, world: World) -> None:
    key = world.key()
    failed, code = world.text(key, **world.sent(status="failed")), world.code(key, **world.sent(status="failed"))
    answer = chinqit("messages", "resend", failed.uuid)
    assert answer.exit_code == 0
    assert json.loads(chinqit("messages", "show", answer.output.strip(), "--json").output)["status"] == "queued"
    refused = chinqit("messages", "resend", code.uuid, "no-such-id")
    assert refused.exit_code == 1
    assert "a code is never sent again" in refused.output and "no-such-id: no such message" in refused.output


def test_status_tells_of_the_last_outage(chinqit: Command, services: Services) -> None:
    assert "Last outage" not in chinqit("status").output
    at = utcnow() - timedelta(minutes=2)
    with services.sessions.begin() as session:
        session.add(Process(name="elsewhere:1", role=workers.RELAY, started_at=at, beat_at=at))
    with services.sessions.begin() as session:
        outages.note_start(session, workers.RELAY, utcnow())
    assert "the database is being checked" in chinqit("status").output
    check(services.sessions)
    screen = chinqit("status").output
    assert "lost 0, database ok, codes expired unsent 0, texts maybe sent twice 0" in screen
    found = json.loads(chinqit("status", "--json").output)["outage"]
    assert (found["lost"], found["database"], found["clockOff"]) == (0, "ok", 0)
