"""A developer's first hour: over HTTP alone, against the whole gateway, in the order in which the docs tell it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from dashboard.gateway.accounts import users
from dashboard.models.accounts import User, UserSession
from dashboard.pages.docs.views import CODE
from dashboard.providers import sandbox
from dashboard.vocabulary import Scope
from tests.support.app_certificates import SHOP
from tests.support.error_shape import refused
from tests.support.phones import new_phone
from tests.support.stack import Client, Stack, other_than, until
from tests.support.webhook_receiver import Got, Receiver

EMAIL, PASSWORD = "first.hour@example.org", "Thé vert à 6 heures"
POLICY = '"minute";q=3;w=60, "hour";q=10;w=3600, "day";q=20;w=86400'


@dataclass(frozen=True)
class Desk:
    """The dashboard in a browser without JavaScript, signed in through its form."""

    http: httpx.Client

    def read(self, path: str, **query: str) -> str:
        answer = self.http.get(path, params=query or None)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def press(self, path: str, **fields: str) -> None:
        """Send a form with the token that a page bears."""
        answer = self.send(path, fields)
        assert answer.status_code == 303, f"{path}: {answer.status_code}"

    def send(self, path: str, fields: dict[str, str]) -> httpx.Response:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.read("/docs/en/"))
        assert token
        return self.http.post(path, data={"csrf_token": token[1], **fields})


@pytest.fixture
def desk(stack: Stack) -> Iterator[Desk]:
    with stack.sessions.begin() as session:
        person = users.add(session, users.NewPerson(EMAIL, "owner", PASSWORD))
        session.flush()
        person_id = person.id
    with httpx.Client(base_url=stack.http.base_url, headers={"Accept-Language": "en"}, timeout=20) as http:
        found = Desk(http)
        found.press("/dashboard/sign-in", email=EMAIL, password=PASSWORD)
        yield found
    with stack.sessions.begin() as session:
        session.execute(delete(UserSession).where(UserSession.user_id == person_id))
        session.execute(delete(User).where(User.id == person_id))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def follow(developer: Client, message_id: str, wanted: str) -> dict[str, Any]:
    """Ask for the message until it has come so far."""

    def asked() -> dict[str, Any] | None:
        answer = developer.stack.call("GET", f"/messages/{message_id}", key=developer.key)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told if told["status"] == wanted else None

    return until(asked, 15, lambda: f"{message_id} did not become {wanted}") or {}


def told_of(receiver: Receiver, count: int) -> list[Got]:
    def whole() -> list[Got] | None:
        got = receiver.got("/hook")
        return got if len(got) >= count else None

    return until(whole, 15, lambda: f"{receiver.ledger}")


def test_the_first_hour_of_a_developer(stack: Stack, desk: Desk, receiver: Receiver, phone: str) -> None:
    developer = stack.client("test", scopes=tuple(Scope))

    me = stack.call("GET", "/me", key=developer.key).json()
    assert (me["mode"], me["limits"]) == ("test", {"minute": 3, "hour": 10, "day": 20})

    docs = stack.http.get("/docs/", headers={"Accept-Language": "fr"}, follow_redirects=True)
    assert docs.url.path == "/docs/fr/"
    assert f"{stack.settings.address}/messages/send" in docs.text

    sent = developer.send(phone, "Votre commande est prête.").json()
    assert (sent["success"], sent["queued"]) == (True, True)
    arrived = follow(developer, sent["messageId"], "delivered")
    states = [step["status"] for step in arrived["statusHistory"]]
    assert (states[0], states[-2:]) == ("queued", ["sent", "delivered"])

    asked = developer.otp(phone, language="fr", hash="FA+9qCX9VSu")
    assert asked.json()["expiresIn"] == 600
    assert asked.headers["RateLimit-Policy"] == POLICY
    assert re.fullmatch(r'"minute";r=2;t=\d+', asked.headers["RateLimit"])
    follow(developer, asked.json()["messageId"], "delivered")
    shown = re.findall(r'<code dir="ltr">([0-9]{6})</code>', desk.read("/dashboard/sandbox/", phone=phone))
    assert len(shown) == 1
    wrong = developer.verify(phone, other_than(shown[0]))
    assert (wrong.status_code, wrong.json()["retriesLeft"]) == (400, 2)
    assert developer.verify(phone, shown[0]).json()["verified"] is True
    refused(developer.verify(phone, shown[0]), 404, "otp_used")

    app = {"package": "mr.example.shop", "certificate": SHOP, "hash": "FA+9qCX9VSu"}
    doctor = desk.send("/docs/en/retriever", app).text
    assert "<code>EO9DzFw7x3R</code>" in doctor and "Your app sends another hash." in doctor
    assert "<code>FA+9qCX9VSu</code>" in doctor, "what this key really sends"

    deaf = new_phone()[:6] + sandbox.REFUSED
    refusal = developer.otp(deaf, channel="whatsapp")
    refused(refusal, 502, "provider_error")
    assert refusal.headers["RateLimit"].startswith('"minute";r=3'), "a refused code is not counted"
    fallen_back = developer.otp(deaf, channel="sms")
    assert (fallen_back.status_code, fallen_back.headers["RateLimit"][:13]) == (200, '"minute";r=2;')

    body, name = {"phoneNumber": phone, "message": "Une seule fois"}, {"Idempotency-Key": "order-42-ready"}
    first, again = (stack.call("POST", "/messages/send", key=developer.key, json=body, headers=name) for _ in range(2))
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    follow(developer, first.json()["messageId"], "delivered")
    assert [text.text for text in stack.inbox(phone)].count("Une seule fois") == 1

    made = developer.post("/webhooks", url=receiver.url("/hook")).json()
    page = f"/dashboard/webhooks/{made['webhookId']}"
    assert "Send test event" in desk.read(page)
    desk.press(f"{page}/test")
    [test] = told_of(receiver, 1)
    assert test.verify(made["secret"])["type"] == "webhook.test"
    until(lambda: test.id in desk.read(page), 10, lambda: "the attempt is not on the page")

    followed = developer.send(phone).json()["messageId"]
    events = [got.verify(made["secret"]) for got in told_of(receiver, 3)[1:]]
    assert [event["type"] for event in events] == ["message.sent", "message.delivered"]
    assert {event["data"]["messageId"] for event in events} == {followed}
    example = json.loads((CODE / "event.json").read_text())
    assert (set(events[1]), set(events[1]["data"])) == (set(example), set(example["data"])), "the docs show another"
