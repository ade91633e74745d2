"""An SMSC behind the whole gateway. Its ledger judges: what it took, and how often."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashboard.gateway.carriers import health
from dashboard.gateway.delivery import taken_log
from dashboard.gateway.routing.rules import NewRouteTarget, set_rule
from tests.support import fake_carrier as ledgers
from tests.support.http_carriers import Office, taken, takes
from tests.support.phones import new_phone
from tests.support.processes import run_forked
from tests.support.smpp.smsc import Smsc
from tests.support.stack import Client, Stack, digits, until

ONE_DATABASE = pytest.mark.parametrize("database", ["postgresql"], indirect=True)  # test_carriers.py has the other
pytestmark = [pytest.mark.timeout(240), ONE_DATABASE]


@pytest.fixture
def add(stack: Stack, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Sets carriers up from the command line; they are gone after the test."""

    def run(*words: str) -> dict[str, Any]:
        done = run_forked(["chinqit", "providers", "add", *words, "--json"], stack.environment, tmp_path)
        assert done.returncode == 0, done.stderr
        added: dict[str, Any] = json.loads(done.stdout)
        return added

    yield run
    stack.remove_carriers()
    until(lambda: not _ready(stack), 20)


def smpp(smsc: Smsc, **more: str) -> list[str]:
    told = {"host": "127.0.0.1", "port": smsc.port, "system_id": "test", "password": "secret08", "binds": 2} | more
    return [f"{name}={value}" for name, value in told.items()]


def test_a_code_by_smpp_verifies_and_its_receipt_tells(
    stack: Stack, add: Callable[..., dict[str, Any]], start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipt_delay="50")
    added = add("smpp", "mauritel", *smpp(smsc, binds="1"))  # of two workers, one has it
    assert (added["name"], added["routes"], "secret08" in json.dumps(added)) == ("mauritel", ["sms"], False)
    until(lambda: _ready(stack), 5, lambda: "it is not picked up by running workers")
    client, phone = stack.client(), new_phone()
    message_id = client.otp(phone, language="ar").json()["messageId"]
    code = digits(until(lambda: _texts(smsc, phone), 10)[0])
    found = until(lambda: delivered(client, message_id), 10)
    assert found["confirmedBy"] == "receipt"
    assert client.verify(phone, code).json()["verified"] is True


def test_an_smsc_that_dies_in_the_middle_loses_nothing(
    stack: Stack, add: Callable[..., dict[str, Any]], start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipts="off", resp_delay="2")
    add("smpp", "mauritel", *smpp(smsc))
    until(lambda: _ready(stack), 5)
    client = stack.client()
    phones = [new_phone() for _ in range(1_000)]
    batch = [{"phoneNumber": phone, "message": "Bonjour"} for phone in phones]
    assert client.post("/messages/batch", messages=batch).status_code == 200
    until(lambda: len(smsc.taken()) > 300, 30)
    smsc.kill()
    time.sleep(1)
    smsc.restart()
    wanted = {(phone.removeprefix("+"), "Bonjour") for phone in phones}
    office = Office(stack.sessions, stack.settings)

    def is_all_there() -> bool:
        if _ready(stack):
            office.end_waits()
        return wanted <= set(smsc.taken())

    until(is_all_there, 90, lambda: f"{len(wanted - set(smsc.taken()))} are lost")
    assert sum(smsc.taken().values()) - len(smsc.taken()) <= 2 * 10, "one for each place in the windows"


def test_what_an_smsc_answered_a_killed_worker_does_not_leave_again(
    stack: Stack, add: Callable[..., dict[str, Any]], start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipts="off", resp_delay="1000")
    add("smpp", "mauritel", *smpp(smsc))
    until(lambda: len(_ready(stack)) == 2, 5)
    client, phones = stack.client(), [new_phone() for _ in range(10)]
    ids = [client.send(phone).json()["messageId"] for phone in phones]
    until(lambda: len(smsc.taken()) == len(phones), 10)
    with stack.sessions() as session:  # the SMSC's answers come, and cannot be written down
        session.execute(text("LOCK TABLE messages IN EXCLUSIVE MODE"))
        until(lambda: _noted(stack) == len(phones), 10)
        stack.kill("sms-1", "sms-2")
    stack.start("sms-1", "sms-2")
    until(lambda: {_status(client, each) for each in ids} == {"sent"}, 20)
    Office(stack.sessions, stack.settings).due_now()
    last = client.send(new_phone()).json()["messageId"]
    until(lambda: _status(client, last) == "sent", 20)
    assert [copies for (phone, _), copies in smsc.taken().items() if f"+{phone}" in phones] == [1] * len(phones)
    assert _noted(stack) == 0


def test_another_carrier_takes_over_when_the_smsc_is_gone(
    stack: Stack, add: Callable[..., dict[str, Any]], start_smsc: Callable[..., Smsc]
) -> None:
    smsc = start_smsc(receipts="off")
    add("smpp", "mauritel", *smpp(smsc))
    office, client = Office(stack.sessions, stack.settings), stack.client()
    with ledgers.running() as other:
        office.add("other", other)
        other.plays(takes)
        office.write(
            lambda run: set_rule(run, ("sms", None, None), [NewRouteTarget("mauritel", 0), NewRouteTarget("other", 1)])
        )
        until(lambda: _ready(stack), 5)
        phone = new_phone()
        client.send(phone)
        until(lambda: _texts(smsc, phone), 10)
        smsc.kill()
        died = time.monotonic()
        ids: list[str] = []

        def send() -> str:
            ids.append(client.send(new_phone()).json()["messageId"])
            time.sleep(0.5)
            return ids[-1]

        until(lambda: send() and taken(other), 60)
        assert time.monotonic() - died < 60
        until(lambda: set(ids) <= set(taken(other)), 60, lambda: "what waited did not follow")
        smsc.restart()

        def is_used_again() -> bool:
            office.end_waits()
            client.send(phone := new_phone())
            time.sleep(0.5)
            return bool(_texts(smsc, phone))

        until(is_used_again, 60)


def delivered(client: Client, message_id: str) -> dict[str, Any] | None:
    """What is told of a message once it is delivered."""
    now: dict[str, Any] = client.get(f"/messages/{message_id}").json()
    return now if now["status"] == "delivered" else None


def _status(client: Client, message_id: str) -> str:
    return str(client.get(f"/messages/{message_id}").json()["status"])


def _noted(stack: Stack) -> int:
    """How many answers of carriers are in files and in no commit."""
    files = (stack.settings.chinqit_home / taken_log.FOLDER).glob("*.log")
    return sum(len(path.read_text().splitlines()) for path in files)


def _texts(smsc: Smsc, phone: str) -> list[str]:
    return [words for (to, words), _ in smsc.taken().items() if f"+{to}" == phone]


def _ready(stack: Stack) -> list[object]:
    with stack.sessions() as session:
        return [line for line in health.connections(session) if line.state == "ready"]
