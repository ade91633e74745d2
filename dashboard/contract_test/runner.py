"""Hold a server to rules over HTTP: the server, a rule, what a rule says of an answer."""

from __future__ import annotations

import functools
import json
import re
import ssl
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

TEXTS = 9
CODES = 3  # where the server does not say how many it allows
MOST_CODES = 10  # that are sent to reach a limit
WINDOWS = {"minute": 60, "hour": 3_600, "day": 86_400}  # seconds
USUAL = {"minute": 3, "hour": 10, "day": 20}  # of the reference, for servers that do not tell
ARRIVES_SECONDS = 20.0
TIMEOUT_SECONDS = 20.0
EXHAUSTED = "Maximum verification attempts exceeded"
POLICY = re.compile(r'"(?P<window>[a-z]+)";q=(?P<quota>[0-9]{1,9});w=(?P<seconds>[0-9]{1,9})')
SIX_DIGITS = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
PATHS = {  # of the reference → as the second generation of the hosted service names it
    "/messages/send": "/api/v2/notify",
    "/otp/send": "/api/v2/code",
    "/otp/verify": "/api/v2/check",
}
PRICED = ("parts", "encoding", "length", "pricePerMessage", "cost")  # of answers of that generation
Answer = httpx.Response
Check = Callable[["Server"], str | None]


class Broken(AssertionError):
    """The server does not keep the rule."""


class Skipped(Exception):
    """The rule cannot be tested here."""


