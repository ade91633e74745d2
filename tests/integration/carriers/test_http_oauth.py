"""HTTP carriers that want a token by OAuth2, and those whose reports are signed JWTs. The carrier's ledger judges."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import parse_qs

import jwt
import pytest

from dashboard.outbound.errors import NotSent
from dashboard.providers.base import Outgoing, Provider
from dashboard.providers.delivery_reports import Callback, ReportListener
from dashboard.providers.registry import build
from dashboard.providers.settings import InvalidSettings
from tests.support.fake_carrier import Carrier, Wire, answers
from tests.support.outgoing import ID
from tests.support.present import present

SECRET = "a secret of the client"
JWT_SECRET = "a-signing-key-of-32-characters-or-more"


class Server:
    """Gives tokens at /token, and takes texts at /send with the newest one."""

    def __init__(self, ledger: Carrier, lifetime: Any = 3600) -> None:
        self.ledger, self.lifetime = ledger, lifetime
        self.given = 0
        ledger.plays(self.play)

    def play(self, wire: Wire) -> None:
        request = present(wire.request)
        if request.target == "/token":
            self.given += 1
            told = {"access_token": f"token-{self.given}", "expires_in": self.lifetime, "token_type": "Bearer"}
            return wire.answer(200, json.dumps(told).encode())
        is_good = request.headers["authorization"] == f"Bearer token-{self.given}"
        return wire.answer(200 if is_good else 401, b"token-1 is it")

    def targets(self) -> list[str]:
        return [request.target for request in self.ledger.ledger]


def settings(carrier: Carrier, **more: Any) -> dict[str, Any]:
    return {
        "url": f"{carrier.url}/send",
        "headers": "Authorization: Bearer {token}",
        "body": '{"to": "{phone}"}',
        "username": "client:1",
        "password": SECRET,
        "oauth_url": f"{carrier.url}/token",
        "allow_http": "on",
        "allow_private": "on",
    } | more


@pytest.fixture
def server(carrier: Carrier) -> Server:
    return Server(carrier)


@pytest.fixture
def provider(carrier: Carrier, server: Server) -> Iterator[Provider]:
    made = build("http", settings(carrier), "alpha")
    yield made
    made.close()


def test_one_token_serves_until_it_ends(provider: Provider, server: Server, outgoing: Callable[..., Outgoing]) -> None:
    for _ in range(3):
        provider.send(outgoing())
    assert server.targets() == ["/token", "/send", "/send", "/send"]
    asked = server.ledger.ledger[0]
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"]}
    pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert pair == "client%3A1:a+secret+of+the+client"  # RFC 6749, 2.3.1


def test_a_token_that_is_refused_is_replaced_once(
    provider: Provider, server: Server, outgoing: Callable[..., Outgoing]
) -> None:
    provider.send(outgoing())
    server.given += 1  # as if another client had asked: the old one is void
    assert provider.send(outgoing()).reference == ID
    assert server.targets() == ["/token", "/send", "/send", "/token", "/send"]


def test_a_token_never_stands_in_an_answer_for_people(
    provider: Provider, server: Server, outgoing: Callable[..., Outgoing]
) -> None:
    assert provider.send(outgoing()).answer == "200 •••• is it"


def test_a_short_token_is_asked_for_again(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    server = Server(carrier, lifetime=0.2)
    made = build("http", settings(carrier))
    made.send(outgoing())
    time.sleep(0.11)
    made.send(outgoing())
    assert server.targets() == ["/token", "/send"] * 2
    made.close()


def test_scope_and_credentials_in_the_body(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    server = Server(carrier, lifetime="soon")
    made = build("http", settings(carrier, oauth_client="body", oauth_scope="sms.send"))
    made.send(outgoing())
    assert parse_qs(server.ledger.ledger[0].body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["sms.send"],
        "client_id": ["client:1"],
        "client_secret": [SECRET],
    }
    made.close()


@pytest.mark.parametrize(
    ("status", "body", "code", "configuration"),
    [
        (401, b"{}", "oauth_refused", True),
        (400, b'{"error": "invalid_client"}', "oauth_refused", True),
        (503, b"", "oauth_unavailable", False),
        (200, b"{}", "oauth_bad_answer", True),
        (200, b'{"access_token": "a\\u000db"}', "oauth_bad_answer", True),
        (200, b"<html>", "oauth_bad_answer", True),
    ],
)
def test_without_a_token_nothing_is_sent_and_why_is_said(
    provider: Provider,
    carrier: Carrier,
    outgoing: Callable[..., Outgoing],
    status: int,
    body: bytes,
    code: str,
    configuration: bool,
) -> None:
    carrier.plays(answers(status, body))
    for _ in range(2):  # the second text does not ask again at once
        with pytest.raises(NotSent) as fault:
            provider.send(outgoing())
        assert (fault.value.code, fault.value.configuration) == (code, configuration)
    assert [request.target for request in carrier.ledger] == ["/token"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"oauth_url": "ftp://x"}, "oauth_url"),
        ({"username": ""}, "username"),
        ({"password": ""}, "password"),
        ({"oauth_scope": 'a"b'}, "oauth_scope"),
    ],
)
def test_wrong_settings_are_refused_by_field(carrier: Carrier, changes: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("http", settings(carrier, **changes))
    assert [error.field for error in refusal.value.errors] == [field]


# Reports


REPORTS = {
    "callback_format": "json",
    "callback_reference": "id",
    "callback_state": "state",
    "callback_check": "jwt",
    "callback_field": "Authorization",
    "callback_secret": JWT_SECRET,
    "callback_answer": "ACK/Jasmin",
}


def report(provider: Provider, token: str) -> tuple[int, str, int]:
    """Status, answer, number of receipts."""
    callback = Callback("POST", {}, {"authorization": token}, b'{"id": "1", "state": "DELIVRD"}')
    reply = cast(ReportListener, provider).called_back(callback)
    return reply.status, reply.text, len(reply.receipts)


def test_a_report_with_a_signed_jwt_counts_and_others_do_not(carrier: Carrier) -> None:
    made, now = build("http", settings(carrier, **REPORTS)), int(time.time())
    good = jwt.encode({"exp": now + 60, "aud": "https://sms.example.mr"}, JWT_SECRET, "HS256")
    assert report(made, f"Bearer {good}") == (200, "ACK/Jasmin", 1)
    bad = [
        jwt.encode({"exp": now + 60}, "another-signing-key-of-32-characters", "HS256"),
        jwt.encode({"exp": now - 600}, JWT_SECRET, "HS256"),
        jwt.encode({"exp": now + 60}, "", "none"),
        *("", "é", "a.b.c", JWT_SECRET),
    ]
    for token in bad:
        assert report(made, f"Bearer {token}") == (403, "Forbidden", 0)
    made.close()


def test_a_secret_that_is_too_short_for_a_jwt_is_refused(carrier: Carrier) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        build("http", settings(carrier, **REPORTS | {"callback_secret": "x" * 31}))
    assert [error.code for error in refusal.value.errors] == ["short_jwt_secret"]
