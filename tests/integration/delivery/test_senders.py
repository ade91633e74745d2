"""The sender of a key, as it reaches carriers and stands in the message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dashboard.gateway.messages import status
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from tests.support.fake_carrier import Carrier
from tests.support.http_carriers import Office
from tests.support.smpp.smsc import Smsc
from tests.support.smpp.worker import connect

BODY = '{"id": "{id}", "from": "{sender}"}'
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.mark.parametrize(("allowed", "sender"), [("Taxi\nBoutique", "Boutique"), ("*", "Boutique"), ("", "Chinqit")])
def test_an_http_carrier_is_told_the_sender_of_the_key_where_it_may_have_it(
    office: Office, first: Carrier, allowed: str, sender: str
) -> None:
    office.add("alpha", first, body=BODY, sender="Chinqit", other_senders=allowed)
    uuid = office.submit(office.caller(sender="Boutique"))
    assert status.described(office.message(uuid))["sender"] == "Boutique"
    office.drain(office.desk())
    assert json.loads(first.ledger[0].body)["from"] == sender
    assert status.described(office.message(uuid))["sender"] == sender


def test_a_code_has_the_sender_of_its_key_too(office: Office, first: Carrier) -> None:
    office.add("alpha", first, body=BODY, other_senders="*")
    office.send_code(office.caller(sender="+22236000000"))
    office.drain(office.desk())
    assert json.loads(first.ledger[0].body)["from"] == "+22236000000"


def test_a_carrier_without_senders_leaves_none_in_the_message(office: Office, first: Carrier) -> None:
    office.add("phone", first, "smsgate")
    uuid = office.submit(office.caller(sender="Boutique"))
    office.drain(office.desk())
    assert status.described(office.message(uuid))["sender"] is None


def test_an_smsc_gets_each_sender_as_what_it_is(office: Office, valkey: str, start_smsc: Callable[..., Smsc]) -> None:
    office.settings = replace(office.settings, redis_url=valkey)  # without one it binds when others' leases are over
    smsc = start_smsc(receipts="off")
    context = connect(office, smsc, sender="Chinqit", other_senders="Boutique\n+22236000000")
    uuids = [office.submit(office.caller(sender=sender)) for sender in (None, "Boutique", "+22236000000", "Taxi")]
    office.drain(context)
    submitted = [(event["src"], event["src_ton"]) for event in smsc.events("submit_sm")]
    assert sorted(submitted) == [("22236000000", 1), ("Boutique", 5), ("Chinqit", 5), ("Chinqit", 5)]
    senders = [office.message(uuid).sender for uuid in uuids]
    assert senders == ["Chinqit", "Boutique", "+22236000000", "Chinqit"]


@pytest.mark.parametrize(
    ("of_key", "of_route", "shown"),
    [
        (None, "Boutique", "Boutique"),
        ("Boutique", "Taxi", "Boutique"),
        ("Banque", "Taxi", "Taxi"),  # the carrier does not allow that of the key
        (None, "Banque", "Chinqit"),
    ],
)
def test_a_route_says_the_sender_where_the_key_does_not(
    office: Office, first: Carrier, of_key: str | None, of_route: str, shown: str
) -> None:
    office.add("alpha", first, body=BODY, sender="Chinqit", other_senders="Taxi\nBoutique")
    with office.sessions.begin() as session:
        rules.set_rule(session, ("sms", None, None), [NewRouteTarget("alpha", 0, sender=of_route)])
    uuid = office.submit(office.caller(sender=of_key))
    office.drain(office.desk())
    assert json.loads(first.ledger[0].body)["from"] == shown
    assert status.described(office.message(uuid))["sender"] == shown
