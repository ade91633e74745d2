"""A campaign while parts die: each row arrives once, and codes overtake it. The sandbox phone's ledger judges."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from dashboard.gateway.campaigns import campaigns
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("healed")]
ROWS = 2_000


def send(client: Client, phones: list[str], **more: Any) -> str:
    """Send a batch, again under the same name until it is answered; return its id."""
    rows = [{"phone": phone, "message": f"Bonjour {phone[-4:]}"} for phone in phones]
    body = {"recipients": rows, "urgent": True, **more}
    for _ in range(200):
        with suppress(httpx.TransportError):
            headers = {"Idempotency-Key": phones[0]}
            answer = client.stack.call("POST", "/api/v2/bulk/send", key=client.key, json=body, headers=headers)
            assert answer.status_code == 202, answer.text
            assert answer.json()["totalValid"] == len(phones)
            return str(answer.json()["batchId"])
        time.sleep(0.05)
    raise AssertionError("there was no answer")


def status(client: Client, batch_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/v2/bulk/status/{batch_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_each_row_arrives_once_whatever_is_killed(stack: Stack) -> None:
    client, phones = stack.client(), [new_phone() for _ in range(ROWS)]
    batch_id = send(client, phones)
    for turn, part in enumerate(("relay", "sms-1", "relay", "sms-2", "relay"), 1):
        until(lambda turn=turn: status(client, batch_id)["delivered"] >= turn * 40, 60)  # type: ignore[misc]
        stack.restart(part)
    told = until(lambda: (now := status(client, batch_id))["status"] == "completed" and now, 120)
    assert (told["delivered"], told["failed"], told["skipped"]) == (ROWS, 0, 0)
    assert stack.copies(phones) == dict.fromkeys(phones, 1)


@pytest.fixture
def nothing_runs_on(stack: Stack) -> Iterator[None]:
    """What a campaign has not sent by the end would reach the carriers of the tests that come after."""
    yield
    with stack.sessions.begin() as session:
        for campaign in campaigns.newest(session):
            campaigns.cancel(session, campaign.id)


@pytest.mark.usefixtures("nothing_runs_on")
def test_a_code_overtakes_a_campaign_that_runs(stack: Stack) -> None:
    client, phones, mine = stack.client(), [new_phone() for _ in range(ROWS)], new_phone()
    batch_id = send(client, phones, pace=200)
    until(lambda: status(client, batch_id)["delivered"], 60)
    client.code(mine)
    assert status(client, batch_id)["waiting"] > 0
    single = client.send(new_phone()).json()["messageId"]
    until(lambda: client.get(f"/messages/{single}").json()["status"] == "delivered", 30)
    assert status(client, batch_id)["waiting"] > 0
    stack.kill("web")  # its callers repeat themselves and make no second batch
    stack.start("web")
    stack.wait_ready()
    assert send(client, phones, pace=200) == batch_id
