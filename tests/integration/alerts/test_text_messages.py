"""Alerts as SMS go by a carrier that is well and that they are not about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from dashboard.db import Sessions, utcnow
from dashboard.gateway.alerts import channels, incidents
from dashboard.gateway.alerts.channels import NewChannel
from dashboard.gateway.carriers import carriers
from dashboard.gateway.carriers.carriers import NewCarrier
from dashboard.gateway.monitoring.alerts import Alert, AlertCode
from dashboard.models.alerts import AlertChannel
from dashboard.models.carriers import CarrierConnection
from dashboard.models.messages import Message
from dashboard.settings import Settings
from dashboard.vocabulary import AlertChannelKind, Language
from jobs.alerts import AlertSender
from tests.support.fixtures.databases import on_sqlite

AddChannel = Callable[[NewChannel], tuple[int, str]]
PHONE = NewChannel(AlertChannelKind.SMS, "38 08 93 36", Language.FRENCH)
URL = {"url": "https://sms.example.org/send", "body": '{"to": "{phone}"}'}


@pytest.fixture
def ids(well: Sessions, told: Settings) -> dict[str, int]:
    """Two carriers, both ready."""
    later = utcnow() + timedelta(hours=1)
    with well.begin() as session:
        found = {}
        for name in ("first", "second"):
            carrier = carriers.add(session, carriers.cipher(told), NewCarrier("http", name, URL))
            session.flush()
            line = CarrierConnection(process=f"host:{name}", carrier_id=carrier.id, state="ready", beat_at=later)
            line.version, line.under_way = carrier.version, 0
            session.add(line)
            found[name] = carrier.id
    return found


def tell(sender: AlertSender, sessions: Sessions, alert: Alert) -> list[Message]:
    """What is written down for phones after an alert was found."""
    with sessions.begin() as session:
        incidents.observe(session, [alert], utcnow())
    sender.turn(utcnow() + timedelta(seconds=6))
    with sessions() as session:
        return list(session.scalars(select(Message)))


def test_the_carrier_that_is_in_trouble_does_not_carry_the_news(
    sender: AlertSender, add: AddChannel, well: Sessions, ids: dict[str, int]
) -> None:
    add(PHONE)
    (message,) = tell(sender, well, Alert(AlertCode.CARRIER_DOWN, "first", reason="timeout"))
    assert (message.carrier_id, message.phone, message.lane) == (ids["second"], "+22238089336", "sms")
    assert message.body is not None and "first" in message.body and len(message.body) <= 140
    with well() as session:
        (channel,) = session.scalars(select(AlertChannel))
    assert (channel.label, channel.last_error) == ("+22238••••36", None)


def test_without_another_carrier_the_page_says_so(
    sender: AlertSender, add: AddChannel, well: Sessions, ids: dict[str, int]
) -> None:
    with well.begin() as session:
        carriers.switch(session, session.merge(carriers.find(session, "second")), on=False)
    add(PHONE)
    assert tell(sender, well, Alert(AlertCode.CARRIER_DOWN, "first", reason="timeout")) == []
    with well() as session:
        (channel,) = session.scalars(select(AlertChannel))
    assert channel.last_error == "no carrier could take it"


@on_sqlite
@pytest.mark.parametrize("address", ["", "1234", "45123456789", "25123456", "me@example.org"])
def test_only_the_number_of_a_mobile_phone_is_taken(settings: Settings, address: str) -> None:
    assert channels.fault(AlertChannelKind.SMS, address, settings) == "phone"
