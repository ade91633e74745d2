"""Presets: each is filled in, sends as its carrier's documentation says, and understands that carrier's answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.outbound.errors import NotSent, Refused
from dashboard.providers import presets
from dashboard.providers.base import Outgoing, Provider
from dashboard.providers.registry import build
from dashboard.providers.settings import InvalidSettings
from tests.support.fake_carrier import Carrier, answers
from tests.support.outgoing import ID, PHONE, TEXT

MakeOutgoing = Callable[..., Outgoing]
LOGIN = {"username": "gw", "password": "secret-password", "token": "secret-token", "sender": "Chinqit"}
LOGIN_OF = {"http": LOGIN, "smsgate": {"username": "gw", "password": "secret-password"}}
# By preset: an answer that takes the text with its reference, an answer that refuses it, one that refuses the login.
ANSWERS: dict[str, tuple[tuple[int, str], str, tuple[int, str] | None, tuple[int, str]]] = {
    "jasmin": (
        (200, 'Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"'),
        "07033084-5cfd-4812-90a4-e4d24ffb6e3d",
        (412, 'Error "No route found"'),
        (403, 'Error "Authentication failure for username:gw"'),
    ),
    "playsms": (
        (200, '{"data":[{"status":"OK","error":"0","smslog_id":"4711","to":"+22238089336"}],"error_string":null}'),
        "4711",
        (200, '{"data":[{"status":"ERR","error":"105","to":"+22238089336"}],"error_string":null}'),
        (200, '{"status":"ERR","error":"100","error_string":"authentication failed"}'),
    ),
    "kannel": ((202, "0: Accepted for delivery"), ID, (400, "Message missing"), (403, "Authorization failed")),
    "httpsms": (
        (200, '{"data":{"id":"32343a19"},"message":"message added to queue","status":"success"}'),
        "32343a19",
        (422, '{"data":{"to":["invalid"]},"message":"validation errors","status":"error"}'),
        (401, '{"data":"Make sure your API key is set","message":"not authorized","status":"error"}'),
    ),
    "twilio": (
        (201, '{"sid":"SM4711","status":"queued","error_code":null,"error_message":null}'),
        "SM4711",
        (400, '{"code":21211,"message":"Invalid \'To\' Phone Number","status":400}'),
        (401, '{"code":20003,"message":"Authenticate","status":401}'),
    ),
    "smsgate-local": ((202, f'{{"id":"{ID}","state":"Pending"}}'), ID, (400, '{"message":"bad"}'), (401, "")),
    "smsgate-cloud": ((202, f'{{"id":"{ID}","state":"Pending"}}'), ID, (400, '{"message":"bad"}'), (401, "")),
}

# By preset that can be asked for its balance: what it asks for, its documented answer, and the amount in 1/10,000.
BALANCES = {
    "jasmin": ("/balance?", {"username", "password"}, '{"balance": 100.0, "sms_count": "ND"}', 1_000_000),
    "playsms": (
        "/index.php?",
        {"app", "op", "format", "u", "h"},
        '{"status":"OK","error":"0","credit":"12.5"}',
        125_000,
    ),
    "twilio": (
        "/2010-04-01/Accounts/gw/Balance.json",
        set(),
        '{"account_sid":"gw","balance":"-1.2345","currency":"USD"}',
        -12_345,
    ),
}


@contextmanager
def opened(name: str, carrier: Carrier) -> Iterator[Provider]:
    """A carrier of a preset, whose server is the fake one."""
    preset = presets.load(name)
    values: dict[str, Any] = preset.filled(LOGIN_OF[preset.kind] | dict.fromkeys(preset.variables, carrier.url))
    field = "url" if preset.kind == "http" else "address"
    address = values.get(field, "")
    host = "/".join(address.split("/", 3)[:3])
    values |= {field: carrier.url + address.removeprefix(host), "allow_http": True, "allow_private": True}
    if "balance_url" in values:
        values["balance_url"] = carrier.url + values["balance_url"].removeprefix(host)
    provider = build(preset.kind, values)
    try:
        yield provider
    finally:
        provider.close()


def test_every_preset_is_tried_here() -> None:
    assert set(presets.NAMES) == set(ANSWERS)


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_text_is_taken_and_its_reference_read(name: str, carrier: Carrier, outgoing: MakeOutgoing) -> None:
    (status, body), reference, _, _ = ANSWERS[name]
    carrier.plays(answers(status, body.encode()))
    with opened(name, carrier) as provider:
        outcome = provider.send(outgoing())
    assert (outcome.reference, outcome.doubt) == (reference, None)
    request = carrier.ledger[0]
    everything = request.target + request.body.decode()
    assert PHONE.removeprefix("+") in everything
    fields = parse_qs(urlsplit(request.target).query) | parse_qs(request.body.decode(errors="replace"))
    forms = {TEXT, TEXT.encode("utf-16-be").hex()}
    in_json = any(json.dumps(TEXT, ensure_ascii=ascii)[1:-1] in everything for ascii in (True, False))
    assert in_json or any(value in forms for values in fields.values() for value in values)


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_refusal_is_one(name: str, carrier: Carrier, outgoing: MakeOutgoing) -> None:
    refusal = ANSWERS[name][2]
    assert refusal is not None
    carrier.plays(answers(refusal[0], refusal[1].encode()))
    with opened(name, carrier) as provider, pytest.raises(Refused) as fault:
        provider.send(outgoing())
    assert not fault.value.configuration


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_refused_login_is_a_fault_of_the_set_up(name: str, carrier: Carrier, outgoing: MakeOutgoing) -> None:
    status, body = ANSWERS[name][3]
    carrier.plays(answers(status, body.encode()))
    with opened(name, carrier) as provider, pytest.raises(NotSent) as fault:
        provider.send(outgoing())
    assert fault.value.configuration


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_balance_is_asked_as_the_documentation_says(name: str, carrier: Carrier) -> None:
    target, names, body, amount = BALANCES.get(name, ("", set(), "{}", None))
    carrier.plays(answers(200, body.encode()))
    with opened(name, carrier) as provider:
        found = provider.balance()
    assert (found and found.amount) == amount
    if name in BALANCES:
        (request,) = carrier.ledger
        assert request.target.startswith(target) and set(parse_qs(urlsplit(request.target).query)) == names


def test_what_only_the_administrator_knows_is_asked_for() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        presets.load("jasmin").filled(LOGIN)
    assert [(problem.field, problem.code) for problem in refusal.value.errors] == [("server", "missing")]
