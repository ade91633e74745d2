"""Secrets are rotated while the whole gateway runs: nothing is restarted, and nothing that was made before is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from dashboard.db import utcnow
from dashboard.models.otp import Otp
from tests.support.phones import new_phone
from tests.support.processes import Done, run_forked
from tests.support.stack import Client, Stack, digits, until


def rotate(stack: Stack, kind: str, folder: Path) -> Done:
    return run_forked(["chinqit", "secrets", "rotate", kind], stack.environment, folder)


def named_send(client: Client, phone: str) -> httpx.Response:
    body = {"phoneNumber": phone, "message": "Avant"}
    return client.stack.call("POST", "/messages/send", key=client.key, json=body, headers={"Idempotency-Key": "before"})


def test_codes_calls_and_texts_of_before_are_good_after_a_rotation(client: Client, tmp_path: Path) -> None:
    stack, phone, other = client.stack, new_phone(), new_phone()
    code = client.code(phone)
    sent = named_send(client, other)
    stack.arrived(other, sent.json()["messageId"])
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda kind: rotate(stack, kind, tmp_path), ["otp-secret", "data-secret", "secret-key"]))
    assert [each.returncode for each in done] == [0, 0, 0], done
    new = stack.settings.secrets("OTP_SECRET")[0]
    until(lambda: new.since is not None and utcnow() > new.since, 5)
    assert client.verify(phone, code).status_code == 200
    again = named_send(client, other)
    assert (again.status_code, again.json()["messageId"]) == (200, sent.json()["messageId"])
    assert [text.text for text in stack.inbox(other)] == ["Avant"]
    after = new_phone()
    answer = client.otp(after)
    assert client.verify(after, digits(stack.arrived(after, answer.json()["messageId"]).text)).status_code == 200
    with stack.sessions() as session:
        kids = list(session.scalars(select(Otp.kid).where(Otp.phone.in_([phone, after])).order_by(Otp.id)))
    assert (kids[0] != new.id, kids[1]) == (True, new.id)


pytestmark = pytest.mark.usefixtures("healed")
