"""Carriers that die, hang, come back and call back, with the whole gateway in front of them. Their ledgers judge."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from dashboard.db import utcnow
from dashboard.gateway.carriers import health
from dashboard.gateway.routing import rules
from dashboard.gateway.routing.rules import NewRouteTarget
from dashboard.models.carriers import Carrier as Row
from dashboard.models.otp import Otp
from tests.support import fake_carrier as ledgers
from tests.support.fake_carrier import Carrier
from tests.support.http_carriers import Office, taken, takes
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # test_smsc.py has the other
pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("healed"), ONE_DATABASE]
SECONDS_TO_NOTICE = 5.0


@pytest.fixture
def office(stack: Stack) -> Iterator[Office]:
    """The stack's database; carriers that a test sets up are gone after it."""
    made = Office(stack.sessions, stack.settings)
    yield made
    stack.remove_carriers()
    until(lambda: not _lines(stack), 10)


@pytest.fixture
def first() -> Iterator[Carrier]:
    with ledgers.running() as running:
        yield running


@pytest.fixture
def second() -> Iterator[Carrier]:
    with ledgers.running() as running:
        yield running


def test_a_new_carrier_is_used_by_running_workers(stack: Stack, office: Office, first: Carrier) -> None:
    office.add("alpha", first)
    start, client = time.monotonic(), stack.client()
    while not first.ledger:
        assert client.send(new_phone()).status_code == 200
        assert time.monotonic() - start < SECONDS_TO_NOTICE
        time.sleep(0.2)


def test_a_dead_carriers_traffic_goes_the_other_way_and_back(
    stack: Stack, office: Office, first: Carrier, second: Carrier
) -> None:
    alpha = office.add("alpha", first)
    office.add("beta", second)
    office.write(
        lambda session: rules.set_rule(
            session, ("sms", None, None), [NewRouteTarget("alpha", 0), NewRouteTarget("beta", 1)]
        )
    )
    until(lambda: len(_lines(stack)) == 4, SECONDS_TO_NOTICE)
    client = stack.client()
    ids: list[str] = []

    def send() -> str:
        ids.append(client.send(new_phone()).json()["messageId"])
        time.sleep(0.05)
        return ids[-1]

    def own(*carriers: Carrier) -> list[str]:
        """What was sent here and taken by these: a text that the test before left waiting comes to them, too."""
        return sorted(one for carrier in carriers for one in taken(carrier) if one in ids)

    for _ in range(10):
        send()
    until(lambda: set(own(first)) == set(ids), 10, lambda: f"{taken(first)} and {taken(second)} of {ids}")
    assert (own(first), own(second)) == (sorted(ids), [])
    port = first.port
    first.close()
    died = time.monotonic()
    until(lambda: send() in taken(second), 60)
    assert time.monotonic() - died < 60
    healed = Carrier(port=port)
    try:
        healed.plays(takes)
        office.change(alpha, down_until=utcnow() - timedelta(seconds=1))  # its pause is over
        until(lambda: send() in taken(healed) and send() in taken(healed), 30)
        until(lambda: set(own(first, second, healed)) == set(ids), 30, lambda: "a text is lost")
        came = own(second, healed)
        assert len(came) == len(set(came)), "a text came twice to carriers that live"
    finally:
        healed.close()


def end_leases_of_the_dead(office: Office, ledger: Carrier) -> None:
    """Once the living have done what was theirs. (That leases end by themselves is shown in delivery/test_kills.py.)"""
    before = -1
    while len(ledger.ledger) > before:
        before = len(ledger.ledger)
        time.sleep(2)
    office.due_now()


