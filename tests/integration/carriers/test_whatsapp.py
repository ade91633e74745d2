"""WhatsApp: the request, what each error means, and what Meta calls back with."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from dashboard.outbound.errors import NotSent, OutcomeUnknown, Refused
from dashboard.providers.base import TOO_LATE, Outgoing, Provider
from dashboard.providers.delivery_reports import Callback, Reply, ReportListener
from dashboard.providers.registry import build
from dashboard.providers.whatsapp import provider as whatsapp
from dashboard.vocabulary import Blame
from tests.support.fake_carrier import Carrier, Script, answers
from tests.support.outgoing import CODE, ID, PHONE, TEXT
from tests.support.present import present
from tests.support.stack import until

SCHEMA = json.loads(Path(__file__).with_name("authentication_template.schema.json").read_text())
TOKEN, APP_SECRET, VERIFY = "EAAG" + "x" * 40, "5e" * 16, "a-long-verify-token"
TAKEN = json.dumps(
    {
        "messaging_product": "whatsapp",
        "contacts": [{"input": PHONE, "wa_id": PHONE[1:]}],
        "messages": [{"id": "wamid.HBgL", "message_status": "accepted"}],
    }
).encode()

AGAIN = [130429, 131056, 4, 80007, 2, 131000, 131016]
CONFIGURATION = [
    190,
    0,
    10,
    200,
    250,
    299,
    132000,
    132001,
    132015,
    132016,
    131042,
    131031,
    131008,
    131009,
    100,
    133010,
    368,
]


def settings(**changes: Any) -> dict[str, Any]:
    values = {"phone_number_id": "106540352242922", "access_token": TOKEN, "app_secret": APP_SECRET}
    values |= {"verify_token": VERIFY, "template_fr": "code_fr", "template_ar": "code_ar", "language_fr": "fr"}
    return values | changes


@pytest.fixture
def provider(carrier: Carrier) -> Iterator[Provider]:
    carrier.plays(answers(200, TAKEN))
    made = build("whatsapp", settings(base_url=carrier.url, allow_http="on", allow_private="on"), "wa")
    yield made
    made.close()


def graph(code: int, status: int = 400, **more: Any) -> Script:
    return answers(status, json.dumps({"error": {"message": f"about {PHONE}", "code": code, **more}}).encode())


def test_a_code_leaves_as_an_authentication_template(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    outcome = provider.send(outgoing(channel="whatsapp"))
    request = carrier.ledger[0]
    body = json.loads(request.body)
    assert outcome.reference == "wamid.HBgL"
    assert (request.method, request.target) == ("POST", "/v23.0/106540352242922/messages")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    jsonschema.validate(body, SCHEMA)
    assert body["to"] == PHONE
    assert body["biz_opaque_callback_data"] == ID
    assert [part["parameters"][0]["text"] for part in body["template"]["components"]] == [CODE, CODE]
    assert TEXT not in request.body.decode()


@pytest.mark.parametrize(
    ("language", "template", "code"),
    [("fr", "code_fr", "fr"), ("ar", "code_ar", "ar"), ("en", "code_fr", "fr"), (None, "code_fr", "fr")],
)
def test_each_language_has_its_template_and_another_stands_in(
    provider: Provider,
    carrier: Carrier,
    outgoing: Callable[..., Outgoing],
    language: str | None,
    template: str,
    code: str,
) -> None:
    provider.send(outgoing(language=language))
    sent = json.loads(carrier.ledger[0].body)["template"]
    assert (sent["name"], sent["language"]) == (template, {"policy": "deterministic", "code": code})


def test_the_schema_can_fail(outgoing: Callable[..., Outgoing]) -> None:
    read = whatsapp.WhatsAppSettings.read(settings())
    body = whatsapp.request(read, outgoing())
    for path, value in ((("type",), "text"), (("template", "name"), "Ä"), (("template", "language", "policy"), "x")):
        broken = json.loads(json.dumps(body))
        place = broken
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


def test_a_plain_text_is_refused_without_a_call(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    with pytest.raises(Refused, match="whatsapp_takes_codes_only"):
        provider.send(outgoing(code=None))
    assert carrier.ledger == []


@pytest.mark.parametrize("code", AGAIN)
@pytest.mark.parametrize("status", [400, 429, 500])
def test_passing_errors_are_tried_again(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], code: Any, status: int
) -> None:
    carrier.plays(graph(code, status))
    with pytest.raises(NotSent) as fault:
        provider.send(outgoing())
    assert fault.value.code == f"whatsapp_{code}"
    assert not fault.value.configuration


@pytest.mark.parametrize(
    ("code", "name"), [(131026, "not_on_whatsapp"), (130472, "whatsapp_withheld"), (131049, "whatsapp_withheld")]
)
def test_who_is_not_reached_by_whatsapp_may_be_by_sms(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], code: int, name: str
) -> None:
    carrier.plays(graph(code, 500, is_transient=True))
    with pytest.raises(Refused) as fault:
        provider.send(outgoing())
    assert fault.value.code == name
    assert fault.value.blame is Blame.NUMBER
    assert not fault.value.configuration


@pytest.mark.parametrize("code", CONFIGURATION)
@pytest.mark.parametrize("status", [400, 401, 500])
def test_faults_of_configuration_are_marked(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], code: Any, status: int
) -> None:
    carrier.plays(graph(code, status))
    with pytest.raises(Refused) as fault:
        provider.send(outgoing())
    assert (fault.value.code, fault.value.configuration) == (f"whatsapp_{code}", True)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [(131047, 400, Refused), (1, 500, NotSent), (999999, 503, NotSent), (555, 429, NotSent)],
)
def test_other_codes_go_by_the_status(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], code: int, status: int, error: Any
) -> None:
    carrier.plays(graph(code, status))
    with pytest.raises(error):
        provider.send(outgoing())
    assert len(carrier.ledger) == 1


def test_a_transient_error_is_tried_again_whatever_its_code(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    carrier.plays(graph(131047, 400, is_transient=True))
    with pytest.raises(NotSent):
        provider.send(outgoing())


@pytest.mark.parametrize(
    ("status", "error", "configuration"),
    [
        *((400, Refused, False), (401, Refused, True), (404, Refused, True), (302, Refused, True)),
        *((429, NotSent, False), (500, NotSent, False), (502, NotSent, False), (503, NotSent, False)),
        (504, OutcomeUnknown, False),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "x"}', b'{"error": {"code": "190"}}', b"[]", b"\xff"])
def test_without_a_code_the_status_decides(
    provider: Provider,
    carrier: Carrier,
    outgoing: Callable[..., Outgoing],
    status: Any,
    error: Any,
    configuration: Any,
    body: bytes,
) -> None:
    carrier.plays(answers(status, body))
    with pytest.raises(error) as fault:
        provider.send(outgoing())
    assert fault.value.configuration is configuration
    assert len(carrier.ledger) == 1


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"{}", b'{"messages": []}', b'{"messages": [{"id": true}]}', b"null", b"[" * 50_000]
)
def test_a_success_without_a_reference_leaves_the_outcome_unknown(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], body: bytes
) -> None:
    carrier.plays(answers(200, body))
    with pytest.raises(OutcomeUnknown, match="whatsapp_bad_answer"):
        provider.send(outgoing())


def test_an_error_in_a_success_counts(provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    carrier.plays(graph(131026, 200))
    with pytest.raises(Refused, match="not_on_whatsapp"):
        provider.send(outgoing())


def test_nothing_is_sent_before_retry_after(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    limited = json.dumps({"error": {"code": 130429}}).encode()
    carrier.plays(answers(429, limited, Retry_After="1"), answers(200, TAKEN))
    with pytest.raises(NotSent) as fault:
        provider.send(outgoing())
    assert fault.value.retry_after == 1

    def again(_: int) -> float | None:
        with pytest.raises(NotSent) as held:
            provider.send(outgoing())
        return held.value.retry_after

    with ThreadPoolExecutor(8) as threads:
        assert all(0 < present(after) <= 1 for after in threads.map(again, range(40)))
    assert len(carrier.ledger) == 1
    time.sleep(1.05)
    assert provider.send(outgoing()).reference == "wamid.HBgL"
    assert carrier.ledger[1].at - carrier.ledger[0].at >= 1


def test_resets_and_silence_are_told_apart(carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    made = whatsapp.WhatsApp(
        "wa", whatsapp.WhatsAppSettings.read(settings(base_url=carrier.url, allow_http=1, allow_private=1)), timeout=0.4
    )
    carrier.plays(lambda wire: wire.reset(), lambda wire: wire.hang())
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            made.send(outgoing())
    carrier.close()
    with pytest.raises(NotSent, match="unreachable"):
        made.send(outgoing())
    assert len(carrier.ledger) == 2
    made.close()


def test_nothing_of_a_text_a_number_or_a_credential_is_told(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    carrier.plays(graph(131047), graph(190), answers(200, TAKEN), answers(500, CODE.encode()))
    said = [repr(cast(Any, provider).settings), repr(outgoing()).replace(PHONE, "")]
    for _ in range(4):
        try:
            provider.send(outgoing())
        except (Refused, NotSent) as fault:
            said += [str(fault), repr(fault), repr(fault.__context__), repr(fault.__cause__)]
    for secret in (CODE, PHONE, TOKEN, APP_SECRET, VERIFY, TEXT):
        assert secret not in "".join(said) + caplog.text


def test_a_text_that_waited_too_long_is_handed_back(
    provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]
) -> None:
    told = []
    provider.hand_over([outgoing(start_by=time.monotonic() - 1)], lambda _item, result: told.append(result))
    until(lambda: told, 5)
    assert told == [TOO_LATE]
    assert not carrier.ledger


def test_many_at_once(provider: Provider, carrier: Carrier, outgoing: Callable[..., Outgoing]) -> None:
    """Each text once, each outcome once."""
    told = []
    provider.hand_over([outgoing(id=str(n)) for n in range(100)], lambda item, result: told.append((item.id, result)))
    until(lambda: len(told) == 100, 10)
    assert sorted(int(item) for item, _ in told) == list(range(100))
    assert {getattr(result, "reference", None) for _, result in told} == {"wamid.HBgL"}
    assert sorted(int(json.loads(r.body)["biz_opaque_callback_data"]) for r in carrier.ledger) == list(range(100))
    assert carrier.connections <= whatsapp.PARALLEL


def status(state: Any, reference: Any = "wamid.A", **more: Any) -> dict[str, Any]:
    return {"id": reference, "status": state, "timestamp": "1764000000", "recipient_id": PHONE[1:], **more}


def payload(*statuses: Any) -> dict[str, Any]:
    value = {"messaging_product": "whatsapp", "metadata": {}, "statuses": list(statuses)}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}],
    }


def signed(body: bytes, secret: str = APP_SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def report(provider: Provider, body: bytes, signature: str | None = None) -> Reply:
    headers = {"x-hub-signature-256": signed(body) if signature is None else signature}
    return cast(ReportListener, provider).called_back(Callback("POST", {}, headers, body))


def test_reports_are_read_in_any_order_and_number(provider: Provider) -> None:
    failed = status("failed", "wamid.B", errors=[{"code": 131026, "title": "x"}], biz_opaque_callback_data=ID)
    reply = report(provider, json.dumps(payload(status("read"), failed, status("sent"), status("sent"))).encode())
    assert reply.status == 200
    assert [(r.references, r.state, r.code) for r in reply.receipts] == [
        (("wamid.A",), "read", None),
        (("wamid.B",), "failed", "not_on_whatsapp"),
        (("wamid.A",), "sent", None),
        (("wamid.A",), "sent", None),
    ]
    assert reply.receipts[0].at == datetime.fromtimestamp(1764000000, UTC)
    assert reply.receipts[1].message_id == ID


@pytest.mark.parametrize(
    "header", ["", "sha256=", "sha1=abc", "sha256=" + "0" * 64, "sha256=é", signed(b"other"), signed(b"{}", "x")]
)
def test_a_callback_that_is_not_signed_is_refused(provider: Provider, header: Any) -> None:
    reply = report(provider, b"{}", header)
    assert (reply.status, reply.receipts) == (403, ())


def test_without_an_app_secret_every_callback_is_refused() -> None:
    made = build("whatsapp", settings(app_secret=""))
    assert report(made, b"{}", signed(b"{}", "")).status == 403


def test_garbage_that_is_signed_is_taken_and_says_nothing(provider: Provider) -> None:
    dice = random.Random(7)
    pieces = [None, 1, True, [], {}, "x", [None], {"entry": None}, {"statuses": 3}, -1, 1e400]
    bodies = [
        b"",
        b"\xff\x00",
        b"[" * 5000,
        b"null",
        b'{"entry": {"changes": 1}}',
        json.dumps(payload(*pieces)).encode(),
    ]
    for _ in range(300):
        whole = payload(
            status(dice.choice(pieces), dice.choice(pieces), errors=dice.choice(pieces), timestamp=dice.choice(pieces))
        )
        whole["entry"][0][dice.choice(["id", "changes"])] = dice.choice(pieces)
        bodies.append(json.dumps(whole).encode())
    for body in bodies:
        reply = report(provider, body)
        assert (reply.status, reply.receipts) == (200, ()), body


def test_the_handshake_needs_the_token(provider: Provider) -> None:
    def ask(**args: Any) -> Reply:
        query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
        return cast(ReportListener, provider).called_back(
            Callback("GET", query | {f"hub.{name}": value for name, value in args.items()})
        )

    assert (ask().status, ask().text) == (200, "1158201444")
    assert ask(verify_token="wrong").status == 403
    assert ask(verify_token="").status == 403
    assert ask(mode="unsubscribe").status == 403
    assert ask(challenge="<script>").status == 403
    assert whatsapp.verify_subscription({"hub.mode": "subscribe", "hub.challenge": "1"}, "") is None
