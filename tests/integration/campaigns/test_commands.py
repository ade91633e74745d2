"""chinqit campaigns."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.db import Sessions
from dashboard.gateway.api_keys.authentication import Caller
from dashboard.gateway.audit import trail
from dashboard.gateway.audit.trail import AuditFilters
from dashboard.models.campaigns import Campaign
from dashboard.settings import Settings
from tests.support.campaigns import phones, run

Command = Callable[..., Result]


@pytest.fixture
def chinqit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    return lambda *args: CliRunner().invoke(main, ["campaigns", *args])


def test_campaigns_are_listed_paused_resumed_and_cancelled(
    chinqit: Command, sessions: Sessions, make_caller: Callable[..., Caller]
) -> None:
    assert "There are no campaigns." in chinqit("list").output
    campaign_id = run(sessions, make_caller(), phones(3), name="Rentrée")
    with sessions() as session:
        batch = session.get_one(Campaign, campaign_id).uuid
    (row,) = json.loads(chinqit("list", "--json").output)
    assert (row["batch"], row["name"], row["state"], row["total"], row["waiting"]) == (
        batch,
        "Rentrée",
        "running",
        3,
        3,
    )
    assert chinqit("resume", batch).exit_code == 1
    for act, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert chinqit(act, batch.upper()).exit_code == 0, act
        assert json.loads(chinqit("list", "--json").output)[0]["state"] == state
        assert chinqit(act, batch).exit_code == 1
    with sessions() as session:
        acts = [entry.act for entry in trail.page(session, AuditFilters(area="campaigns"))]
    assert {"campaigns.pause", "campaigns.resume", "campaigns.cancel"} <= set(acts)
    assert "There is no campaign" in chinqit("pause", "x").output