class Unusable(Exception):
    """No rule can be tested: the message says why and what to do."""


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
    other_key: str | None = None  # a second key, to whom messages of the first are unknown
    is_given: bool = False  # the number for codes, which may then have limits of its own
    validation: str | None = None  # paths of the key's doors: of clients of Chinguisoft,
    hook: str | None = None  # and of Supabase
    hook_secret: str | None = field(default=None, repr=False)


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
    codes: dict[str, str] = field(default_factory=dict, repr=False)  # read from the sandbox phone, by message id
    sent: list[str] = field(default_factory=list)  # codes, by message id

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

    def get(self, path: str, *, key: str = "") -> Answer:
        return self.call("GET", path, key=key)

    def text(self, phone: str | None = None, **headers: str) -> Answer:
        return self.post("/messages/send", {"phoneNumber": phone or self.plan.phone, "message": "Test"}, **headers)

    def verify(self, otp: Any) -> Answer:
        return self.post("/otp/verify", {"phoneNumber": self.plan.code_phone, "otp": otp})

    def send_code(self, phone: str, **more: str) -> str:
        """One more code to the number for codes; return its id. Skip where the limits leave no room for it."""
        if len(self.sent) >= min([self.most_codes, *self.limits.values()]):
            raise Skipped(f"this server allows {len(self.sent)} codes to one number")
        self.sent.append(str(expect(self.post("/otp/send", {"phoneNumber": phone, **more}), 200)["messageId"]))
        return self.sent[-1]

    def send_first_code(self) -> Answer:
        """Under one name, so that it may be asked for again; a server without Idempotency-Key ignores that."""
        name = self.seen.setdefault("name of the first code", f"contract-test {uuid.uuid4()}")
        body = {"phoneNumber": self.plan.code_phone, "hash": "ABC123XYZ45"}
        return self.post("/otp/send", body, Idempotency_Key=name)

    @property
    def may_tell(self) -> Sequence[str]:
        """Keys that the answers to sends may have beside those of the reference."""
        return PRICED if self.plan.current else ()

    @property
    def extended(self) -> bool:
        """Whether it has what goes beyond the reference."""
        return self.me is not None

    @property
    def me(self) -> dict[str, Any] | None:
        """What GET /me says of the key; None where there is no such call."""
        if "me" not in self.seen:
            answer = self.get("/me")
            self.seen["me"] = expect(answer, 200) if answer.status_code == 200 else None
        me: dict[str, Any] | None = self.seen["me"]
        return me

    @property
    def limits(self) -> dict[str, int]:
        """How many codes the number for codes may have in a window, of the windows that have a limit.

        One that was given may have limits of its own: then the answer to its first code says them, by no header none.
        """
        first: Answer | None = self.seen.get("first answer")
        own = _policy(first) if self.plan.is_given and first is not None and first.status_code == 200 else None
        return own if own is not None and self.extended else self.key_limits

    @property
    def key_limits(self) -> dict[str, int]:
        """How many codes the key may send to a number, as GET /me says."""
        if self.me is None:
            return USUAL
        return {window: self.me["limits"][window] for window in WINDOWS if self.me["limits"][window] is not None}

    @property
    def most_codes(self) -> int:
        """How many codes a run sends: as many as the key may send to one number, if they are few."""
        most = min(self.key_limits.values(), default=CODES)
        return most if most <= MOST_CODES else CODES

    @property
    def tightest(self) -> list[str]:
        """The windows that refuse first."""
        return [window for window, quota in self.limits.items() if quota == min(self.limits.values())]

    def invalid(self, answer: Answer) -> list[dict[str, Any]]:
        """The `errors` of a 400 for what was sent; a server that has more than the reference names each fault."""
        errors = refusal(answer, 400)
        if self.extended:
            equal(answer.json()["message"], "Validation failed", "message")
            if not errors:
                raise Broken("400 without the rule that was broken")
        return errors


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The public authorities: to read them takes 20 ms, and a run asks twice."""
    return httpx.create_ssl_context()


def _client(plan: TestPlan) -> httpx.Client:
    return httpx.Client(base_url=plan.url, timeout=TIMEOUT_SECONDS, verify=_trusted())


def run(plan: TestPlan, rules: Sequence[ContractRule]) -> list[RuleResult]:
    """Hold the server to the rules, in order: later ones build on what earlier ones sent. Raise Unusable."""
    with _client(plan) as http:
        server = Server(plan, http)
        _prepare(server)
        return [_result(server, rule) for rule in rules]


def codes_to_send(plan: TestPlan) -> int:
    """How many codes a run sends at most; raise Unusable."""
    with _client(plan) as http:
        try:
            return Server(plan, http).most_codes
        except httpx.HTTPError as error:
            raise _nothing_answers(plan, error) from None
        except (Broken, ValueError, KeyError, TypeError):  # which the rule about GET /me names
            return CODES


def _policy(answer: Answer) -> dict[str, int] | None:
    """The limits that RateLimit-Policy tells, none without it; None when it cannot be read."""
    told = answer.headers.get("RateLimit-Policy")
    found = [POLICY.fullmatch(part.strip()) for part in told.split(",")] if told is not None else []
    if any(one is None or WINDOWS.get(one["window"]) != int(one["seconds"]) for one in found):
        return None
    return {one["window"]: int(one["quota"]) for one in found if one}


def _nothing_answers(plan: TestPlan, error: httpx.HTTPError) -> Unusable:
    return Unusable(f"Nothing answers at {plan.url}: {type(error).__name__}")


def _prepare(server: Server) -> None:
    """See that somebody answers, that the key is good, and that the number for codes is free; send the first code."""
    try:
        answer = server.post("/messages/send", {})
        if answer.status_code in (401, 403):
            raise Unusable(f"The server refuses this key: {answer.status_code} {_message(answer)}")
        first = server.send_first_code()
    except httpx.HTTPError as error:
        raise _nothing_answers(server.plan, error) from None
    if first.status_code == 429:
        wait = first.headers.get("Retry-After", "60")
        raise Unusable(
            f"{server.plan.code_phone} was sent codes lately: wait {wait} s, or give another number with --code-phone."
        )
    server.seen["first answer"] = first
    if first.status_code == 200:
        server.sent.append(_message_id(first))


def _message_id(answer: Answer) -> str:
    """Empty where it cannot be read; the rule about codes says so."""
    try:
        return str(answer.json()["messageId"])
    except (ValueError, KeyError, TypeError):
        return ""


def _message(answer: Answer) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _result(server: Server, rule: ContractRule) -> RuleResult:
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
    kind = answer.headers.get("Content-Type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise Broken(f"{answer.request.url.path}: Content-Type is {kind!r}")
    try:
        body: dict[str, Any] = answer.json()
    except ValueError:
        raise Broken(f"{answer.request.url.path}: the body is not JSON") from None
    if not isinstance(body, dict):
        raise Broken(f"{answer.request.url.path}: the body is not an object")
    return body


def exactly(answer: Answer, status: int, wanted: dict[str, Any]) -> None:
    body = expect(answer, status)
    if not _same(body, wanted):
        raise Broken(f"the body is {body}, not {wanted}")


def keys_are(body: dict[str, Any], *names: str, more: Sequence[str] = ()) -> None:
    """Whether a body has these keys; of `more`, any."""
    if set(body) - set(more) != set(names):
        raise Broken(f"the body has {sorted(body)}, not {sorted(names)}")


def refusal(answer: Answer, status: int) -> list[dict[str, Any]]:
    """The `errors` of an answer in the common shape, each with its `path` and `message`."""
    body = expect(answer, status)
    if body.get("success") is not False or not _is_text(body.get("message")):
        raise Broken(f"{status} without success false and a message")
    if not isinstance(body.get("errors"), list):
        raise Broken(f"{status} without a list of errors")
    for item in body["errors"]:
        if not isinstance(item.get("path"), list) or not _is_text(item.get("message")):
            raise Broken(f"{status} with an error that lacks its path or message: {item}")
    return list(body["errors"])


def is_uuid4(value: Any) -> None:
    try:
        fits = str(uuid.UUID(value, version=4)) == value
    except (ValueError, TypeError, AttributeError):
        fits = False
    if not fits:
        raise Broken("messageId is not a version 4 UUID")


def equal(found: Any, wanted: Any, what: str) -> None:
    if not _same(found, wanted):
        raise Broken(f"{what}: {found!r} instead of {wanted!r}")


def within(found: Any, low: int, high: int, what: str) -> None:
    """Whether a whole number is from `low` to `high`."""
    if type(found) is not int or not low <= found <= high:
        raise Broken(f"{what}: {found!r} is not from {low} to {high}")


def _same(found: Any, wanted: Any) -> bool:
    """As JSON tells values apart: for Python, 1 is True and 600.0 is 600."""
    return json.dumps(found, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
