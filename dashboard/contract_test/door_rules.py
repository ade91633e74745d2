"""The rules of doors, each held against a server over HTTP; what would send is tried with a test key alone."""

from __future__ import annotations

import json
import random
import uuid
from functools import partial
from typing import Any

from dashboard.contract_test import runner
from dashboard.contract_test.runner import (
    Answer,
    Broken,
    ContractRule,
    Server,
    Skipped,
    equal,
    exactly,
    expect,
    keys_are,
    within,
)
from dashboard.db import utcnow
from dashboard.gateway.webhooks import signing

VALIDATION, HOOK = "/api/sms/validation/", "/doors/supabase/"
CODE = "480215"
BAD_PHONE = "12345678"

RULES: list[ContractRule] = []
door = partial(runner.rule, RULES, beyond=True)


@door("an address without a door is 401, told as its service tells it")
def _unknown(server: Server) -> None:
    validation = server.post(VALIDATION + str(uuid.uuid4()), {}, key=None, Validation_token=server.plan.key)
    if validation.status_code == 404:
        raise Skipped("this server has no doors")
    keys_are(expect(validation, 401), "message")
    hook = server.post(HOOK + str(uuid.uuid4()), {}, key=None)
    equal(_fault(hook, 401), 401, "http_code")


@door("the door of Chinguisoft's clients takes the secret of its own key alone")
def _token(server: Server) -> None:
    path = _validation(server)
    for token in ({}, {"Validation_token": "unknown"}):
        keys_are(expect(server.post(path, {}, key=None, **token), 401), "message")


@door("the door of Chinguisoft's clients tells the code that it sends, and the balance")
def _validates(server: Server) -> None:
    phone = _fresh_phone(server)
    for code in ({"code": CODE}, {}):
        body = expect(_ask(server, phone=phone, lang="fr", **code), 200)
        keys_are(body, "code", "balance")
        if code:
            equal(body["code"], CODE, "code")
        if not runner.SIX_DIGITS.fullmatch(str(body["code"])):
            raise Broken("the code is not of six digits")


@door("the door of Chinguisoft's clients names what is wrong by field, with 422")
def _invalid(server: Server) -> None:
    for wrong, field in (({"phone": BAD_PHONE}, "phone"), ({"phone": server.plan.phone, "code": "1"}, "code")):
        body = expect(_ask(server, **wrong), 422)
        keys_are(body, "message", "errors")
        equal(list(body["errors"]), [field], "fields")


@door("the door of Chinguisoft's clients keeps the limits of the key, with 429 and Retry-After")
def _limited(server: Server) -> None:
    phone = _fresh_phone(server)
    if not server.key_limits or min(server.key_limits.values()) > runner.MOST_CODES:
        raise Skipped("the key has no limit that is reached soon")
    for _ in range(min(server.key_limits.values())):
        expect(_ask(server, phone=phone), 200)
    refused = _ask(server, phone=phone)
    keys_are(expect(refused, 429), "message")
    within(int(refused.headers.get("Retry-After", "0")), 1, 86_400, "Retry-After")


@door("the hook of Supabase sends what is signed, and once")
def _hook(server: Server) -> None:
    phone, name = _fresh_phone(server), str(uuid.uuid4())
    for _ in range(2):
        exactly(_call_hook(server, _hook_body(phone), name), 200, {})
    equal(_fault(_call_hook(server, _hook_body(phone, "111111"), name), 200), 400, "http_code for a name that is used")


@door("the hook of Supabase is 401 when it is not signed, or was signed long ago")
def _unsigned(server: Server) -> None:
    path, _ = _signed_door(server)
    equal(_fault(server.post(path, {}, key=None), 401), 401, "http_code")
    old = {"webhook_id": "a", "webhook_timestamp": "1700000000", "webhook_signature": "v1,AAAA"}
    equal(_fault(server.post(path, {}, key=None, **old), 401), 401, "http_code")


@door("the hook of Supabase tells a refusal with 200 and an error")
def _refused_hook(server: Server) -> None:
    equal(_fault(_call_hook(server, _hook_body(BAD_PHONE)), 200), 422, "http_code")


def _validation(server: Server) -> str:
    if not server.plan.validation:
        raise Skipped("give --validation, the address of the key's door")
    return server.plan.validation


def _signed_door(server: Server) -> tuple[str, str]:
    if not server.plan.hook or not server.plan.hook_secret:
        raise Skipped("give --hook and --hook-secret, the address of the key's door and its secret")
    return server.plan.hook, server.plan.hook_secret


def _fresh_phone(server: Server) -> str:
    """A number of nobody's; skip where codes would reach real phones."""
    if not server.me or server.me["mode"] != "test":
        raise Skipped("codes are sent through doors with a test key alone")
    return f"+22237{random.SystemRandom().randrange(900_000):06d}"


def _ask(server: Server, **body: str) -> Answer:
    return server.post(_validation(server), body, key=None, Validation_token=server.plan.key)


def _hook_body(phone: str, code: str = CODE) -> dict[str, Any]:
    return {"user": {"phone": phone.removeprefix("+"), "user_metadata": {"language": "fr"}}, "sms": {"otp": code}}


def _call_hook(server: Server, body: dict[str, Any], name: str = "") -> Answer:
    path, secret = _signed_door(server)
    raw = json.dumps(body).encode()
    signed = signing.headers([secret.removeprefix("v1,")], name or str(uuid.uuid4()), raw, utcnow())
    return server.post(path, raw, key=None, **{header.replace("-", "_"): text for header, text in signed.items()})


def _fault(answer: Answer, status: int) -> int:
    """The status that the hook tells Supabase to answer with."""
    body = expect(answer, status)
    keys_are(body, "error")
    keys_are(body["error"], "http_code", "message")
    return int(body["error"]["http_code"])
