"""The rules beyond the reference, each held against a server over HTTP."""

from __future__ import annotations

import re
import uuid
from functools import partial

from dashboard.contract_test import runner
from dashboard.contract_test.runner import (
    PATHS,
    WINDOWS,
    Answer,
    Broken,
    ContractRule,
    Server,
    Skipped,
    equal,
    exactly,
    expect,
    is_uuid4,
    keys_are,
    refusal,
    within,
)

STATES = ("queued", "sending", "sent", "delivered", "failed", "expired")
FOLLOWED = {"kind", "channel", "status", "encoding", "segments", "errorCode", "createdAt", "sentAt", "statusHistory"}
NOWHERE = "https://contract-test.invalid/hooks"  # never resolves

RULES: list[ContractRule] = []
extension = partial(runner.rule, RULES, beyond=True)


@extension("every refusal says which rule, for programs")
def _codes_of_errors(server: Server) -> None:
    for number, code in (
        ("12345678", "phone_prefix"),
        ("2763564", "phone_length"),
        ("27 63 56 42", "phone_format"),
        ("+1234567890", "phone_country"),
    ):
        errors = server.invalid(server.text(number))
        equal([(item["path"], item["code"]) for item in errors], [(["phoneNumber"], code)], number)


@extension("a number with a line break, or as a JSON number, is 400")
def _odd_numbers(server: Server) -> None:
    for number in ("27635642\n", 27635642):
        server.invalid(server.post("/messages/send", {"phoneNumber": number, "message": "Test"}))


@extension("the same key twice in a body is 400")
def _duplicate(server: Server) -> None:
    equal(refusal(server.post("/messages/send", b'{"a":1,"a":2}'), 400)[0]["code"], "duplicate_key", "code")


@extension("what is not JSON, or no text, is 400: NaN, half a surrogate pair, control characters")
def _hostile(server: Server) -> None:
    poisons = {b"NaN": "invalid_json", b'"\\ud800"': "invalid_characters", b'"a\\u0007"': "invalid_characters"}
    for poison, code in poisons.items():
        body = b'{"phoneNumber":"' + server.plan.phone.encode() + b'","message":' + poison + b"}"
        equal(refusal(server.post("/messages/send", body), 400)[0]["code"], code, "code")


@extension("a text of more than ten SMS is 400")
def _too_long(server: Server) -> None:
    for text in ("a" * 1_531, "ç" * 671):
        errors = server.invalid(server.post("/messages/send", {"phoneNumber": server.plan.phone, "message": text}))
        equal(errors[0]["code"], "too_long", "code")
    if server.me and server.me["mode"] == "test":  # where ten SMS cost nothing
        longest = server.post("/messages/send", {"phoneNumber": server.plan.phone, "message": "a" * 1_530})
        equal(expect(longest, 200)["success"], True, "a text of ten SMS")


@extension("a body over 32 KiB is 413")
def _too_large(server: Server) -> None:
    refusal(server.post("/messages/send", b'{"a":"' + b"a" * 32 * 1024 + b'"}'), 413)


@extension("another method is 405")
def _method(server: Server) -> None:
    answer = server.call("PUT", "/messages/send", {})
    refusal(answer, 405)
    if "POST" not in answer.headers.get("Allow", ""):
        raise Broken(f"Allow is {answer.headers.get('Allow')!r}")


@extension("answers bear X-Request-Id, the caller's own where it sent one")
def _request_id(server: Server) -> None:
    answer = server.post("/messages/send", {}, X_Request_Id="contract-test.1")
    equal(answer.headers.get("X-Request-Id"), "contract-test.1", "X-Request-Id")


@extension("a code that is taken tells the limits, and what is left of the tightest")
def _standings(server: Server) -> str:
    answer: Answer | None = server.seen.get("first answer")
    if answer is None:
        raise Skipped("no code was sent")
    _policy_holds(server, answer)
    if not server.limits:
        return "no limit"
    _window_left(server, answer, min(server.limits.values()) - 1)
    return ", ".join(f"{quota} in each {window}" for window, quota in server.limits.items())


@extension("a 404 for a code tells why: it was never sent, or was used")
def _why_not_found(server: Server) -> str:
    equal(server.seen["never sent"][0]["code"], "otp_not_found", "code")
    if "used" not in server.seen:
        return "never sent"
    equal(server.seen["used"][0]["code"], "otp_used", "code")
    return "both"


