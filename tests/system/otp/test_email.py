"""Codes by e-mail through every process, from the API to a mailbox and back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dashboard.gateway.carriers import carriers
from tests.support import mail_server
from tests.support.api_client import ApiClient
from tests.support.mail_server import Postbox
from tests.support.stack import Stack, until

ADDRESS = "aminata@example.mr"


@pytest.fixture
def postbox(stack: Stack) -> Iterator[Postbox]:
    """A mailbox that the gateway sends to, and the worker that does."""
    box = carriers.cipher(stack.settings)
    with mail_server.running() as running:
        values = {"host": "127.0.0.1", "port": str(running.port), "security": "none", "sender": "codes@example.mr"}
        with stack.sessions.begin() as session:
            carriers.add(session, box, carriers.NewCarrier("email", "mail", values))
        stack.start("email")
        yield running
        stack.stop("email")
        with stack.sessions.begin() as session:
            carriers.remove(session, carriers.find(session, "mail"))


def test_a_code_by_mail_is_sent_followed_verified_and_limited(
    stack: Stack, client: ApiClient, postbox: Postbox
) -> None:
    by_mail = {"channel": "email", "email": "Aminata@Example.MR"}
    sent = client.post("/otp/send", **by_mail, language="ar")
    assert sent.status_code == 200, sent.text
    until(lambda: len(postbox.messages) == 1, 20)
    (mail,) = postbox.messages
    assert (mail["To"], mail["Content-Language"]) == (ADDRESS, "ar")
    code = re.findall(r"\b[0-9]{6}\b", postbox.texts[0])[0]
    followed = client.get(f"/messages/{sent.json()['messageId']}").json()
    assert (followed["channel"], followed["email"], followed["phoneNumber"]) == ("email", ADDRESS, None)
    assert client.post("/otp/verify", **by_mail, otp=code).status_code == 200
    assert client.post("/otp/verify", **by_mail, otp=code).status_code == 404
    for _ in range(2):
        assert client.post("/api/v2/code", **by_mail).status_code == 200
    full = client.post("/otp/send", **by_mail)
    assert (full.status_code, full.json()["errors"][0]["path"]) == (429, ["email"])
    listed = client.get(f"/messages?email={ADDRESS}").json()["messages"]
    assert {one["email"] for one in listed} == {ADDRESS}
    assert stack.printed().count(code) == 0
