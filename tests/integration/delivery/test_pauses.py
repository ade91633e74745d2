"""A lane that is paused hands nothing over, and goes on when it is resumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from dashboard.cli.registry import main
from dashboard.db import Sessions
from dashboard.gateway import pauses
from dashboard.gateway.api_keys import authentication, keys
from dashboard.gateway.api_keys.keys import NewKey
from dashboard.gateway.delivery.claim import claim
from dashboard.gateway.messages import outbox
from dashboard.gateway.messages.outbox import Draft
from dashboard.settings import Settings
from dashboard.vocabulary import Lane
from tests.support.stack import until

Command = Callable[..., Result]


@pytest.fixture
def chinqit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    for name in ("chinqit_home", "database_url", "redis_url", "secret_key", "otp_secret", "data_secret"):
        monkeypatch.setenv(name.upper(), str(getattr(settings, name)))
    return lambda *args: CliRunner().invoke(main, args)


def test_what_comes_to_a_paused_lane_is_taken_and_waits(chinqit: Command, sessions: Sessions) -> None:
    with sessions.begin() as session:
        key, _ = keys.create(session, NewKey("app"))
        session.flush()
        for lane in (Lane.SMS, Lane.WHATSAPP):
            outbox.submit(session, authentication.Caller.from_row(key), Draft.text("+22238089336", "a", lane))
        assert pauses.pause(session, Lane.SMS, "me")
    assert claim(sessions, Lane.SMS, 10) == []
    assert len(claim(sessions, Lane.WHATSAPP, 10)) == 1
    assert "paused: sms" in chinqit("status").output
    again = chinqit("pause", "sms")
    assert again.exit_code == 1 and "The lane sms is paused." in again.output
    assert chinqit("resume", "sms").exit_code == 0
    assert len(until(lambda: claim(sessions, Lane.SMS, 10), 3)) == 1  # another process looks every second
    assert chinqit("resume", "sms").exit_code == 1


def test_an_unknown_name_is_refused(chinqit: Command, sessions: Sessions) -> None:
    refused = chinqit("pause", "mauritel")
    assert refused.exit_code == 1 and "There is no lane and no carrier" in refused.output
