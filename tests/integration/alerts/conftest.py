from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.db import Sessions, utcnow
from dashboard.gateway import workers
from dashboard.gateway.alerts import channels
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.models.monitoring import Process
from dashboard.settings import Settings
from dashboard.vocabulary import Lane
from dashboard.wakeup import Wakeup
from jobs.alerts import AlertSender
from tests.support import mail_server
from tests.support.mail_server import Postbox

AddChannel = Callable[[NewChannel], tuple[int, str]]


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with mail_server.running() as postbox:
        yield postbox


@pytest.fixture
def told(settings: Settings, postbox: Postbox, tmp_path: Path) -> Settings:
    """Settings with a mail server, that let webhooks go to this machine."""
    return replace(
        settings,
        smtp_url=postbox.url,
        mail_from="chinqit@example.org",
        timezone="UTC",
        webhooks_allow_http=True,
        webhooks_allow_private=True,
    )


@pytest.fixture
def well(sessions: Sessions) -> Sessions:
    """A gateway of which all parts run for the next hour."""
    with sessions.begin() as session:
        for role in (*Lane, workers.RELAY):
            row = Process(name=role, role=role, started_at=utcnow(), beat_at=utcnow() + timedelta(hours=1))
            session.add(row)
    return sessions


@pytest.fixture
def sender(well: Sessions, told: Settings, valkey: str) -> Iterator[AlertSender]:
    sender = AlertSender(well, told, Wakeup(valkey))
    yield sender
    sender.http.close()


@pytest.fixture
def add(well: Sessions, told: Settings) -> AddChannel:
    """Add a channel; return its id and its secret."""

    def add_channel(wanted: NewChannel) -> tuple[int, str]:
        assert channels.fault(wanted.kind, wanted.address, told) is None
        with well.begin() as session:
            channel, secret = channels.create(session, channels.cipher(told), wanted)
            return channel.id, secret

    return add_channel