@extension("a 429 says which limit, and when to come back")
def _limit_headers(server: Server) -> None:
    answer: Answer | None = server.seen.get("limited")
    if answer is None:
        raise Skipped("no 429 was had")
    equal(answer.json()["message"], "Rate limit exceeded", "message")
    item = answer.json()["errors"][0]
    window = item["window"]
    if window not in server.tightest:
        raise Broken(f"window: {window!r} instead of {' or '.join(server.tightest)}")
    within(item["retryAfter"], 1, WINDOWS[window], "retryAfter")
    equal((item["code"], item["limit"]), ("rate_limited", server.limits[window]), "errors")
    equal(answer.headers.get("Retry-After"), str(item["retryAfter"]), "Retry-After")
    _policy_holds(server, answer)
    _window_left(server, answer, 0)


@extension("GET /me tells name, mode, scopes, limits and caps")
def _me(server: Server) -> str:
    body = expect(server.get("/me"), 200)
    keys_are(body, "success", "name", "mode", "scopes", "limits", "dailyCaps")
    equal(list(body["limits"]), list(WINDOWS), "the windows of limits")
    if (answer := server.seen.get("first answer")) is not None and answer.status_code == 200:
        _policy_holds(server, answer)
    return f"{body['name']} ({body['mode']})"


@extension("a message is followed by its id")
def _follow(server: Server) -> str:
    body = expect(server.get(f"/messages/{server.message_id}"), 200)
    equal((body["messageId"], body["phoneNumber"]), (server.message_id, server.plan.phone), "the message")
    missing = FOLLOWED - set(body)
    if missing:
        raise Broken(f"the message lacks {sorted(missing)}")
    states = [step["status"] for step in body["statusHistory"]]
    equal((states[0], states[-1]), ("queued", body["status"]), "the first and the last state")
    if states != sorted(states, key=STATES.index):
        raise Broken(f"the states went back: {states}")
    return str(body["status"])


@extension("no code is told by the message that bears it, and a verified one has arrived")
def _follow_code(server: Server) -> str:
    if not server.sent:
        raise Skipped("no code was sent")
    message_id = server.seen.get("verified code", server.sent[-1])
    answer = server.get(f"/messages/{message_id}")
    body = expect(answer, 200)
    code = server.codes.get(message_id)
    if code and re.search(rf"(?<![0-9a-f]){code}(?![0-9a-f])", answer.text):
        raise Broken("the code stands in the answer")
    equal(sorted({"text", "message", "body", "otp", "code"} & set(body)), [], "fields that tell the text")
    if "used" in server.seen:
        equal(body["status"], "delivered", "status")
    return str(body["status"])


@extension("an unknown or malformed id is 404, told alike")
def _unknown_id(server: Server) -> None:
    unknown, malformed = (server.get(f"/messages/{name}") for name in (uuid.uuid4(), "x"))
    refusal(unknown, 404)
    exactly(malformed, 404, unknown.json())


@extension("the message of another key is 404, told as one that never was")
def _foreign_id(server: Server) -> None:
    other = server.plan.other_key
    if not other:
        raise Skipped("give --other-key")
    foreign, unknown = (server.get(f"/messages/{name}", key=other) for name in (server.message_id, uuid.uuid4()))
    refusal(unknown, 404)
    exactly(foreign, 404, unknown.json())


@extension("messages are listed newest first, in pages")
def _list(server: Server) -> None:
    first = expect(server.get("/messages?limit=1"), 200)
    second = expect(server.get(f"/messages?limit=1&after={first['next']}"), 200)
    pages = [page["messages"][0] for page in (first, second)]
    if pages[0]["messageId"] == pages[1]["messageId"] or pages[0]["createdAt"] < pages[1]["createdAt"]:
        raise Broken("the second page does not follow the first")
    refusal(server.get("/messages?limit=0"), 400)


@extension("the list is filtered, and a filter that breaks a rule is 400")
def _filters(server: Server) -> None:
    number = server.plan.phone.replace("+", "%2B")
    for found in expect(server.get(f"/messages?kind=message&phoneNumber={number}"), 200)["messages"]:
        equal((found["kind"], found["phoneNumber"]), ("message", server.plan.phone), "kind and number")
    for wrong in ("status=lost", "from=yesterday", "after=x", "phoneNumber=1", "limit=1&limit=2"):
        refusal(server.get(f"/messages?{wrong}"), 400)


