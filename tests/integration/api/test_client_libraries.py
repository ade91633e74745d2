"""The client libraries, each in its language: what they send again, what they make of a refusal, whom they believe."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from dashboard.db import utcnow
from dashboard.gateway.webhooks import signing
from tests.support.client_libraries import LANGUAGES, Failed, Library, opened
from tests.support.webhook_receiver import Answer, Got, Receiver

QUEUED = {"success": True, "messageId": "c1faed86-1216-4a88-9784-9e3ad774d0d7", "queued": True}
TEXT = {"phoneNumber": "+22238089336", "message": "Été à 100 % — 'q' \"Q\" \\ €"}
TAKEN = Answer(body=json.dumps(QUEUED).encode())
EVENT = '{"type": "otp.verified", "data": {"phoneNumber": "+22238089336", "note": "été"}}'


@pytest.fixture(scope="module", params=LANGUAGES)
def library(request: pytest.FixtureRequest) -> Iterator[Library]:
    with opened(request.param) as found:
        yield found


class Gateway:
    """A gateway that answers as it is told, one answer a call."""

    def __init__(self, receiver: Receiver, base: str) -> None:
        self.receiver, self.base = receiver, base
        self.client: dict[str, Any] = {"address": receiver.url(base) + "/", "key": " cq_test_key\n"}

    def answers(self, path: str, *answers: Answer) -> Callable[[], list[Got]]:
        """Answer calls of a path in turn; return what looks up the calls that came."""
        waiting = list(answers)
        self.receiver.answers[self.base + path] = lambda _got: waiting.pop(0)
        return lambda: self.receiver.got(self.base + path)


@pytest.fixture
def gateway(receiver: Receiver, path: str) -> Gateway:
    return Gateway(receiver, path)


def refusal(status: int, retry_after: object = None, **body: Any) -> Answer:
    headers = {"X-Request-Id": "order-42"} | ({} if retry_after is None else {"Retry-After": str(retry_after)})
    return Answer(status, headers, json.dumps({"success": False, "message": "Refused", **body}).encode())


def failed(library: Library, gateway: Gateway, name: str, /, *path: str, **given: Any) -> Failed:
    with pytest.raises(Failed) as caught:
        library.call(gateway.client, name, *path, **given)
    return caught.value


@pytest.mark.parametrize(
    "trouble",
    [refusal(429, 0), refusal(500, 0), refusal(503, 0), Answer(hangs_up=True)],
    ids=["429", "500", "503", "hangs up"],
)
def test_a_call_that_makes_something_is_repeated_under_one_name(
    library: Library, gateway: Gateway, trouble: Answer
) -> None:
    came = gateway.answers("/messages/send", trouble, TAKEN)
    assert library.call(gateway.client, "sendMessage", **TEXT) == QUEUED
    first, second = came()
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] != ""
    assert (json.loads(first.body), first.body) == (TEXT, second.body)
    assert (first.headers["x-api-key"], first.headers["content-type"]) == ("cq_test_key", "application/json")
    assert first.headers["user-agent"].startswith("chinqit-")


def test_two_calls_have_two_names_and_one_may_be_given(library: Library, gateway: Gateway) -> None:
    came = gateway.answers("/messages/send", TAKEN, TAKEN, TAKEN)
    for more in ({}, {}, {"idempotencyKey": "order-42"}):
        library.call(gateway.client, "sendMessage", **TEXT, **more)
    names = [got.headers["idempotency-key"] for got in came()]
    assert len(set(names)) == 3 and names[2] == "order-42"


def test_it_gives_up_after_the_third_try(library: Library, gateway: Gateway) -> None:
    came = gateway.answers("/messages/send", *[refusal(503, 0)] * 4)
    assert failed(library, gateway, "sendMessage", **TEXT).told["status"] == 503
    assert len(came()) == 3


@pytest.mark.parametrize(
    "answer",
    [refusal(429, 41), refusal(429), refusal(503), refusal(500), refusal(502, 0), refusal(400)],
    ids=lambda answer: f"{answer.status} {answer.headers.get('Retry-After')}",
)
def test_what_waiting_does_not_help_is_told_at_once(library: Library, gateway: Gateway, answer: Answer) -> None:
    came = gateway.answers("/messages/send", answer, TAKEN)
    told = failed(library, gateway, "sendMessage", **TEXT).told
    wait = answer.headers.get("Retry-After")
    assert (told["status"], told["retryAfter"]) == (answer.status, None if wait is None else int(wait))
    assert len(came()) == 1


@pytest.mark.parametrize("trouble", [Answer(hangs_up=True), refusal(503, 0)], ids=["hangs up", "503"])
def test_a_call_that_bears_no_name_is_not_repeated(library: Library, gateway: Gateway, trouble: Answer) -> None:
    came = gateway.answers("/webhooks/w/rotate", trouble, TAKEN)
    failed(library, gateway, "rotateSecret", "w")
    assert len(came()) == 1


def test_nobody_there_is_a_failed_connection(library: Library, gateway: Gateway) -> None:
    gateway.client |= {"address": "http://127.0.0.1:9", "retries": 0}
    told = failed(library, gateway, "me").told
    assert (told["code"], told["status"], told["requestId"]) == ("connection_failed", 0, None)


def test_a_gateway_that_does_not_answer_in_time_is_given_up(library: Library, gateway: Gateway) -> None:
    gateway.client |= {"timeout": 0.2, "retries": 0}
    gateway.answers("/me", Answer(seconds=3))
    began = time.monotonic()
    assert failed(library, gateway, "me").code == "timeout"
    assert time.monotonic() - began < 3


def test_an_error_bears_all_that_the_answer_says(library: Library, gateway: Gateway) -> None:
    problem = {"path": ["phoneNumber"], "message": "Too many", "code": "rate_limited", "window": "hour", "limit": 10}
    gateway.answers("/otp/send", refusal(429, errors=[problem | {"retryAfter": 1_380}]))
    told = failed(library, gateway, "sendOtp", phoneNumber="+22238089336").told
    assert told | {"code": "rate_limited", "status": 429, "requestId": "order-42", "retryAfter": 1_380} == told
    (error,) = told["errors"]
    assert error | problem == error
    assert told["text"] == "Refused; phoneNumber: Too many (rate_limited)"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusal(401), "api_key_is_required"),
        (refusal(403), "invalid_api_key"),
        (refusal(400, retriesLeft=2), "invalid_otp"),
        (refusal(404, errors=[]), "http_404"),
        (Answer(502, body=b"<h1>Bad Gateway</h1>"), "http_502"),
        (Answer(404, body=b'{"detail": "Not Found"}'), "http_404"),
        (Answer(308, {"Location": "https://sms.example.mr/otp/verify"}), "http_308"),
        (Answer(200, body=b"<h1>Welcome</h1>"), "unexpected_answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_without_a_code_has_one_all_the_same(
    library: Library, gateway: Gateway, answer: Answer, code: str
) -> None:
    gateway.answers("/otp/verify", answer)
    error = failed(library, gateway, "verifyOtp", phoneNumber="+22238089336", otp="123456")
    assert (error.code, error.told["status"]) == (code, answer.status)
    assert error.told["retriesLeft"] == (2 if code == "invalid_otp" else None)


def test_what_is_left_out_is_not_sent_and_addresses_are_quoted(
    library: Library, gateway: Gateway, receiver: Receiver
) -> None:
    receiver.answers[f"{gateway.base}/messages/a%2Fb%3F"] = Answer(404)
    failed(library, gateway, "followMessage", "a/b?")
    page = Answer(body=b'{"success": true, "messages": [], "next": null}')
    path = "/messages?limit=5&phoneNumber=%2B22238089336"
    came = gateway.answers(path, page)
    assert library.call(gateway.client, "listMessages", limit=5, phoneNumber="+22238089336")["messages"] == []
    assert len(came()) == 1


# Webhooks


@pytest.fixture(scope="module")
def secret() -> str:
    return signing.new_secret()


def signed(*secrets: str, seconds: int = 0) -> dict[str, str]:
    sent = signing.headers(secrets, "evt_1", EVENT.encode(), utcnow() + timedelta(seconds=seconds))
    return {name.title(): value for name, value in sent.items()}


def test_a_genuine_webhook_is_believed_and_read(library: Library, secret: str) -> None:
    assert library.verify(secret, signed(secret), EVENT) == json.loads(EVENT)


def test_one_right_signature_is_enough_while_secrets_are_rotated(library: Library, secret: str) -> None:
    another = signing.new_secret()
    for known, sent in ((secret, signed(another, secret)), ([another, secret], signed(secret))):
        assert library.verify(known, sent, EVENT) == json.loads(EVENT)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Webhook-Signature": ""}, "webhook_signature"),
        ({"Webhook-Signature": "v1,AAAA v1, v1a,x"}, "webhook_signature"),
        ({"Webhook-Id": "evt_2"}, "webhook_signature"),
        ({"Webhook-Timestamp": "soon"}, "webhook_signature"),
        ({"body": EVENT.replace("otp", "OTP")}, "webhook_signature"),
        ({"seconds": -400}, "webhook_time"),
        ({"seconds": 400}, "webhook_time"),
        ({"secret": "another"}, "webhook_signature"),
    ],
    ids=str,
)
def test_a_webhook_that_is_not_genuine_is_refused(
    library: Library, secret: str, change: dict[str, Any], code: str
) -> None:
    headers = signed(signing.new_secret() if "secret" in change else secret, seconds=change.get("seconds", 0))
    headers |= {name: value for name, value in change.items() if name in headers}
    with pytest.raises(Failed) as caught:
        library.verify(secret, headers, change.get("body", EVENT))
    assert caught.value.code == code


def test_a_call_without_the_headers_is_refused(library: Library, secret: str) -> None:
    with pytest.raises(Failed) as caught:
        library.verify(secret, {"Content-Type": "application/json"}, EVENT)
    assert caught.value.code == "webhook_signature"
