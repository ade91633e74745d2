"""A proxy before the gateway tells one lie; chinqit contract-test must notice it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from dashboard.contract_test import registry, runner
from dashboard.vocabulary import Scope
from tests.support.phones import new_phone
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

ALL = tuple(rule.name for rule in registry.RULES)
HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


@dataclass
class Answer:
    """What the gateway said; a lie changes it in place."""

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


Lie = Callable[[Answer], None]


class Liar:
    """Passes calls on, and lies about each answer."""

    def __init__(self, url: str) -> None:
        self.lie: Lie = lambda answer: None
        liar, self.http = self, httpx.Client(base_url=url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                passed = {name: text for name, text in self.headers.items() if name.lower() not in (*HOP, "host")}
                got = liar.http.request(self.command, self.path, content=sent, headers=passed)
                headers = {name: text for name, text in got.headers.items() if name not in HOP}
                answer = Answer(self.command, self.path, got.status_code, headers, got.json())
                liar.lie(answer)
                body = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, text in answer.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.http.close()


@pytest.fixture
def liar(stack: Stack) -> Iterator[Liar]:
    found = Liar(f"http://127.0.0.1:{stack.port}")
    yield found
    found.close()


@pytest.fixture
def broken(liar: Liar, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[runner.RuleResult]]:
    """Tells a lie and returns the rules that noticed it, of those that are named."""
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)

    def tell(lie: Lie, names: Collection[str] = ALL) -> list[runner.RuleResult]:
        liar.lie = lie
        rules = [rule for rule in registry.RULES if rule.name in names]
        key = stack.key("test", scopes=tuple(Scope))
        other = stack.key("test", scopes=tuple(Scope))
        plan = runner.TestPlan(liar.url, key, new_phone(), new_phone(), sandbox=True, other_key=other)
        return [result for result in runner.run(plan, rules) if result.result == "failed"]

    return tell


def html_for_refusals(answer: Answer) -> None:
    if answer.status == 401:
        answer.headers["content-type"] = "text/html"


def html_for_all(answer: Answer) -> None:
    answer.headers["content-type"] = "text/html; charset=utf-8"


def a_fraction(answer: Answer) -> None:
    if "expiresIn" in answer.body:
        answer.body["expiresIn"] = 600.0


def one_for_true(answer: Answer) -> None:
    if "queued" in answer.body:
        answer.body["queued"] = 1


def a_day_to_wait(answer: Answer) -> None:
    if answer.status == 429:
        answer.headers["retry-after"] = "100000"
        answer.body["errors"][0]["retryAfter"] = 100_000


def no_time_left(answer: Answer) -> None:
    if "ratelimit" in answer.headers:
        answer.headers["ratelimit"] = answer.headers["ratelimit"].partition("t=")[0] + "t=0"


def other_words_for_a_used_code(answer: Answer) -> None:
    if answer.status == 404 and answer.body["errors"] and answer.body["errors"][0]["code"] == "otp_used":
        answer.body["message"] = "This code was used"


def other_words_for_a_fault(answer: Answer) -> None:
    if answer.body.get("message") == "Validation failed":
        answer.body["message"] = "Bad request"


def errors_without_words(answer: Answer) -> None:
    for error in answer.body.get("errors", []):
        error.pop("message", None)


def no_words_for_the_limit(answer: Answer) -> None:
    if answer.status == 429:
        answer.body["message"] = ""


def no_segments(answer: Answer) -> None:
    if "statusHistory" in answer.body:
        del answer.body["segments"]


def batch_turned_round(answer: Answer) -> None:
    if answer.path == "/messages/batch" and answer.status == 200:
        answer.body["results"].reverse()


def batch_without_errors(answer: Answer) -> None:
    for result in answer.body.get("results", []):
        result.pop("errors", None)


def small_batches(answer: Answer) -> None:
    if answer.path == "/messages/batch" and answer.status == 200 and len(answer.body["results"]) > 50:
        answer.status, answer.body = 400, {"success": False, "message": "Validation failed", "errors": []}


def other_limits(answer: Answer) -> None:
    if answer.path == "/me" and answer.status == 200:
        answer.body["limits"]["day"] = 30


def old_openapi(answer: Answer) -> None:
    if answer.path == "/openapi.json":
        answer.body["openapi"] = "3.0.3"


def another_message_for_a_malformed_id(answer: Answer) -> None:
    if answer.path == "/messages/x":
        answer.body["message"] = "Malformed"


def no_allow(answer: Answer) -> None:
    answer.headers.pop("allow", None)


BATCH = "a batch is taken, and a bad message in it holds no other back"
# Which rule notices it: held alone, or with all others where it builds on what they sent.
ALONE: dict[Lie, str] = {
    html_for_refusals: "a call without a key is 401",
    html_for_all: "a text is taken: success, messageId, queued",
    a_fraction: "a code is sent: success, messageId, expiresIn 600",
    one_for_true: "a text is taken: success, messageId, queued",
    no_time_left: "a code that is taken tells the limits, and what is left of the tightest",
    other_words_for_a_fault: "a missing field is 400",
    errors_without_words: "a missing field is 400",
    batch_turned_round: BATCH,
    batch_without_errors: BATCH,
    small_batches: BATCH,
    other_limits: "GET /me tells name, mode, scopes, limits and caps",
    old_openapi: "/openapi.json describes every call",
    another_message_for_a_malformed_id: "an unknown or malformed id is 404, told alike",
    no_allow: "another method is 405",
}
WITH_ALL: dict[Lie, str] = {
    a_day_to_wait: "a 429 says which limit, and when to come back",
    other_words_for_a_used_code: "a right code is verified, once",
    no_words_for_the_limit: "the fourth code for a number in a minute is 429, in whatever form the number is",
    no_segments: "a message is followed by its id",
}


def test_a_proxy_that_tells_the_truth_breaks_no_rule(broken: Callable[..., list[runner.RuleResult]]) -> None:
    assert broken(lambda answer: None) == []


@pytest.mark.parametrize("lie", [*ALONE, *WITH_ALL], ids=lambda lie: lie.__name__)
def test_a_lie_is_noticed(broken: Callable[..., list[runner.RuleResult]], lie: Lie) -> None:
    rule = ALONE.get(lie) or WITH_ALL[lie]
    assert rule in [result.rule for result in broken(lie, (rule,) if lie in ALONE else ALL)]


def test_a_code_in_the_state_of_a_message_is_noticed(
    liar: Liar, broken: Callable[..., list[runner.RuleResult]], stack: Stack
) -> None:
    def show_the_code(answer: Answer) -> None:
        if "statusHistory" in answer.body and answer.body["kind"] == "otp":
            texts = stack.inbox(answer.body["phoneNumber"])
            codes = {text.message_uuid: runner.SIX_DIGITS.findall(text.text)[0] for text in texts}
            answer.body["statusHistory"][0]["note"] = f"code {codes[answer.body['messageId']]}"

    assert "the code stands in the answer" in [result.detail for result in broken(show_the_code)]


def test_a_message_of_another_key_that_is_told_from_none_is_noticed(
    broken: Callable[..., list[runner.RuleResult]],
) -> None:
    seen: set[str] = set()

    def tell_that_it_is_there(answer: Answer) -> None:
        if answer.status == 200 and "messageId" in answer.body:
            seen.add(f"/messages/{answer.body['messageId']}")
        elif answer.status == 404 and answer.path in seen:
            answer.body["message"] = "This message is not yours"

    assert [result.rule for result in broken(tell_that_it_is_there)] == [
        "the message of another key is 404, told as one that never was"
    ]
