"""The rules of the reference, each held against a server over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from dashboard.contract_test import runner
from dashboard.contract_test.runner import (
    ARRIVES_SECONDS,
    EXHAUSTED,
    PATHS,
    SIX_DIGITS,
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
)

RULES: list[ContractRule] = []
rule = partial(runner.rule, RULES)


@rule("a call without a key is 401")
def _no_key(server: Server) -> None:
    for path in PATHS:
        exactly(server.post(path, {}, key=None), 401, {"success": False, "message": "API key is required"})


@rule("a call with an unknown key is 403")
def _unknown_key(server: Server) -> None:
    for path in PATHS:
        exactly(server.post(path, {}, key="unknown"), 403, {"success": False, "message": "Invalid API key"})


@rule("a key is checked before the body is looked at")
def _key_first(server: Server) -> None:
    for path in PATHS:
        expect(server.post(path, b"{", key=None), 401)
        expect(server.post(path, b"{", key="unknown"), 403)


@rule("a text is taken: success, messageId, queued")
def _text(server: Server) -> None:
    body = expect(server.text(), 200)
    keys_are(body, "success", "messageId", "queued", more=server.may_tell)
    equal((body["success"], body["queued"]), (True, True), "success and queued")
    is_uuid4(body["messageId"])
    server.message_id = body["messageId"]


@rule("a number is taken as XXXXXXXX and 222XXXXXXXX too")
def _number_forms(server: Server) -> None:
    for form in (server.plan.phone[4:], server.plan.phone[1:]):
        expect(server.text(form), 200)


@rule("fields that are not known are ignored")
def _unknown_fields(server: Server) -> None:
    known = {"phoneNumber": server.plan.phone, "message": "Test"}
    expect(server.post("/messages/send", {**known, "sender": "Shop", "tags": [None, {}]}), 200)


@rule("a number that breaks a rule is 400")
def _bad_numbers(server: Server) -> None:
    spaced = "+222 27 63 56 42"
    for number in (
        "12345678",
        "52345678",
        spaced,
        "27-63-56-42",
        "+1234567890",
        "2763564",
        "276356421",
        "",
        "2763564٢",
    ):
        for path in PATHS:
            server.invalid(server.post(path, {"phoneNumber": number, "message": "Test", "otp": "123456"}))


@rule("a missing field is 400")
def _missing(server: Server) -> None:
    phone = {"phoneNumber": server.plan.phone}
    for path, body in (
        ("/messages/send", phone),
        ("/messages/send", {"message": "Test"}),
        ("/otp/send", {}),
        ("/otp/verify", phone),
        ("/otp/verify", {"otp": "123456"}),
    ):
        server.invalid(server.post(path, body))


@rule("a body that is not a JSON object is 400")
def _not_json(server: Server) -> None:
    for path in PATHS:
        for body in (b"", b"{", b"[]", b'"x"', b"\xff"):
            server.invalid(server.post(path, body))


@rule("a blank text is 400")
def _blank(server: Server) -> None:
    server.invalid(server.post("/messages/send", {"phoneNumber": server.plan.phone, "message": " "}))


@rule("an unknown path is 404 in the common shape")
def _unknown_path(server: Server) -> None:
    refusal(server.post("/no/such/path", {}), 404)


@rule("an unknown language, channel or hash is 400")
def _bad_choices(server: Server) -> None:
    for wrong in ({"language": "de"}, {"channel": "voice"}, {"hash": "short"}, {"hash": "ABC 23XYZ45"}):
        server.invalid(server.post("/otp/send", {"phoneNumber": server.plan.code_phone, **wrong}))


@rule("a code is sent: success, messageId, expiresIn 600")
def _code(server: Server) -> None:
    body = expect(server.seen["first answer"], 200)
    keys_are(body, "success", "messageId", "expiresIn", more=server.may_tell)
    equal((body["success"], body["expiresIn"]), (True, 600), "success and expiresIn")
    is_uuid4(body["messageId"])


@rule("a code that is not six digits is 400 and costs no try")
def _bad_codes(server: Server) -> None:
    for wrong in ("12345", "1234567", "12345a", "", 123456, "١٢٣٤٥٦"):
        server.invalid(server.verify(wrong))


@rule("wrong codes are 400, retriesLeft 2, 1, 0")
def _wrong_codes(server: Server) -> None:
    for left in (2, 1, 0):
        exactly(
            server.verify(_wrong_code(server)), 400, {"success": False, "message": "Invalid OTP", "retriesLeft": left}
        )


@rule("after three wrong codes nothing is judged")
def _exhausted(server: Server) -> None:
    body = expect(server.verify("000000"), 400)
    equal((body.get("success"), body.get("retriesLeft")), (False, 0), "success and retriesLeft")
    if server.extended:
        equal((body["message"], body["errors"][0]["code"]), (EXHAUSTED, "otp_exhausted"), "message and code")


@rule("a new code starts the tries afresh")
def _afresh(server: Server) -> None:
    server.send_code(server.plan.code_phone[1:], language="en")
    answer = expect(server.verify(_wrong_code(server)), 400)
    equal(answer.get("retriesLeft"), 2, "retriesLeft")


@rule("a new code ends the one before")
def _superseded(server: Server) -> None:
    old = _read_code(server, _latest(server))
    if old == _read_code(server, server.send_code(server.plan.code_phone[4:], language="ar")):
        raise Skipped("both codes are the same by chance")
    equal(expect(server.verify(old), 400).get("retriesLeft"), 2, "retriesLeft for the older code")


@rule("a right code is verified, once")
def _right_code(server: Server) -> None:
    if len(server.sent) == 1:
        raise Skipped("the only code that the limits allow has had its three wrong tries")
    right = _read_code(server, _latest(server))
    exactly(server.verify(right), 200, {"success": True, "message": "OTP verified successfully", "verified": True})
    server.seen["used"], server.seen["verified code"] = _not_found(server.verify(right)), _latest(server)


@rule("a code past the limit is 429, in whatever form the number is")
def _rate_limit(server: Server) -> str:
    if not server.limits:
        raise Skipped("this server has no limit")
    most = min(server.limits.values())
    if most > server.most_codes:
        raise Skipped(f"this server allows {most} codes to one number: that many are not sent for a test")
    while len(server.sent) < most:
        server.send_code(server.plan.code_phone)
    forms = (server.plan.code_phone, server.plan.code_phone[1:], server.plan.code_phone[4:])
    answers = [server.post("/otp/send", {"phoneNumber": form}) for form in forms]
    for answer in answers:
        refusal(answer, 429)
    server.seen["limited"] = answers[0]
    return f"{most} in each {server.tightest[0]}"


@rule("a check where no code was sent is 404")
def _nothing_sent(server: Server) -> None:
    body = {"phoneNumber": server.plan.phone, "otp": "123456", "channel": "whatsapp"}
    server.seen["never sent"] = _not_found(server.post("/otp/verify", body))


@rule("a code by WhatsApp is sent, or refused with 502")
def _whatsapp(server: Server) -> str:
    if not server.plan.whatsapp:
        raise Skipped("give --whatsapp")
    answer = server.post("/otp/send", {"phoneNumber": server.plan.phone, "channel": "whatsapp"})
    if answer.status_code == 502:
        refusal(answer, 502)
        return "refused"
    keys_are(expect(answer, 200), "success", "messageId", "expiresIn", more=server.may_tell)
    return "sent"


def _not_found(answer: Answer) -> list[dict[str, Any]]:
    """The `errors` of a code that is not there. Clients of the hosted service look for these words."""
    errors = refusal(answer, 404)
    equal(answer.json()["message"], "OTP not found or expired", "message")
    return errors


def _wrong_code(server: Server) -> str:
    """A code that is surely wrong where codes can be read, and most likely elsewhere."""
    if not server.plan.sandbox:
        return "000000"
    return f"{(int(_read_code(server, _latest(server))) + 1) % 1_000_000:06d}"


def _latest(server: Server) -> str:
    """The id of the newest code."""
    return server.sent[-1] if server.sent else ""


def _read_code(server: Server, message_id: str) -> str:
    """The code of a message, from the sandbox phone of this home."""
    if not server.plan.sandbox:
        raise Skipped("the code must be read from a sandbox phone: give --sandbox")
    if not message_id:
        raise Skipped("no code was sent")
    inbox = server.seen.get("inbox") or server.seen.setdefault("inbox", _open_inbox())
    end = time.monotonic() + ARRIVES_SECONDS
    while time.monotonic() < end:
        for text in inbox(server.plan.code_phone):
            if text.message_uuid == message_id:
                code = str(SIX_DIGITS.findall(text.text)[0])
                server.codes[message_id] = code
                return code
        time.sleep(0.1)
    raise Broken("the code did not arrive on the sandbox phone of this home")


def _open_inbox() -> Callable[[str], list[Any]]:
    """Reads the sandbox phone of this home; leaves no connection open."""
    from dashboard.db import make_sessions
    from dashboard.gateway.sandbox.inbox import SandboxInbox
    from dashboard.settings import Settings

    settings = Settings.from_env()
    sessions = make_sessions(settings.database_url)

    def read(phone: str) -> list[Any]:
        try:
            return SandboxInbox(sessions, settings).inbox(phone)
        finally:
            sessions.kw["bind"].dispose()

    return read
