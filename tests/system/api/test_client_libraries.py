"""The client libraries against a gateway: every call that the description names, in each language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from dashboard.dev.clients.description import Description
from dashboard.vocabulary import Scope
from tests.support.client_libraries import LANGUAGES, Failed, Library, opened
from tests.support.phones import new_phone
from tests.support.stack import Stack, digits, other_than, until
from tests.support.webhook_receiver import Receiver


@pytest.fixture(params=LANGUAGES)
def library(request: pytest.FixtureRequest) -> Iterator[Library]:
    with opened(request.param) as found:
        yield found


@dataclass
class Caller:
    """A developer with address and key alone. `called` are the calls that were made."""

    stack: Stack
    language: Library
    key: str
    called: set[str] = field(default_factory=set)

    def call(self, name: str, /, *path: str, **given: Any) -> Any:
        self.called.add(name)
        client = {"address": f"http://127.0.0.1:{self.stack.port}", "key": self.key}
        return self.language.call(client, name, *path, **given)

    def failed(self, name: str, /, *path: str, **given: Any) -> Failed:
        with pytest.raises(Failed) as caught:
            self.call(name, *path, **given)
        return caught.value

    def same(self, path: str, name: str, /, *parts: str, **given: Any) -> Any:
        """What a call that reads answers, held against the answer itself."""
        answer = self.call(name, *parts, **given)
        assert _told(answer) == _told(self.stack.call("GET", path, key=self.key).json()), name
        return answer


def _told(value: Any) -> Any:
    """Without what is null: objects of a language have all fields."""
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items() if one is not None}
    return [_told(one) for one in value] if isinstance(value, list) else value


def test_every_call_works_with_address_and_key_alone(
    sqlite_stack: Stack, library: Library, receiver: Receiver, path: str
) -> None:
    caller = Caller(sqlite_stack, library, sqlite_stack.client("test", scopes=tuple(Scope)).key)
    for name in ("alarm", "healthz", "me", "readyz"):
        caller.same(f"/{name}", name)
    texts(caller)
    codes(caller)
    campaigns(caller)
    webhooks(caller, receiver.url(path))
    described = Description(sqlite_stack.call("GET", "/openapi.json").json())
    assert {call.name for call in described.calls} == caller.called


def texts(caller: Caller) -> None:
    phone, another = new_phone(), new_phone()
    ids = [
        caller.call(name, phoneNumber=phone, message="Été")["messageId"] for name in ("sendMessage", "sendMessageV2")
    ]
    assert [caller.stack.arrived(phone, one).text for one in ids] == ["Été", "Été"]
    rows = [{"phoneNumber": another, "message": "Bonjour"}, {"phoneNumber": "12345678", "message": "Bonjour"}]
    good, bad = caller.call("sendBatch", messages=rows)["results"]
    assert caller.stack.arrived(another, good["messageId"]).text == "Bonjour"
    assert bad["errors"][0]["code"] == "phone_prefix"
    page = caller.same(f"/messages?phoneNumber={another[1:]}", "listMessages", phoneNumber=another)
    assert [one["messageId"] for one in page["messages"]] == [good["messageId"]]
    assert caller.call("listMessages", direction="in")["messages"] == []
    until(lambda: caller.call("followMessage", good["messageId"])["status"] == "delivered", 15)
    caller.same(f"/messages/{good['messageId']}", "followMessage", good["messageId"])
    inbox = caller.same(f"/sandbox/inbox?phoneNumber={another[1:]}", "readInbox", phoneNumber=another)
    assert [one["text"] for one in inbox["messages"]] == ["Bonjour"]
    error = caller.failed("sendMessage", phoneNumber="12345678", message="Bonjour")
    assert (error.code, error.told["status"], error.told["errors"][0]["path"]) == ("phone_prefix", 400, ["phoneNumber"])
    assert error.told["requestId"]
    once = {"phoneNumber": phone, "message": "Once", "idempotencyKey": f"once-{phone}"}
    assert caller.call("sendMessage", **once) == caller.call("sendMessage", **once)


def codes(caller: Caller) -> None:
    for send, verify in (("sendOtp", "verifyOtp"), ("sendOtpV2", "verifyOtpV2")):
        phone = new_phone()
        sent = caller.call(send, phoneNumber=phone, language="ar")
        code = digits(caller.stack.arrived(phone, sent["messageId"]).text)
        error = caller.failed(verify, phoneNumber=phone, otp=other_than(code))
        assert (error.code, error.told["status"], error.told["retriesLeft"]) == ("invalid_otp", 400, 2)
        assert caller.call(verify, phoneNumber=phone, otp=code)["verified"] is True
        assert caller.failed(verify, phoneNumber=phone, otp=code).code == "otp_used"


def campaigns(caller: Caller) -> None:
    rows = [{"phone": new_phone(), "message": "Fermé"}, {"phone": "1", "message": "Fermé"}]
    taken = caller.call("sendBulk", recipients=rows, name="Fermeture", urgent=True)
    assert (taken["totalValid"], taken["totalInvalid"], taken["invalidRecipients"][0]["phone"]) == (1, 1, "1")
    followed = caller.call("followBulk", taken["batchId"])
    assert (followed["name"], followed["totalValid"], followed["estimatedCost"]) == ("Fermeture", 1, 0)
    assert caller.failed("sendBulk", recipients=rows[1:]).told["body"]["invalidRecipients"][0]["phone"] == "1"


def webhooks(caller: Caller, url: str) -> None:
    made = caller.call("createWebhook", url=url, events=["otp.verified"], description="Shop")
    name = made["webhookId"]
    assert made["secret"].startswith("whsec_")
    assert caller.call("changeWebhook", name, description="Orders")["description"] == "Orders"
    event = caller.call("testWebhook", name)["eventId"]
    until(lambda: caller.call("listAttempts", name, limit=5)["attempts"], 15)
    page = caller.same(f"/webhooks/{name}/attempts?limit=5", "listAttempts", name, limit=5)
    assert [one["eventId"] for one in page["attempts"]] == [event]
    caller.same(f"/webhooks/{name}", "showWebhook", name)
    caller.same("/webhooks", "listWebhooks")
    assert caller.call("replayEvents", name, eventId=event)["success"] is True
    assert caller.call("rotateSecret", name)["secret"] != made["secret"]
    assert caller.call("deleteWebhook", name)["success"] is True
    assert caller.failed("showWebhook", name).code == "webhook_not_found"


def test_a_key_that_the_gateway_does_not_know_is_told(sqlite_stack: Stack, library: Library) -> None:
    error = Caller(sqlite_stack, library, "cq_live_unknown").failed("me")
    assert (error.code, error.told["status"], error.told["text"]) == (
        "invalid_api_key",
        403,
        "Invalid API key (invalid_api_key)",
    )