def test_nothing_is_lost_when_workers_die_at_a_carrier(stack: Stack, office: Office, first: Carrier) -> None:
    office.add("alpha", first, parallel="4")
    first.plays(ledgers.late(0.02, takes))
    client, ids, kills = stack.client(), [], 3
    for round_ in range(kills):
        ids += [client.send(new_phone()).json()["messageId"] for _ in range(60)]
        stack.restart(f"sms-{round_ % 2 + 1}")
    end_leases_of_the_dead(office, first)
    until(lambda: set(ids) <= set(taken(first)), 60, lambda: "a text is lost")
    assert len(taken(first)) - len(set(taken(first))) <= kills * 4, "one for each call that was under way"


def test_callers_of_a_hung_whatsapp_get_their_answer_and_texts_keep_their_pace(
    stack: Stack, office: Office, first: Carrier, second: Carrier
) -> None:
    office.add("meta", first, "whatsapp")
    office.add("alpha", second)
    first.plays(lambda wire: wire.hang())
    until(lambda: len(_lines(stack)) == 3, SECONDS_TO_NOTICE)
    client = stack.client()

    def call(_: int) -> tuple[int, float]:
        start = time.monotonic()
        return client.otp(new_phone(), channel="whatsapp").status_code, time.monotonic() - start

    with ThreadPoolExecutor(50) as pool:
        callers = pool.map(call, range(50))
        until(lambda: _codes_of(stack, client) == 50, 10)  # all have called and wait
        during = _slowest(client)
        answers = list(callers)
    assert {status for status, _ in answers} == {502}
    assert during < min(seconds for _, seconds in answers), "a text waited with the codes"


def test_a_callback_moves_a_message_on(stack: Stack, office: Office, first: Carrier) -> None:
    carrier_id = office.add("alpha", first)
    message_id = stack.client().send(phone := new_phone()).json()["messageId"]
    until(lambda: message_id in taken(first), 10)
    until(lambda: office.message(message_id).status == "sent", 10)
    body = json.dumps({"id": message_id, "state": "DELIVRD"}).encode()
    with stack.sessions() as session:
        hook = session.get_one(Row, carrier_id).hook
    forged = stack.call("POST", f"/callbacks/{hook}", data=body, headers={"X-Secret": "guess"})
    assert (forged.status_code, office.message(message_id).status) == (403, "sent")
    assert stack.call("POST", "/callbacks/unknown", data=body).json()["success"] is False
    said = {"X-Secret": "a-secret-of-the-carrier"}
    for _ in range(2):
        assert stack.call("POST", f"/callbacks/{hook}", data=body, headers=said).status_code == 200
    assert (office.message(message_id).status, office.message(message_id).phone) == ("delivered", phone)


def test_metas_signed_reports_are_taken_and_unsigned_ones_are_not(stack: Stack, office: Office, first: Carrier) -> None:
    carrier_id = office.add("meta", first, "whatsapp")
    until(lambda: _lines(stack), SECONDS_TO_NOTICE)
    message_id = stack.client().otp(new_phone(), channel="whatsapp").json()["messageId"]
    status = {"id": f"wamid.{message_id}", "status": "delivered", "timestamp": str(int(time.time()))}
    body = json.dumps({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]}).encode()
    with stack.sessions() as session:
        hook = session.get_one(Row, carrier_id).hook
    assert stack.call("POST", f"/callbacks/{hook}", data=body).status_code == 403
    signed = "sha256=" + hmac.new(b"5e" * 16, body, hashlib.sha256).hexdigest()
    answer = stack.call("POST", f"/callbacks/{hook}", data=body, headers={"X-Hub-Signature-256": signed})
    assert (answer.status_code, office.message(message_id).status) == (200, "delivered")


def _lines(stack: Stack) -> list[object]:
    with stack.sessions() as session:
        return list(health.connections(session))


def _codes_of(stack: Stack, client: Client) -> int:
    with stack.sessions() as session:
        return session.scalar(select(func.count()).select_from(Otp).where(Otp.key_id == client.key_id)) or 0


def _slowest(client: Client, calls: int = 40) -> float:
    times = []
    for _ in range(calls):
        start = time.monotonic()
        assert client.send(new_phone()).status_code == 200
        times.append(time.monotonic() - start)
    return max(times)
