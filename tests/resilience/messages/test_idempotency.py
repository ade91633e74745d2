"""Web workers are killed while callers repeat their calls under the same Idempotency-Key."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, until

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("healed")]
CALLERS = 4
KILLS = 4
BETWEEN_KILLS = 8  # answers


def insist(client: Client, phone: str) -> str:
    """Repeat a call until it is answered; return the message's id."""
    name, body = str(uuid.uuid4()), {"phoneNumber": phone, "message": "Bonjour"}
    for _ in range(200):
        with suppress(httpx.TransportError):
            headers = {"Idempotency-Key": name}
            answer = client.stack.call("POST", "/messages/send", key=client.key, json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            return str(answer.json()["messageId"])
        time.sleep(0.05)
    raise AssertionError("there was no answer")


def test_killed_web_workers_leave_one_message_for_each_name(stack: Stack) -> None:
    client, over = stack.client(), threading.Event()
    answered: dict[str, str] = {}

    def flow() -> None:
        while not over.is_set():
            phone = new_phone()
            answered[phone] = insist(client, phone)
            over.wait(0.02)

    with ThreadPoolExecutor(CALLERS) as pool:
        flows = [pool.submit(flow) for _ in range(CALLERS)]
        for _ in range(KILLS):
            enough = len(answered) + BETWEEN_KILLS
            until(lambda enough=enough: len(answered) >= enough, 30)  # type: ignore[misc]
            os.kill(until(stack.web_workers, 30)[0], signal.SIGKILL)
        over.set()
        for done in flows:
            done.result(60)
    until(lambda: all(stack.copies(answered).values()), 60, lambda: "an accepted text did not arrive")
    for phone, message_id in answered.items():
        assert [text.message_uuid for text in stack.inbox(phone)] == [message_id]
