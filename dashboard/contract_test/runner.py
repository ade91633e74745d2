"""Hold a server to rules over HTTP: the server, a rule, what a rule says of an answer."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

TEXTS = 8
CODES = 3
ARRIVES_SECONDS = 20.0
TIMEOUT_SECONDS = 20.0
EXHAUSTED = "Maximum verification attempts exceeded"
SIX_DIGITS = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
PATHS = {  # of the reference → as the second generation of the hosted service names it
    "/messages/send": "/api/v2/notify",
    "/otp/send": "/api/v2/code",
    "/otp/verify": "/api/v2/check",
}
Answer = httpx.Response
Check = Callable[["Server"], str | None]


class Broken(AssertionError):
    """The server does not keep the rule."""


class Skipped(Exception):
    """The rule cannot be tested here."""


@dataclass(frozen=True)
class TestPlan:
    """What is tested, and with which numbers."""

    url: str
    key: str
    phone: str
    code_phone: str
    sandbox: bool = False
    whatsapp: bool = False
    current: bool = False  # call the paths of the reference by their current names


@dataclass(frozen=True)
class RuleResult:
    """What came of a rule: `result` is ok, failed or skipped."""

    rule: str
    result: str
    detail: str


@dataclass(frozen=True)
class ContractRule:
    """`beyond` is for those that the reference does not have."""

    name: str
    check: Check
    beyond: bool = False


@dataclass
class Server:
    """The server under test, and what earlier rules learnt about it."""

    plan: TestPlan
    http: httpx.Client
    message_id: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = "", **headers: str) -> Answer:
        """Ask with the key of the plan, or with another, or with none; `body` is bytes, or becomes JSON."""
        named = {"Content-Type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        if key is not None:
            named["X-API-Key"] = key or self.plan.key
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path = PATHS.get(path, path) if self.plan.current else path
        return self.http.request(method, path, content=content, headers=named)

    def post(self, path: str, body: Any = None, *, key: str | None = "", **headers: str) -> Answer:
        return self.call("POST", path, body, key=key, **headers)

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def text(self, phone: str | None = None, **headers: str) -> Answer:
        return self.post("/messages/send", {"phoneNumber": phone or self.plan.phone, "message": "Test"}, **headers)

    def verify(self, otp: Any) -> Answer:
        return self.post("/otp/verify", {"phoneNumber": self.plan.code_phone, "otp": otp})

    def send_first_code(self) -> Answer:
        """Under one name, so that it may be asked for again; a server without Idempotency-Key ignores that."""
        name = self.seen.setdefault("name of the first code", f"contract-test {uuid.uuid4()}")
        body = {"phoneNumber": self.plan.code_phone, "hash": "ABC123XYZ45"}
        return self.post("/otp/send", body, Idempotency_Key=name)

    @property
    def extended(self) -> bool:
        """Whether it has what goes beyond the reference."""
        if "extended" not in self.seen:
            self.seen["extended"] = self.get("/me").status_code == 200
        return bool(self.seen["extended"])


def run(plan: TestPlan, rules: Sequence[ContractRule]) -> list[RuleResult]:
    """Hold the server to the rules, in order: later ones build on what earlier ones sent."""
    with httpx.Client(base_url=plan.url, timeout=TIMEOUT_SECONDS) as http:
        server = Server(plan, http)
        return [_finding(server, rule) for rule in rules]


def _finding(server: Server, rule: ContractRule) -> RuleResult:
    name = rule.name
    try:
        if rule.beyond and not server.extended:
            raise Skipped("this server has no GET /me: it has the reference alone")
        return RuleResult(name, "ok", rule.check(server) or "")
    except Skipped as reason:
        return RuleResult(name, "skipped", str(reason))
    except Broken as fault:
        return RuleResult(name, "failed", str(fault))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        return RuleResult(name, "failed", f"the answer has another form: {type(error).__name__} {error}")
    except httpx.HTTPError as error:
        return RuleResult(name, "failed", f"no answer: {type(error).__name__}")


def rule(rules: list[ContractRule], name: str, *, beyond: bool = False) -> Callable[[Check], Check]:
    """Put the decorated check on a list of rules."""

    def add(check: Check) -> Check:
        rules.append(ContractRule(name, check, beyond))
        return check

    return add


# What answers must be


def expect(answer: Answer, status: int) -> dict[str, Any]:
    """The body, once the status is the right one."""
    if answer.status_code != status:
        raise Broken(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} instead of {status}")
    try:
        body: dict[str, Any] = answer.json()
    except ValueError:
        raise Broken(f"{answer.request.url.path}: the body is not JSON") from None
    if not isinstance(body, dict):
        raise Broken(f"{answer.request.url.path}: the body is not an object")
    return body


def exactly(answer: Answer, status: int, wanted: dict[str, Any]) -> None:
    body = expect(answer, status)
    if body != wanted:
        raise Broken(f"the body is {body}, not {wanted}")


def keys_are(body: dict[str, Any], *names: str) -> None:
    if set(body) != set(names):
        raise Broken(f"the body has {sorted(body)}, not {sorted(names)}")


def refusal(answer: Answer, status: int) -> list[dict[str, Any]]:
    """The `errors` of an answer in the common shape."""
    body = expect(answer, status)
    if body.get("success") is not False or not isinstance(body.get("message"), str):
        raise Broken(f"{status} without success false and a message")
    if not isinstance(body.get("errors"), list):
        raise Broken(f"{status} without a list of errors")
    return list(body["errors"])


def is_uuid4(value: Any) -> None:
    try:
        fits = str(uuid.UUID(value, version=4)) == value
    except (ValueError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise Broken("messageId is not a version 4 UUID")


def equal(found: Any, wanted: Any, what: str) -> None:
    if found != wanted:
        raise Broken(f"{what}: {found!r} instead of {wanted!r}")