@extension("a batch is taken, and a bad message in it holds no other back")
def _batch(server: Server) -> None:
    good = {"phoneNumber": server.plan.phone, "message": "Test"}
    body = expect(server.post("/messages/batch", {"messages": [good, {}, {}]}), 200)
    equal([result["success"] for result in body["results"]], [True, False, False], "results")
    is_uuid4(body["results"][0]["messageId"])
    for result in body["results"][1:]:
        equal(
            sorted(error["path"][-1] for error in result["errors"]), ["message", "phoneNumber"], "errors of a message"
        )
    largest = expect(server.post("/messages/batch", {"messages": [{}] * 1_000}), 200)
    equal([result["success"] for result in largest["results"]], [False] * 1_000, "results of 1,000")
    for count in (0, 1_001):
        server.invalid(server.post("/messages/batch", {"messages": [{}] * count}))


@extension("the same Idempotency-Key makes one message and one answer")
def _idempotency(server: Server) -> None:
    name = f"contract-test {uuid.uuid4()}"
    first, again = (server.text(Idempotency_Key=name) for _ in range(2))
    expect(first, 200)
    equal((again.status_code, again.text), (first.status_code, first.text), "the answer")
    equal(again.headers.get("Idempotent-Replayed"), "true", "Idempotent-Replayed")
    other = server.text("22222222", Idempotency_Key=name)
    equal(refusal(other, 400)[0]["code"], "idempotency_mismatch", "code")
    equal(refusal(server.text(Idempotency_Key="a" * 256), 400)[0]["code"], "idempotency_key", "code")


@extension("a code that is asked for again under its Idempotency-Key costs nothing, even past the limit")
def _code_again(server: Server) -> None:
    first: Answer | None = server.seen.get("first answer")
    if first is None:
        raise Skipped("no code was sent")
    again = server.send_first_code()
    equal((again.status_code, again.text), (200, first.text), "the answer")
    equal(again.headers.get("Idempotent-Replayed"), "true", "Idempotent-Replayed")


@extension("/openapi.json describes every call")
def _openapi(server: Server) -> str:
    body = expect(server.call("GET", "/openapi.json", key=None), 200)
    missing = {*PATHS, *PATHS.values(), "/messages", "/messages/batch", "/me", "/webhooks", "/api/v2/bulk/send"} - set(
        body["paths"]
    )
    if missing:
        raise Broken(f"it lacks {sorted(missing)}")
    if not str(body["openapi"]).startswith("3.1"):
        raise Broken(f"it is of version {body['openapi']}")
    return f"OpenAPI {body['openapi']}"


@extension("a webhook is made, shown, changed and deleted; its secret is told once")
def _webhooks(server: Server) -> None:
    if not server.me or "webhooks" not in server.me["scopes"]:
        raise Skipped("the key lacks the scope webhooks")
    wanted = {"url": NOWHERE, "events": ["otp.exhausted"]}
    made = expect(server.post("/webhooks", wanted), 200)
    one = f"/webhooks/{made['webhookId']}"
    try:
        shown = expect(server.get(one), 200)
        equal((made["secret"][:6], "secret" in shown, shown["url"]), ("whsec_", False, NOWHERE), "the secret")
        off = expect(server.call("PATCH", one, {"enabled": False}), 200)
        equal((off["state"], off["disabledReason"]), ("disabled", "asked"), "the state")
        equal(refusal(server.post(f"{one}/test"), 400)[0]["code"], "webhook_disabled", "code")
    finally:
        expect(server.call("DELETE", one), 200)
    equal(refusal(server.get(one), 404)[0]["code"], "webhook_not_found", "code")
    for url in ("ftp://shop.example.mr", "https://user:word@shop.example.mr/", "https://"):
        equal(refusal(server.post("/webhooks", {"url": url}), 400)[0]["code"], "url_format", "code")


@extension("health is told without a key")
def _health(server: Server) -> str:
    equal(expect(server.call("GET", "/healthz", key=None), 200), {"status": "ok"}, "healthz")
    return "ready" if server.call("GET", "/readyz", key=None).status_code == 200 else "not ready"


def _policy_holds(server: Server, answer: Answer) -> None:
    """Whether RateLimit-Policy says the same limits as GET /me; of a number that was given, as its first answer."""
    policy = ", ".join(f'"{window}";q={quota};w={WINDOWS[window]}' for window, quota in server.limits.items())
    equal(answer.headers.get("RateLimit-Policy"), policy or None, "RateLimit-Policy")


def _window_left(server: Server, answer: Answer, remaining: int) -> None:
    """Whether the RateLimit header names the tightest window, with so many codes left and a time within it."""
    header = answer.headers.get("RateLimit", "")
    match = re.fullmatch(rf'"({"|".join(server.tightest)})";r={remaining};t=(\d+)', header)
    if match is None:
        raise Broken(f"RateLimit is {header!r}")
    within(int(match[2]), 1, WINDOWS[match[1]], "t of RateLimit")
