"""A proxy before the gateway tells one lie; chinqit contract-test must notice it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from dashboard.contract_test import registry, runner
from dashboard.vocabulary import Scope
from tests.support.door_callers import open_doors
from tests.support.lies import LIES, TEXT, WRONG, Answer, Lie
from tests.support.phones import new_phone
from tests.support.stack import Stack

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)

ALL = tuple(rule.name for rule in registry.RULES)
HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Liar:
    """Passes calls on, and lies about each answer."""

    def __init__(self, url: str) -> None:
        self.lie: Lie = lambda answer: None
        liar, self.http = self, httpx.Client(base_url=url, verify=False)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                passed = {name: text for name, text in self.headers.items() if name.lower() not in (*HOP, "host")}
                got = liar.http.request(self.command, self.path, content=sent, headers=passed)
                headers = {name: text for name, text in got.headers.items() if name not in HOP}
                answer = Answer(self.command, self.path, got.status_code, sent, headers, got.json())
                liar.lie(answer)
                body = json.dumps(answer.body).encode() + answer.garbage
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
        validation, hook, secret = open_doors(stack.sessions, stack.settings, key)
        plan = runner.TestPlan(
            liar.url,
            key,
            new_phone(),
            new_phone(),
            sandbox=True,
            other_key=other,
            validation=validation,
            hook=hook,
            hook_secret=secret,
        )
        return [result for result in runner.run(plan, rules) if result.result == "failed"]

    return tell


def test_a_proxy_that_tells_the_truth_breaks_no_rule(broken: Callable[..., list[runner.RuleResult]]) -> None:
    assert broken(lambda answer: None) == []


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_noticed(broken: Callable[..., list[runner.RuleResult]], name: str) -> None:
    rules, lie = LIES[name]
    assert rules[-1] in [result.rule for result in broken(lie(), rules)]


@pytest.mark.parametrize("place", ["a note", "a preview"])
def test_a_code_in_the_state_of_a_message_is_noticed(
    broken: Callable[..., list[runner.RuleResult]], stack: Stack, place: str
) -> None:
    def show_the_code(answer: Answer) -> None:
        if "statusHistory" in answer.body and answer.body["kind"] == "otp":
            texts = stack.inbox(answer.body["phoneNumber"])
            codes = {text.message_uuid: runner.SIX_DIGITS.findall(text.text)[0] for text in texts}
            told = {"note": f"code {codes[answer.body['messageId']]}"}
            answer.body |= {"statusHistory": [told]} if place == "a note" else {"preview": told["note"]}

    rules = (WRONG, "no code is told by the message that bears it, and a verified one has arrived")
    assert [result.detail for result in broken(show_the_code, rules)] == ["the code stands in the answer"]


def test_a_message_of_another_key_that_is_told_from_none_is_noticed(
    broken: Callable[..., list[runner.RuleResult]],
) -> None:
    seen: set[str] = set()

    def tell_that_it_is_there(answer: Answer) -> None:
        if answer.status == 200 and "messageId" in answer.body:
            seen.add(f"/messages/{answer.body['messageId']}")
        elif answer.status == 404 and answer.path in seen:
            answer.body["message"] = "This message is not yours"

    rule = "the message of another key is 404, told as one that never was"
    assert [result.rule for result in broken(tell_that_it_is_there, (TEXT, rule))] == [rule]
